/* twinplug.h: the C ABI between a Twinplug host and a native plugin, version 1.
 *
 * This header is the whole contract; it needs nothing but the C standard
 * library's <stddef.h>, <stdint.h>, <stdarg.h>, <stdio.h> and <string.h>, and
 * compiles as C99 and as C++. `crates/abi` holds the same types for Rust, in
 * the same order: status, value, reference, arena, call, host, service, plugin.
 *
 * Tags used below
 *   [any thread]   may be called from any thread, also from several at once
 *   [in call]      only while a call that the host made is running
 *   [init]         only while the plugin's init runs
 *   [one]          the host calls it once at a time, and no other [one] of this
 *                  plugin meanwhile; on whatever thread it likes
 * Pointers belong to whoever made them. What is passed to a function is
 * borrowed until it returns, unless its comment says otherwise. Text is UTF-8,
 * pointer and length, and not terminated, unless its type is `const char *`
 * without a length.
 *
 * Nothing may unwind through a function of this header, in either direction:
 * no C++ exception, no Rust panic, no longjmp. Catch it and return a status; in
 * C++, TP_GUARD does.
 */
#ifndef TWINPLUG_H
#define TWINPLUG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host loads plugins of its own major version whose minor version is not
 * newer than its own. What came with a minor version says so: "since 1.1". A
 * plugin may use it only if the host's abi_minor, in tp_host, is at least that. */
#define TP_ABI_MAJOR 1
#define TP_ABI_MINOR 1

/* ------------------------------------------------------------------ status */

/* What a function answers. With anything but TP_OK, the result holds the
 * error's text as TP_STR. */
typedef int32_t tp_status;

#define TP_OK 0          /* done */
#define TP_ERROR 1       /* failed; the text says why */
#define TP_PANIC 2       /* a panic or an exception was caught at the border */
#define TP_NOT_FOUND 3   /* no function or channel of that name */
#define TP_TYPE 4        /* a value or a declaration of another type */
#define TP_CLOSED 5      /* the channel was closed */
#define TP_RETIRED 6     /* the plugin was retired, or its host is gone */
#define TP_WRONG_STATE 7 /* not allowed now: see the function's tags */
#define TP_NO_MEMORY 8   /* the arena could not grow */
#define TP_CANNOT_WAIT 9 /* it would have to wait, where that is not possible (since 1.1) */
#define TP_WOULD_WAIT 10 /* it would have had to wait, or to wait longer (since 1.1) */

/* ------------------------------------------------------------------- value */

#define TP_NULL 0
#define TP_BOOL 1
#define TP_INT 2
#define TP_FLOAT 3
#define TP_BYTES 4
#define TP_STR 5
#define TP_LIST 6
#define TP_MAP 7
/* since 1.1 */
#define TP_FUNC 8
#define TP_OBJECT 9
#define TP_BUFFER 10

struct tp_pair;
struct tp_func;
struct tp_object;
struct tp_buffer;

/* Any value that crosses the border: 16 bytes. All bits zero is null. With a length
 * of 0 the pointer may be NULL. */
typedef struct tp_value {
  uint32_t tag;    /* TP_NULL to TP_BUFFER */
  uint32_t length; /* of bytes and text in bytes, of a list in values, of a map in pairs */
  union {
    uint8_t boolean;             /* TP_BOOL: 0 or 1 */
    int64_t integer;             /* TP_INT */
    double number;               /* TP_FLOAT */
    const uint8_t *bytes;        /* TP_BYTES: `length` bytes */
    const char *text;            /* TP_STR: `length` bytes of UTF-8, not terminated */
    const struct tp_value *list; /* TP_LIST: `length` values */
    const struct tp_pair *map;   /* TP_MAP: `length` pairs */
    struct tp_func *func;        /* TP_FUNC; `length` is 0 */
    struct tp_object *object;    /* TP_OBJECT; `length` is 0 */
    struct tp_buffer *buffer;    /* TP_BUFFER; `length` is 0 */
  } as;
} tp_value;

/* One entry of a map. The key is TP_STR or TP_INT; no key stands twice. */
typedef struct tp_pair {
  tp_value key;
  tp_value value;
} tp_pair;

/* --------------------------------------------------------------- reference */
/* What is not copied when it crosses: functions, objects, buffers (since 1.1).
 * Each is counted. Whoever makes one starts with a count of 1 and fills `type`;
 * whoever gets one as an argument or a result borrows it as it borrows the value,
 * and retains it to keep it longer. All of these functions: [any thread].
 * Host and plugins both make them, and use each other's through `type` alone.
 *
 * A reference in a result must live until its reader has retained it, which is after the
 * call. One that the callee keeps, or was lent as an argument of this very call, does. Of one
 * that it has made for its caller, it leaves its count to the arena of the result
 * (tp_host.arena_hold; tp_give does), which releases it as it is reset or freed. What a
 * service or another function has answered is held so by the arena it was answered in.
 * Errors hold no references.
 *
 * A plugin's reference reaches another plugin as one of the host's: no plugin calls into
 * another's image. As an argument, a variable's value, a message or a service's result, its
 * maker gets its own back; what a function or an object of the host answers comes as the
 * host's, which leads there as well. A plugin may hand out references of its own, whose
 * `release` is code of its image, and those that it got.
 * Once its maker was retired, a function and an object answer TP_RETIRED; a buffer's memory
 * stays until the last release. An image is not unmapped while the host holds a reference
 * that was made in it: `release` may be called after on_unload, `call` is not.
 * To a function or an object of the host, as to a service, a leaf function (TP_LEAF) gets the
 * answer TP_WRONG_STATE, and its errors are passed on as those of services are. */

typedef struct tp_arena tp_arena;

/* A function as a value. */
typedef struct tp_func {
  const struct tp_func_type *type;
} tp_func;

typedef struct tp_func_type {
  uint32_t size; /* sizeof(tp_func_type) of its maker */
  uint32_t reserved; /* 0 */
  void (*retain)(tp_func *func);
  void (*release)(tp_func *func); /* the last one frees it */
  /* As tp_host.call, of this function. */
  tp_status (*call)(tp_func *func, const tp_value *args, uint32_t count, tp_arena *arena,
                    tp_value *result);
} tp_func_type;

/* An opaque thing with methods. */
typedef struct tp_object {
  const struct tp_object_type *type;
} tp_object;

typedef struct tp_object_type {
  uint32_t size;     /* sizeof(tp_object_type) of its maker */
  uint32_t reserved; /* 0 */
  const char *name;    /* of the type, terminated, static */
  const char *methods; /* terminated, static: JSON, [{"name": "...", "type": "() -> int"}] */
  void (*retain)(tp_object *object);
  void (*release)(tp_object *object); /* the last one frees it */
  /* As tp_host.call, of the method of that name. */
  tp_status (*call)(tp_object *object, const char *method, size_t method_length,
                    const tp_value *args, uint32_t count, tp_arena *arena, tp_value *result);
} tp_object_type;

/* The elements of a buffer. */
#define TP_F64 1
#define TP_F32 2
#define TP_I64 3
#define TP_I32 4
#define TP_U8 5

/* Numbers in memory that all sides share. `data` and `length` never change. Reads
 * and writes of several threads at once are the users' to order. */
typedef struct tp_buffer {
  const struct tp_buffer_type *type;
  void *data;       /* aligned for the element */
  uint64_t length;  /* in elements */
  uint32_t element; /* TP_F64 to TP_U8 */
  uint32_t reserved; /* 0 */
} tp_buffer;

typedef struct tp_buffer_type {
  uint32_t size;     /* sizeof(tp_buffer_type) of its maker */
  uint32_t reserved; /* 0 */
  void (*retain)(tp_buffer *buffer);
  void (*release)(tp_buffer *buffer); /* the last one frees it, and `data` */
} tp_buffer_type;

/* ------------------------------------------------------------------- arena */

/* Memory that results are written to: it grows, and is freed as a whole by
 * the one who made it. One thread at a time. (tp_arena, opaque.) */

/* A place in an arena (since 1.1). What it holds is the host's affair. */
typedef struct tp_mark {
  size_t chunk;
  size_t used;
} tp_mark;

/* -------------------------------------------------------------------- call */

/* The plugin's place at its host. Valid as long as the plugin's image is
 * mapped, also after the plugin was unloaded or its host is gone: services
 * then answer TP_RETIRED. */
typedef struct tp_context tp_context;
typedef struct tp_host tp_host;

/* One call of the host into the plugin. Made by the host, valid until the
 * called function returns, on the calling thread alone. */
typedef struct tp_call {
  uint32_t size;         /* sizeof(tp_call) of the host */
  uint32_t count;        /* how many arguments */
  const tp_value *args;  /* borrowed until the return */
  tp_value *result;      /* where the result goes, or the error's text; null at first */
  tp_arena *arena;       /* what the result points to is allocated here, or static */
  void *data;            /* `data` of the export that is called */
  const tp_host *host;   /* the services */
  tp_context *context;   /* whom they serve */
} tp_call;

/* Every entry of a plugin has this type. [any thread], but for init and the hooks.
 *
 * Before it calls, the host has checked the arguments against the declared type,
 * and brought them to it: there are as many as there are parameters (trailing
 * optional ones may be missing), each with the tag of its type: `int` TP_INT,
 * `float` TP_FLOAT, `number` either; a struct has all its fields but optional ones,
 * and may have others. Of a choice, `Shape('Point' | { Round: float })`, it is a value
 * of one of its types: here that text, or a map with that key. What is declared `any`
 * has any tag. */
typedef tp_status (*tp_function)(tp_call *call);

/* Where a direct entry leaves the text of its error (since 1.1), as the last thing before
 * it returns: what it calls may use the same place. Made by the host, valid until the
 * entry returns, on the calling thread alone. */
typedef struct tp_fault tp_fault;
struct tp_fault {
  const char *text; /* UTF-8; NULL at first */
  size_t length;
  /* Copies text that does not outlive the call, and points `text` at the copy, which
   * is the host's. For static text, set the two fields. [in call] */
  void (*keep)(tp_fault *fault, const char *text, size_t length);
  void *kept; /* the host's affair */
};

/* A direct entry (since 1.1): the function itself, for a signature that has scalars
 * alone. Its C type follows from the declared one:
 *   tp_status (*)(tp_fault *fault, ARGS..., RESULT *result)
 * where bool is C's bool, int is int64_t, float is double; without a result the
 * last parameter is left out. It writes `*fault` only where it does not answer TP_OK,
 * and `*result` only where it does. Up to 6 parameters, none of them optional. The host
 * may call the direct entry or the general one, whichever it likes; both do the same.
 * [any thread]
 * Stored as this type, and cast back to its own before it is called. */
typedef tp_status (*tp_direct)(void);

/* -------------------------------------------------------------------- host */

struct tp_export;
typedef struct tp_channel tp_channel;

/* What the host does for a plugin. Lives as long as the plugin's image.
 * Functions that answer a tp_status write the result, or the error's text,
 * to `result`, allocated in `arena`.
 * An entry that fails with that text, or with a text of its own that ends in ": " and that
 * text behind it, passes the error on: what the host knows of it (the traceback, what was
 * thrown) is not lost. It must be the call, and the thread, that the service has answered;
 * a direct entry has the text kept (tp_fault.keep). */
struct tp_host {
  uint32_t size; /* sizeof(tp_host) of the host; later minor versions append */
  uint16_t abi_major;
  uint16_t abi_minor;

  /* `size` bytes in the arena, aligned to `align` (a power of two, at most 16);
   * NULL if there is no memory. Valid until the arena is reset or freed.
   * [any thread] */
  void *(*alloc)(tp_arena *arena, size_t size, size_t align);

  /* An arena for a thread of the plugin's own; NULL if there is no memory.
   * Free it with arena_free. [any thread] */
  tp_arena *(*arena_new)(void);
  /* Forgets all that was allocated and keeps the memory. Not for the arena of
   * a call. [any thread] */
  void (*arena_reset)(tp_arena *arena);
  /* Not for the arena of a call. [any thread] */
  void (*arena_free)(tp_arena *arena);

  /* Hands text to whoever takes what plugins print. [any thread] */
  tp_status (*print)(tp_context *context, const char *text, size_t length);

  /* Adds an export to those of the table. The host copies name and type; what
   * `data` points to stays the plugin's, for as long as its image is mapped.
   * [init] */
  tp_status (*register_export)(tp_context *context, const struct tp_export *export_,
                               tp_arena *arena, tp_value *result);

  /* Calls a function of the host by name. The result is of the type that the host
   * declares; look at its tag. [any thread] */
  tp_status (*call)(tp_context *context, const char *name, size_t name_length,
                    const tp_value *args, uint32_t count, tp_arena *arena, tp_value *result);

  /* Attaches to a channel of the host. `type` (may be NULL: any) is what the
   * plugin sends and expects; a type that cannot be converted is TP_TYPE. The
   * channel is the plugin's until channel_release. [any thread] */
  tp_status (*channel_open)(tp_context *context, const char *name, size_t name_length,
                            const char *type, size_t type_length, tp_arena *arena,
                            tp_value *result, tp_channel **channel);
  /* Waits until there is room, with capacity 0 until a receiver took the
   * message. The message is copied. TP_CLOSED if the channel is; TP_RETIRED where the
   * plugin is retired meanwhile, which ends its waits; TP_CANNOT_WAIT on a thread where a
   * script's call is in a function of the host. tp_channels has the rest of what a channel
   * can do. [any thread] */
  tp_status (*channel_send)(tp_channel *channel, const tp_value *message, tp_arena *arena,
                            tp_value *result);
  /* Waits for a message, which comes as the type of channel_open; TP_CLOSED at the
   * end, when it is closed and empty; the rest as of channel_send. [any thread] */
  tp_status (*channel_recv)(tp_channel *channel, tp_arena *arena, tp_value *result);
  /* Gives the plugin's end back; also after retirement. Ends that are not given back
   * live until the process ends. [any thread] */
  void (*channel_release)(tp_channel *channel);

  /* since 1.1 */

  /* Remembers how much of an arena is used. Also of a call's arena. [any thread] */
  void (*arena_mark)(tp_arena *arena, tp_mark *mark);
  /* Forgets what was allocated since the mark, which is one of this arena's. Marks made
   * since are void. Also of a call's arena, of what the plugin itself has allocated
   * there. [any thread] */
  void (*arena_rewind)(tp_arena *arena, const tp_mark *mark);
  /* A table of further services by its id (TP_SERVICE_...), which starts with its
   * size; NULL if the host has none of that id. Lives as long as the plugin's image.
   * [any thread] */
  const void *(*service)(tp_context *context, uint32_t id);
  /* Takes over one count of a reference (TP_FUNC, TP_OBJECT or TP_BUFFER, else TP_TYPE),
   * which the arena releases when it is reset, rewound behind this, or freed. Also of a call's
   * arena: so a result holds what was made for it. With anything but TP_OK the count is still
   * the caller's. [any thread] */
  tp_status (*arena_hold)(tp_arena *arena, const tp_value *reference);
};

/* ----------------------------------------------------------------- service */

/* tp_log (since 1.1) */
#define TP_SERVICE_LOG 1

#define TP_LOG_ERROR 1
#define TP_LOG_WARN 2
#define TP_LOG_INFO 3
#define TP_LOG_DEBUG 4
#define TP_LOG_TRACE 5

/* Messages for whoever listens to the host's log. */
typedef struct tp_log {
  uint32_t size;     /* sizeof(tp_log) of the host */
  uint32_t reserved; /* 0 */
  /* [any thread] */
  tp_status (*write)(tp_context *context, uint32_t level, const char *text, size_t length);
} tp_log;

/* tp_channels (since 1.1) */
#define TP_SERVICE_CHANNELS 2

/* The rest of what a channel can do. Channels are those of tp_host.channel_open, which stay
 * the plugin's. A message that is sent is borrowed, and copied; one that is received comes as
 * the type of channel_open, in `arena`. All of them answer what channel_send and channel_recv
 * do, and TP_WOULD_WAIT where these would wait, or wait longer: nothing was sent or received
 * then, and the text says why. */
typedef struct tp_channels {
  uint32_t size;     /* sizeof(tp_channels) of the host */
  uint32_t reserved; /* 0 */
  /* Sends a message if there is room, with capacity 0 if a receiver waits. [any thread] */
  tp_status (*try_send)(tp_channel *channel, const tp_value *message, tp_arena *arena,
                        tp_value *result);
  /* Sends a message, and waits for so long at most. [any thread] */
  tp_status (*send_timeout)(tp_channel *channel, const tp_value *message, uint64_t nanoseconds,
                            tp_arena *arena, tp_value *result);
  /* Receives a message if there is one. [any thread] */
  tp_status (*try_recv)(tp_channel *channel, tp_arena *arena, tp_value *result);
  /* Receives a message, and waits for so long at most. [any thread] */
  tp_status (*recv_timeout)(tp_channel *channel, uint64_t nanoseconds, tp_arena *arena,
                            tp_value *result);
  /* Waits for a message, and takes those that are there behind it, up to `most` together: a
   * list of at least one, or an empty one if `most` is 0. [any thread] */
  tp_status (*recv_many)(tp_channel *channel, uint32_t most, tp_arena *arena, tp_value *result);
  /* Closes the channel for all who use it: sending is TP_CLOSED from now on, receiving once
   * what it holds was received; waits end. The plugin's end is still to be released.
   * [any thread] */
  tp_status (*close)(tp_channel *channel, tp_arena *arena, tp_value *result);
} tp_channels;

/* tp_constants (since 1.1) */
#define TP_SERVICE_CONSTANTS 3

/* Values of the host that do not change. */
typedef struct tp_constants {
  uint32_t size;     /* sizeof(tp_constants) of the host */
  uint32_t reserved; /* 0 */
  /* Reads the constant of that name, into `arena`; its tag is what the host gave it.
   * TP_NOT_FOUND if there is none. [any thread] */
  tp_status (*read)(tp_context *context, const char *name, size_t name_length, tp_arena *arena,
                    tp_value *result);
} tp_constants;

/* tp_events (since 1.1) */
#define TP_SERVICE_EVENTS 4

/* What the host tells its plugins. */
typedef struct tp_events {
  uint32_t size;     /* sizeof(tp_events) of the host */
  uint32_t reserved; /* 0 */
  /* Has `handler` called at each event of that name, on the host's thread, at any time, with
   * `data` as call->data and the event's arguments: as many as the host gives, of any tag. What
   * it answers goes to whoever emits the event. The result is the subscription's number, a
   * TP_INT. It ends with the plugin. `release`, unless NULL, is called with `data` once the
   * subscription has ended and no call of it runs; where this fails it is not called.
   * [any thread] */
  tp_status (*on)(tp_context *context, const char *event, size_t event_length,
                  tp_function handler, void *data, void (*release)(void *data), tp_arena *arena,
                  tp_value *result);
  /* Ends the subscription of that number; nothing happens if it has ended. A call of it that
   * runs goes on. [any thread] */
  tp_status (*off)(tp_context *context, int64_t number, tp_arena *arena, tp_value *result);
} tp_events;

/* tp_plugins (since 1.1) */
#define TP_SERVICE_PLUGINS 5

/* The other plugins of the host, of either kind: by a name the newest that is loaded, or the
 * newest in its range where the manifest requires it. Each call looks it up anew. What fails
 * there fails here, with its text; TP_NOT_FOUND if there is no such plugin or symbol. A call may
 * wait for a plugin that another thread uses: TP_CANNOT_WAIT on a thread where a script's call is
 * in a function of the host. */
typedef struct tp_plugins {
  uint32_t size;     /* sizeof(tp_plugins) of the host */
  uint32_t reserved; /* 0 */
  /* Whether one of that name is loaded: a TP_BOOL. [any thread] */
  tp_status (*has)(tp_context *context, const char *plugin, size_t plugin_length, tp_arena *arena,
                   tp_value *result);
  /* Calls a function with arguments of any tags, which are brought to the declared types. Of
   * several results the result is a list. [any thread] */
  tp_status (*call)(tp_context *context, const char *plugin, size_t plugin_length,
                    const char *function, size_t function_length, const tp_value *args,
                    uint32_t count, tp_arena *arena, tp_value *result);
  /* Reads a variable. [any thread] */
  tp_status (*get)(tp_context *context, const char *plugin, size_t plugin_length,
                   const char *variable, size_t variable_length, tp_arena *arena,
                   tp_value *result);
  /* Sets a variable to a copy of the value. [any thread] */
  tp_status (*set)(tp_context *context, const char *plugin, size_t plugin_length,
                   const char *variable, size_t variable_length, const tp_value *value,
                   tp_arena *arena, tp_value *result);
} tp_plugins;

/* ------------------------------------------------------------------ plugin */

#define TP_SYMBOL_FUNC 1
#define TP_SYMBOL_VAR 2
/* A variable that is not exported: a reload carries it, nobody looks it up (since 1.1). */
#define TP_SYMBOL_STATE 3

/* Flags of an export. */
/* A promise: the function calls nothing of the host and waits for nothing (since 1.1).
 * Services answer TP_WRONG_STATE to one that breaks it, where the host can tell: in
 * calls of its general entry. */
#define TP_LEAF 1
/* The export's entries look at the tags of their arguments themselves, and take another
 * type for an error: the host need not check what it has converted (since 1.1). */
#define TP_CHECKS 2

/* One export. Types are written as in `inspect`: null, bool, int, float,
 * number, string, bytes, any, list<T>, map<T>, T?, (T, U),
 * Name { field: T, other: T }; a function's is (x: int, by: float) -> T. */
typedef struct tp_export {
  const char *name;  /* terminated */
  const char *type;  /* terminated */
  uint32_t symbol;   /* TP_SYMBOL_FUNC, TP_SYMBOL_VAR, TP_SYMBOL_STATE */
  uint32_t flags;    /* TP_LEAF, TP_CHECKS, both or 0; a host refuses others */
  void *data;        /* handed to the entries as call->data */
  tp_function call;  /* of a function: the function; else NULL */
  tp_function get;   /* of a variable: writes the value to the result; else NULL */
  tp_function set;   /* of a variable: takes the value as its one argument; else NULL */
  tp_direct direct;  /* of a function: its direct entry, or NULL (since 1.1) */
} tp_export;

/* What the exported symbol `twinplug_plugin` is. The first eight bytes never
 * change, in no version. All that it points to is static. */
typedef struct tp_plugin {
  uint32_t size; /* sizeof(tp_plugin) */
  uint16_t abi_major;
  uint16_t abi_minor;
  const void *section;      /* the start of the section .twinplug; keeps it from being dropped */
  const char *name;         /* terminated */
  const char *version;      /* terminated; semver: "1.2.3" */
  const tp_export *exports; /* may be NULL if there are none */
  uint32_t export_count;
  uint32_t export_size; /* sizeof(tp_export) */
  /* Runs once, after loading, before anything else of the plugin; an error refuses the
   * load. May be NULL. [one] */
  tp_function init;
  /* Hooks, each may be NULL (since 1.1). All of them [one], with all services but
   * register_export. */
  /* Takes the configuration, a map. The last step before the plugin serves: what has
   * effects outside (threads, ports, files) begins here. An error refuses the load. */
  tp_function on_load;
  /* Before a reload, paused: its result is kept, and goes to the new one's on_restore.
   * An error ends the reload. */
  tp_function on_save;
  /* In a new one that takes over, after init and before on_load: takes what the old one's
   * on_save gave, and the old one's version, text. An error ends the reload. */
  tp_function on_restore;
  /* No call runs from here on until on_resume or on_unload, but ones that wait for a
   * channel and the plugin's own threads. An error ends the reload. */
  tp_function on_pause;
  /* The reload failed, and the plugin serves as before. Its error is logged. */
  tp_function on_resume;
  /* The plugin goes, and what on_load began ends here. No call comes any more; one that
   * does not end may still run. Waits for channels have ended, and new ones are TP_RETIRED.
   * Its error is logged. Not called where on_load failed. */
  tp_function on_unload;
} tp_plugin;

/* The section .twinplug starts with this; `length` bytes of JSON follow:
 * {"name": "...", "version": "...", "exports": [{"name", "symbol", "type"}],
 * "unload": true}, where `symbol` is "func", "var" or "state"; `exports` and `unload`
 * (since 1.1: whether the image may be unmapped) are optional, and nothing else is
 * allowed. Read from the file, before any of its code runs. */
typedef struct tp_section {
  char magic[8]; /* "twinplug", not terminated */
  uint16_t abi_major;
  uint16_t abi_minor;
  uint32_t length;
} tp_section;

#if defined(_WIN32)
#define TP_EXPORTED __declspec(dllexport)
#define TP_IN_SECTION __attribute__((section(".twinplg"), used))
#elif defined(__APPLE__)
#define TP_EXPORTED __attribute__((visibility("default")))
#define TP_IN_SECTION __attribute__((section("__DATA,__twinplug"), used))
#else
#define TP_EXPORTED __attribute__((visibility("default")))
#define TP_IN_SECTION __attribute__((section(".twinplug"), used))
#endif

#ifdef __cplusplus
#define TP_EXTERN_C extern "C"
#else
#define TP_EXTERN_C extern
#endif

#define TP_JSON_(NAME, VERSION, MORE) \
  "{\"name\":\"" NAME "\",\"version\":\"" VERSION "\"" MORE "}"

/* Once, in one source file: TP_PLUGIN("name", "1.0.0", exports, init)
 * NAME and VERSION are string literals, EXPORTS an array of tp_export (its
 * size is taken), INIT a tp_function or NULL. */
#define TP_PLUGIN(NAME, VERSION, EXPORTS, INIT) \
  TP_PLUGIN_WITH(NAME, VERSION, "", EXPORTS, INIT, NULL, NULL, NULL, NULL, NULL, NULL)

/* A plugin without exports in its table; init may register some. */
#define TP_PLUGIN_BARE(NAME, VERSION, INIT) \
  TP_PLUGIN_TABLE_(NAME, VERSION, "", NULL, 0, INIT, NULL, NULL, NULL, NULL, NULL, NULL)

/* With all that a plugin can say. MORE is a literal: further keys of the section, each
 * with a comma in front, as TP_UNLOAD; then the six hooks in the order of tp_plugin. */
#define TP_UNLOAD ",\"unload\":true"
#define TP_PLUGIN_WITH(NAME, VERSION, MORE, EXPORTS, INIT, ...)                          \
  TP_PLUGIN_TABLE_(NAME, VERSION, MORE, EXPORTS, sizeof(EXPORTS) / sizeof((EXPORTS)[0]), \
                   INIT, __VA_ARGS__)

#define TP_PLUGIN_TABLE_(NAME, VERSION, MORE, EXPORTS, COUNT, INIT, ...)                 \
  TP_IN_SECTION static const struct {                                                    \
    tp_section head;                                                                     \
    char json[sizeof(TP_JSON_(NAME, VERSION, MORE))];                                    \
  } twinplug_section_ = {{{'t', 'w', 'i', 'n', 'p', 'l', 'u', 'g'},                      \
                          TP_ABI_MAJOR,                                                  \
                          TP_ABI_MINOR,                                                  \
                          (uint32_t)(sizeof(TP_JSON_(NAME, VERSION, MORE)) - 1)},        \
                         TP_JSON_(NAME, VERSION, MORE)};                                 \
  TP_EXTERN_C TP_EXPORTED const tp_plugin twinplug_plugin;                               \
  const tp_plugin twinplug_plugin = {(uint32_t)sizeof(tp_plugin),                        \
                                     TP_ABI_MAJOR,                                       \
                                     TP_ABI_MINOR,                                       \
                                     &twinplug_section_,                                 \
                                     NAME,                                               \
                                     VERSION,                                            \
                                     EXPORTS,                                            \
                                     (uint32_t)(COUNT),                                  \
                                     (uint32_t)sizeof(tp_export),                        \
                                     INIT,                                               \
                                     __VA_ARGS__}

/* ----------------------------------------------------------------- helpers */
/* Inline, over the above alone; whatever they do, a plugin may do by hand. */

#define TP_EXPORT_FUNC(NAME, TYPE, CALL) \
  {NAME, TYPE, TP_SYMBOL_FUNC, 0, NULL, CALL, NULL, NULL, NULL}
/* With a direct entry, of the type that tp_direct says. */
#define TP_EXPORT_DIRECT(NAME, TYPE, CALL, DIRECT)              \
  {NAME, TYPE, TP_SYMBOL_FUNC, 0, NULL, CALL, NULL, NULL, TP_DIRECT(DIRECT)}
/* By way of the one type that compilers let every function be cast to. */
#define TP_DIRECT(DIRECT) ((tp_direct)(void (*)(void))(DIRECT))
#define TP_EXPORT_VAR(NAME, TYPE, DATA, GET, SET) \
  {NAME, TYPE, TP_SYMBOL_VAR, 0, DATA, NULL, GET, SET, NULL}

static inline tp_value tp_null(void) {
  tp_value value;
  memset(&value, 0, sizeof value);
  return value;
}

static inline tp_value tp_bool(int boolean) {
  tp_value value = tp_null();
  value.tag = TP_BOOL;
  value.as.boolean = boolean ? 1 : 0;
  return value;
}

static inline tp_value tp_int(int64_t integer) {
  tp_value value = tp_null();
  value.tag = TP_INT;
  value.as.integer = integer;
  return value;
}

static inline tp_value tp_float(double number) {
  tp_value value = tp_null();
  value.tag = TP_FLOAT;
  value.as.number = number;
  return value;
}

/* Borrows `text`, of less than 4 GiB. */
static inline tp_value tp_text(const char *text, size_t length) {
  tp_value value = tp_null();
  value.tag = TP_STR;
  value.length = (uint32_t)length;
  value.as.text = text;
  return value;
}

/* Borrows `text`, which is terminated. */
static inline tp_value tp_str(const char *text) { return tp_text(text, strlen(text)); }

/* A field of a struct; borrows `key`, which is terminated. */
static inline tp_pair tp_named(const char *key, tp_value value) {
  tp_pair pair;
  pair.key = tp_str(key);
  pair.value = value;
  return pair;
}

/* Borrows `values`. */
static inline tp_value tp_list(const tp_value *values, size_t count) {
  tp_value value = tp_null();
  value.tag = TP_LIST;
  value.length = (uint32_t)count;
  value.as.list = values;
  return value;
}

/* Borrows `pairs`. */
static inline tp_value tp_map(const tp_pair *pairs, size_t count) {
  tp_value value = tp_null();
  value.tag = TP_MAP;
  value.length = (uint32_t)count;
  value.as.map = pairs;
  return value;
}

/* The whole number in an int, or a float without what is behind the point; 0 for
 * anything else. */
static inline int64_t tp_to_int(const tp_value *value) {
  if (value->tag == TP_INT) return value->as.integer;
  if (value->tag == TP_FLOAT && value->as.number >= -9223372036854775808.0 &&
      value->as.number < 9223372036854775808.0)
    return (int64_t)value->as.number;
  return 0;
}

/* The number in a float or an int; 0 for anything else. */
static inline double tp_to_float(const tp_value *value) {
  if (value->tag == TP_FLOAT) return value->as.number;
  return value->tag == TP_INT ? (double)value->as.integer : 0.0;
}

/* Whether it is a true bool: 1 or 0. */
static inline int tp_to_bool(const tp_value *value) {
  return value->tag == TP_BOOL && value->as.boolean != 0;
}

/* The text, not terminated, its length in `value->length`; empty for anything else. */
static inline const char *tp_to_text(const tp_value *value) {
  return value->tag == TP_STR && value->length > 0 ? value->as.text : "";
}

/* The item of a list, or NULL where there is none. */
static inline const tp_value *tp_item(const tp_value *list, size_t index) {
  return list->tag == TP_LIST && index < list->length ? &list->as.list[index] : NULL;
}

/* The value of a text key, or NULL. */
static inline const tp_value *tp_field(const tp_value *map, const char *key) {
  size_t length = strlen(key);
  uint32_t i;
  if (map->tag != TP_MAP) return NULL;
  for (i = 0; i < map->length; i++) {
    const tp_pair *pair = &map->as.map[i];
    if (pair->key.tag == TP_STR && pair->key.length == length &&
        memcmp(pair->key.as.text, key, length) == 0)
      return &pair->value;
  }
  return NULL;
}

/* `size` bytes in the call's arena, for anything; NULL if there is no memory. */
static inline void *tp_alloc(tp_call *call, size_t size) {
  return call->host->alloc(call->arena, size ? size : 1, 16);
}

/* Copies text into the call's arena; null if there is no memory. */
static inline tp_value tp_copy_text(tp_call *call, const char *text, size_t length) {
  char *copy = (char *)call->host->alloc(call->arena, length ? length : 1, 1);
  if (copy == NULL) return tp_null();
  if (length > 0) memcpy(copy, text, length);
  return tp_text(copy, length);
}

/* Sets the result to a copy of the text, and returns `status`. */
static inline tp_status tp_answer_text(tp_call *call, tp_status status, const char *text,
                                       size_t length) {
  *call->result = tp_copy_text(call, text, length);
  return call->result->tag == TP_STR ? status : TP_NO_MEMORY;
}

/* The error's text of a direct entry, copied; returns `status`. */
static inline tp_status tp_fault_text(tp_fault *fault, tp_status status, const char *text,
                                      size_t length) {
  fault->keep(fault, text, length);
  return status;
}

/* The services, with the call's arena, and its result for what they answer. For
 * languages that cannot call through a pointer, and to write less in those that can. */

static inline tp_status tp_print_text(tp_call *call, const char *text, size_t length) {
  return call->host->print(call->context, text, length);
}

static inline tp_status tp_register(tp_call *call, const tp_export *export_) {
  return call->host->register_export(call->context, export_, call->arena, call->result);
}

/* Calls the host's function of that name, which is terminated. */
static inline tp_status tp_host_call(tp_call *call, const char *name, const tp_value *args,
                                     uint32_t count) {
  return call->host->call(call->context, name, strlen(name), args, count, call->arena,
                          call->result);
}

/* References (since 1.1). */

/* Borrows `func`; so the next two. */
static inline tp_value tp_func_value(tp_func *func) {
  tp_value value = tp_null();
  value.tag = TP_FUNC;
  value.as.func = func;
  return value;
}

static inline tp_value tp_object_value(tp_object *object) {
  tp_value value = tp_null();
  value.tag = TP_OBJECT;
  value.as.object = object;
  return value;
}

static inline tp_value tp_buffer_value(tp_buffer *buffer) {
  tp_value value = tp_null();
  value.tag = TP_BUFFER;
  value.as.buffer = buffer;
  return value;
}

/* One more holder of a reference; nothing for anything else. */
static inline void tp_retain(const tp_value *value) {
  if (value->tag == TP_FUNC) value->as.func->type->retain(value->as.func);
  if (value->tag == TP_OBJECT) value->as.object->type->retain(value->as.object);
  if (value->tag == TP_BUFFER) value->as.buffer->type->retain(value->as.buffer);
}

/* One holder less; nothing for anything else. */
static inline void tp_release(const tp_value *value) {
  if (value->tag == TP_FUNC) value->as.func->type->release(value->as.func);
  if (value->tag == TP_OBJECT) value->as.object->type->release(value->as.object);
  if (value->tag == TP_BUFFER) value->as.buffer->type->release(value->as.buffer);
}

/* Leaves one count of a reference to the arena; where it takes none, it is released. */
static inline tp_status tp_hold(const tp_host *host, tp_arena *arena, tp_value reference) {
  tp_status status = TP_NOT_FOUND;
  if (host->size >= offsetof(tp_host, arena_hold) + sizeof(host->arena_hold))
    status = host->arena_hold(arena, &reference);
  if (status != TP_OK) tp_release(&reference);
  return status;
}

/* Copies a value into an arena, with all that it leads to: what an argument is lent is gone when
 * the entry returns, and who keeps it longer makes an arena for it (arena_new, arena_free). Of
 * references the arena gets a count. With anything but TP_OK `copy` is not written. */
static inline tp_status tp_copy_value(const tp_host *host, tp_arena *arena, const tp_value *value,
                                      tp_value *copy) {
  tp_value made = *value;
  tp_status status = TP_OK;
  uint32_t i;
  if (made.tag >= TP_FUNC && made.tag <= TP_BUFFER) {
    tp_retain(&made);
    status = tp_hold(host, arena, made);
  } else if (made.length == 0 && made.tag >= TP_BYTES) {
    memset(&made.as, 0, sizeof(made.as));
  } else if (made.tag == TP_STR) {
    char *text = (char *)host->alloc(arena, made.length, 1);
    if (text == NULL) return TP_NO_MEMORY;
    memcpy(text, value->as.text, made.length);
    made.as.text = text;
  } else if (made.tag == TP_BYTES) {
    uint8_t *bytes = (uint8_t *)host->alloc(arena, made.length, 1);
    if (bytes == NULL) return TP_NO_MEMORY;
    memcpy(bytes, value->as.bytes, made.length);
    made.as.bytes = bytes;
  } else if (made.tag == TP_LIST) {
    tp_value *list = (tp_value *)host->alloc(arena, made.length * sizeof(tp_value), 8);
    if (list == NULL) return TP_NO_MEMORY;
    for (i = 0; i < made.length && status == TP_OK; i++)
      status = tp_copy_value(host, arena, &value->as.list[i], &list[i]);
    made.as.list = list;
  } else if (made.tag == TP_MAP) {
    tp_pair *map = (tp_pair *)host->alloc(arena, made.length * sizeof(tp_pair), 8);
    if (map == NULL) return TP_NO_MEMORY;
    for (i = 0; i < made.length && status == TP_OK; i++) {
      status = tp_copy_value(host, arena, &value->as.map[i].key, &map[i].key);
      if (status == TP_OK)
        status = tp_copy_value(host, arena, &value->as.map[i].value, &map[i].value);
    }
    made.as.map = map;
  }
  if (status == TP_OK) *copy = made;
  return status;
}

/* Sets the result to a reference, of which one count is given away. */
static inline tp_status tp_give(tp_call *call, tp_value reference) {
  tp_status status = tp_hold(call->host, call->arena, reference);
  if (status == TP_OK) *call->result = reference;
  return status;
}

/* Calls a function; its result, or its error's text, is the call's result. */
static inline tp_status tp_call_func(tp_call *call, tp_func *func, const tp_value *args,
                                     uint32_t count) {
  return func->type->call(func, args, count, call->arena, call->result);
}

/* Calls the method of that name, which is terminated; so the result. */
static inline tp_status tp_call_method(tp_call *call, tp_object *object, const char *method,
                                       const tp_value *args, uint32_t count) {
  return object->type->call(object, method, strlen(method), args, count, call->arena,
                            call->result);
}

/* Attaches to a channel; `type` may be NULL. */
static inline tp_status tp_open(tp_call *call, const char *name, size_t name_length,
                                const char *type, tp_channel **channel) {
  return call->host->channel_open(call->context, name, name_length, type,
                                  type == NULL ? 0 : strlen(type), call->arena, call->result,
                                  channel);
}

static inline tp_status tp_send(tp_call *call, tp_channel *channel, const tp_value *message) {
  return call->host->channel_send(channel, message, call->arena, call->result);
}

/* The message is the call's result. */
static inline tp_status tp_receive(tp_call *call, tp_channel *channel) {
  return call->host->channel_recv(channel, call->arena, call->result);
}

/* Gives the plugin's end back. */
static inline void tp_close(tp_call *call, tp_channel *channel) {
  call->host->channel_release(channel);
}

/* Formats as vprintf does, into the call's arena. */
static inline tp_status tp_format(tp_call *call, tp_value *out, const char *format, va_list args) {
  va_list again;
  int length;
  char *text;
  va_copy(again, args);
  length = vsnprintf(NULL, 0, format, args);
  text = length < 0 ? NULL : (char *)call->host->alloc(call->arena, (size_t)length + 1, 1);
  if (text != NULL) {
    vsnprintf(text, (size_t)length + 1, format, again);
    *out = tp_text(text, (size_t)length);
  }
  va_end(again);
  return length < 0 ? TP_ERROR : text == NULL ? TP_NO_MEMORY : TP_OK;
}

#if defined(__GNUC__)
#define TP_LIKE_PRINTF(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))
#else
#define TP_LIKE_PRINTF(FORMAT, FIRST)
#endif

/* Sets the result to formatted text, as printf does, and returns `status`:
 * `return tp_answer(call, TP_ERROR, "no door %d", n);` */
TP_LIKE_PRINTF(3, 4)
static inline tp_status tp_answer(tp_call *call, tp_status status, const char *format, ...) {
  va_list args;
  tp_status formatted;
  va_start(args, format);
  formatted = tp_format(call, call->result, format, args);
  va_end(args);
  return formatted == TP_OK ? status : formatted;
}

/* Prints formatted text through the host. */
TP_LIKE_PRINTF(2, 3)
static inline tp_status tp_print(tp_call *call, const char *format, ...) {
  va_list args;
  tp_value text = tp_null();
  tp_status formatted;
  va_start(args, format);
  formatted = tp_format(call, &text, format, args);
  va_end(args);
  if (formatted != TP_OK) return formatted;
  return call->host->print(call->context, text.as.text, text.length);
}

/* The rest of what a channel can do (since 1.1), with the call's arena and result. */

/* The table, or NULL where the host has none. */
static inline const tp_channels *tp_channels_of(const tp_call *call) {
  if (call->host->abi_minor < 1) return NULL;
  return (const tp_channels *)call->host->service(call->context, TP_SERVICE_CHANNELS);
}

static inline tp_status tp_no_channels_(tp_call *call) {
  return tp_answer(call, TP_NOT_FOUND, "the host does not serve this of channels");
}

static inline tp_status tp_try_send(tp_call *call, tp_channel *channel, const tp_value *message) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->try_send(channel, message, call->arena, call->result);
}

static inline tp_status tp_send_timeout(tp_call *call, tp_channel *channel,
                                        const tp_value *message, uint64_t nanoseconds) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->send_timeout(channel, message, nanoseconds, call->arena, call->result);
}

/* The message is the call's result; so with the next two, of the last a list. */
static inline tp_status tp_try_receive(tp_call *call, tp_channel *channel) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->try_recv(channel, call->arena, call->result);
}

static inline tp_status tp_receive_timeout(tp_call *call, tp_channel *channel,
                                           uint64_t nanoseconds) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->recv_timeout(channel, nanoseconds, call->arena, call->result);
}

static inline tp_status tp_receive_many(tp_call *call, tp_channel *channel, uint32_t most) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->recv_many(channel, most, call->arena, call->result);
}

/* Closes the channel for all; tp_close gives the plugin's own end back. */
static inline tp_status tp_end_channel(tp_call *call, tp_channel *channel) {
  const tp_channels *channels = tp_channels_of(call);
  if (channels == NULL) return tp_no_channels_(call);
  return channels->close(channel, call->arena, call->result);
}

/* Other plugins (since 1.1), with the call's arena and result; names are terminated. */

static inline const tp_plugins *tp_plugins_of(const tp_call *call) {
  if (call->host->abi_minor < 1) return NULL;
  return (const tp_plugins *)call->host->service(call->context, TP_SERVICE_PLUGINS);
}

static inline tp_status tp_no_plugins(tp_call *call) {
  return tp_answer(call, TP_NOT_FOUND, "the host shows no other plugins");
}

/* Calls a function of another plugin. */
static inline tp_status tp_plugin_call(tp_call *call, const char *plugin, const char *function,
                                       const tp_value *args, uint32_t count) {
  const tp_plugins *plugins = tp_plugins_of(call);
  if (plugins == NULL) return tp_no_plugins(call);
  return plugins->call(call->context, plugin, strlen(plugin), function, strlen(function), args,
                       count, call->arena, call->result);
}

/* Reads a variable of another plugin into the call's result. */
static inline tp_status tp_plugin_get(tp_call *call, const char *plugin, const char *variable) {
  const tp_plugins *plugins = tp_plugins_of(call);
  if (plugins == NULL) return tp_no_plugins(call);
  return plugins->get(call->context, plugin, strlen(plugin), variable, strlen(variable),
                      call->arena, call->result);
}

/* Sets a variable of another plugin. */
static inline tp_status tp_plugin_set(tp_call *call, const char *plugin, const char *variable,
                                      tp_value value) {
  const tp_plugins *plugins = tp_plugins_of(call);
  if (plugins == NULL) return tp_no_plugins(call);
  return plugins->set(call->context, plugin, strlen(plugin), variable, strlen(variable), &value,
                      call->arena, call->result);
}

/* Constants and events of the host (since 1.1), with the call's arena and result. */

/* Reads the constant of that name, which is terminated, into the call's result. */
static inline tp_status tp_constant(tp_call *call, const char *name) {
  const tp_constants *constants = NULL;
  if (call->host->abi_minor >= 1)
    constants = (const tp_constants *)call->host->service(call->context, TP_SERVICE_CONSTANTS);
  if (constants == NULL) return tp_answer(call, TP_NOT_FOUND, "the host has no constants");
  return constants->read(call->context, name, strlen(name), call->arena, call->result);
}

static inline const tp_events *tp_events_of(const tp_call *call) {
  if (call->host->abi_minor < 1) return NULL;
  return (const tp_events *)call->host->service(call->context, TP_SERVICE_EVENTS);
}

/* Subscribes to the event of that name, which is terminated; the call's result is the
 * subscription's number. `release` may be NULL. */
static inline tp_status tp_on(tp_call *call, const char *event, tp_function handler, void *data,
                              void (*release)(void *data)) {
  const tp_events *events = tp_events_of(call);
  if (events == NULL) return tp_answer(call, TP_NOT_FOUND, "the host has no events");
  return events->on(call->context, event, strlen(event), handler, data, release, call->arena,
                    call->result);
}

static inline tp_status tp_off(tp_call *call, int64_t number) {
  const tp_events *events = tp_events_of(call);
  if (events == NULL) return tp_answer(call, TP_NOT_FOUND, "the host has no events");
  return events->off(call->context, number, call->arena, call->result);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* --------------------------------------------------------------------- C++ */

/* TP_GUARD(f), since C++11: the entry `f`, general or direct, with what it throws turned
 * into TP_PANIC and the exception's `what()`:
 *   TP_EXPORT_FUNC("Add", "(a: int, b: int) -> int", TP_GUARD(add))
 *   TP_PLUGIN("name", "1.0.0", exports, TP_GUARD(init));
 * `f` is a function of a namespace, `static` or not. Without exceptions
 * (-fno-exceptions) it is `f` with nothing around it. */
#if defined(__cplusplus) && __cplusplus >= 201103L
#define TP_GUARD(FUNCTION) (&decltype(tp_border_of_(FUNCTION))::template entry<FUNCTION>)

extern "C++" { /* also where someone includes this header as C */
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#include <exception>

inline tp_status tp_thrown_(tp_call *call, const char *text) noexcept {
  return tp_answer_text(call, TP_PANIC, text, strlen(text));
}

inline tp_status tp_thrown_(tp_fault *fault, const char *text) noexcept {
  return tp_fault_text(fault, TP_PANIC, text, strlen(text));
}

template <typename Call, typename... Arguments>
struct tp_border_ {
  template <tp_status (*function)(Call *, Arguments...)>
  static tp_status entry(Call *call, Arguments... arguments) noexcept {
    try {
      return function(call, arguments...);
    } catch (const std::exception &thrown) {
      return tp_thrown_(call, thrown.what());
    } catch (...) {
      return tp_thrown_(call, "an exception that is no std::exception");
    }
  }
};
#else
template <typename Call, typename... Arguments>
struct tp_border_ {
  template <tp_status (*function)(Call *, Arguments...)>
  static tp_status entry(Call *call, Arguments... arguments) noexcept {
    return function(call, arguments...);
  }
};
#endif

/* Names the type of the border that a function needs; never called. */
template <typename Call, typename... Arguments>
tp_border_<Call, Arguments...> tp_border_of_(tp_status (*)(Call *, Arguments...));
} /* extern "C++" */
#endif

#endif /* TWINPLUG_H */
