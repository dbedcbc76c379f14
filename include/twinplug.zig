//! twinplug.zig: twinplug.h for plugins in Zig: the same structs, which its comments
//! explain, and what makes entries of them that return errors and values.
//!
//! In `build.zig`, with `-Dtwinplug=FOLDER`, the folder of this file:
//!     const twinplug = b.option([]const u8, "twinplug", "where twinplug.zig is").?;
//!     module.addAnonymousImport("twinplug", .{
//!         .root_source_file = .{ .cwd_relative = b.pathJoin(&.{ twinplug, "twinplug.zig" }) },
//!     });
//! then `const tp = @import("twinplug");`, and at the end `comptime { tp.plugin(.{ .. }); }`.
//!
//! It does not catch a Zig panic: that ends the process.

const builtin = @import("builtin");
const std = @import("std");

pub const abi_major = 1;
pub const abi_minor = 1;

// ---------------------------------------------------------------------- status

pub const Status = i32;

pub const status = struct {
    pub const ok: Status = 0;
    pub const failed: Status = 1;
    pub const panic: Status = 2;
    pub const not_found: Status = 3;
    pub const wrong_type: Status = 4;
    pub const closed: Status = 5;
    pub const retired: Status = 6;
    pub const wrong_state: Status = 7;
    pub const no_memory: Status = 8;
    pub const cannot_wait: Status = 9;
    pub const would_wait: Status = 10;
};

/// What the host's services answer, and entries may return. The text is the call's
/// result.
pub const Error = error{
    Failed,
    Panic,
    NotFound,
    WrongType,
    Closed,
    Retired,
    WrongState,
    OutOfMemory,
    CannotWait,
    WouldWait,
};

/// A status as an error.
pub fn check(answer: Status) Error!void {
    return switch (answer) {
        status.ok => {},
        status.panic => error.Panic,
        status.not_found => error.NotFound,
        status.wrong_type => error.WrongType,
        status.closed => error.Closed,
        status.retired => error.Retired,
        status.wrong_state => error.WrongState,
        status.no_memory => error.OutOfMemory,
        status.cannot_wait => error.CannotWait,
        status.would_wait => error.WouldWait,
        else => error.Failed,
    };
}

fn statusOf(err: anyerror) Status {
    return switch (err) {
        error.Panic => status.panic,
        error.NotFound => status.not_found,
        error.WrongType => status.wrong_type,
        error.Closed => status.closed,
        error.Retired => status.retired,
        error.WrongState => status.wrong_state,
        error.OutOfMemory => status.no_memory,
        error.CannotWait => status.cannot_wait,
        error.WouldWait => status.would_wait,
        else => status.failed,
    };
}

// ----------------------------------------------------------------------- value

pub const Tag = enum(u32) {
    null = 0,
    bool = 1,
    int = 2,
    float = 3,
    bytes = 4,
    str = 5,
    list = 6,
    map = 7,
    func = 8,
    object = 9,
    buffer = 10,
    _,
};

/// Any value that crosses the border.
pub const Value = extern struct {
    tag: Tag = .null,
    length: u32 = 0,
    as: Payload = .{ .integer = 0 },

    pub const none: Value = .{};

    pub fn boolean(value: bool) Value {
        return .{ .tag = .bool, .as = .{ .integer = @intFromBool(value) } };
    }

    pub fn int(value: i64) Value {
        return .{ .tag = .int, .as = .{ .integer = value } };
    }

    pub fn float(value: f64) Value {
        return .{ .tag = .float, .as = .{ .number = value } };
    }

    /// Borrows the text.
    pub fn text(value: []const u8) Value {
        return .{ .tag = .str, .length = @intCast(value.len), .as = .{ .text = value.ptr } };
    }

    /// Borrows the values.
    pub fn list(values: []const Value) Value {
        return .{ .tag = .list, .length = @intCast(values.len), .as = .{ .list = values.ptr } };
    }

    /// Borrows the pairs.
    pub fn map(pairs: []const Pair) Value {
        return .{ .tag = .map, .length = @intCast(pairs.len), .as = .{ .map = pairs.ptr } };
    }

    /// Borrows the function; so the next two.
    pub fn function(value: *Func) Value {
        return .{ .tag = .func, .as = .{ .func = value } };
    }

    pub fn object(value: *Object) Value {
        return .{ .tag = .object, .as = .{ .object = value } };
    }

    pub fn buffer(value: *Buffer) Value {
        return .{ .tag = .buffer, .as = .{ .buffer = value } };
    }

    /// One more holder of a function, an object or a buffer; nothing for another value.
    pub fn retain(value: Value) void {
        switch (value.tag) {
            .func => value.as.func.?.type.retain(value.as.func.?),
            .object => value.as.object.?.type.retain(value.as.object.?),
            .buffer => value.as.buffer.?.type.retain(value.as.buffer.?),
            else => {},
        }
    }

    /// One holder less.
    pub fn release(value: Value) void {
        switch (value.tag) {
            .func => value.as.func.?.type.release(value.as.func.?),
            .object => value.as.object.?.type.release(value.as.object.?),
            .buffer => value.as.buffer.?.type.release(value.as.buffer.?),
            else => {},
        }
    }

    /// What a text holds; nothing for another value.
    pub fn toText(value: Value) []const u8 {
        return if (value.tag == .str and value.length > 0) value.as.text.?[0..value.length] else "";
    }

    /// What a list holds; nothing for another value.
    pub fn items(value: Value) []const Value {
        return if (value.tag == .list and value.length > 0) value.as.list.?[0..value.length] else &.{};
    }

    /// What a map holds; nothing for another value.
    pub fn entries(value: Value) []const Pair {
        return if (value.tag == .map and value.length > 0) value.as.map.?[0..value.length] else &.{};
    }

    /// The value of a text key.
    pub fn field(value: Value, name: []const u8) ?Value {
        for (value.entries()) |pair| {
            if (pair.key.tag == .str and std.mem.eql(u8, pair.key.toText(), name)) return pair.value;
        }
        return null;
    }
};

pub const Payload = extern union {
    boolean: u8,
    integer: i64,
    number: f64,
    bytes: ?[*]const u8,
    text: ?[*]const u8,
    list: ?[*]const Value,
    map: ?[*]const Pair,
    func: ?*Func,
    object: ?*Object,
    buffer: ?*Buffer,
};

pub const Pair = extern struct {
    key: Value,
    value: Value,

    /// A field of a struct.
    pub fn of(name: []const u8, value: Value) Pair {
        return .{ .key = Value.text(name), .value = value };
    }
};

// ------------------------------------------------------------------- reference

pub const Func = extern struct { type: *const FuncType };

pub const FuncType = extern struct {
    size: u32 = @sizeOf(FuncType),
    reserved: u32 = 0,
    retain: *const fn (*Func) callconv(.c) void,
    release: *const fn (*Func) callconv(.c) void,
    call: *const fn (*Func, [*]const Value, u32, *Arena, *Value) callconv(.c) Status,
};

pub const Object = extern struct { type: *const ObjectType };

pub const ObjectType = extern struct {
    size: u32 = @sizeOf(ObjectType),
    reserved: u32 = 0,
    name: [*:0]const u8,
    methods: [*:0]const u8,
    retain: *const fn (*Object) callconv(.c) void,
    release: *const fn (*Object) callconv(.c) void,
    call: *const fn (
        *Object,
        [*]const u8,
        usize,
        [*]const Value,
        u32,
        *Arena,
        *Value,
    ) callconv(.c) Status,
};

pub const Element = enum(u32) { f64 = 1, f32 = 2, i64 = 3, i32 = 4, u8 = 5, _ };

pub const Buffer = extern struct {
    type: *const BufferType,
    data: ?*anyopaque,
    length: u64,
    element: Element,
    reserved: u32 = 0,
};

pub const BufferType = extern struct {
    size: u32 = @sizeOf(BufferType),
    reserved: u32 = 0,
    retain: *const fn (*Buffer) callconv(.c) void,
    release: *const fn (*Buffer) callconv(.c) void,
};

// ------------------------------------------------------------------------ call

pub const Arena = opaque {};
pub const Context = opaque {};
pub const RawChannel = opaque {};

pub const Mark = extern struct { chunk: usize, used: usize };

/// One call of the host into the plugin.
pub const Call = extern struct {
    size: u32,
    count: u32,
    args: [*]const Value,
    result: *Value,
    arena: *Arena,
    data: ?*anyopaque,
    host: *const Host,
    context: *Context,

    /// Room in the call's arena.
    pub fn alloc(call: *Call, comptime T: type, count: usize) Error![]T {
        comptime std.debug.assert(@alignOf(T) <= 16);
        if (count == 0) return &.{};
        const size = std.math.mul(usize, @sizeOf(T), count) catch return error.OutOfMemory;
        const memory = call.host.alloc(call.arena, size, 16) orelse return error.OutOfMemory;
        return @as([*]T, @ptrCast(@alignCast(memory)))[0..count];
    }

    /// A copy of the text in the call's arena.
    pub fn text(call: *Call, value: []const u8) Error!Value {
        const copy = try call.alloc(u8, value.len);
        @memcpy(copy, value);
        return Value.text(copy);
    }

    /// Formatted text in the call's arena.
    pub fn format(call: *Call, comptime template: []const u8, args: anytype) Error!Value {
        const place = try call.alloc(u8, std.fmt.count(template, args));
        return Value.text(std.fmt.bufPrint(place, template, args) catch unreachable);
    }

    /// A list in the call's arena.
    pub fn list(call: *Call, values: []const Value) Error!Value {
        const copy = try call.alloc(Value, values.len);
        @memcpy(copy, values);
        return Value.list(copy);
    }

    /// A map in the call's arena; the keys are borrowed.
    pub fn map(call: *Call, pairs: []const Pair) Error!Value {
        const copy = try call.alloc(Pair, pairs.len);
        @memcpy(copy, pairs);
        return Value.map(copy);
    }

    /// Sets the error's text: `return call.fail("no door {d}", .{number});`
    pub fn fail(call: *Call, comptime template: []const u8, args: anytype) Error {
        call.result.* = call.format(template, args) catch |err| return err;
        return error.Failed;
    }

    /// Prints through the host.
    pub fn print(call: *Call, comptime template: []const u8, args: anytype) Error!void {
        const line = (try call.format(template, args)).toText();
        try check(call.host.print(call.context, line.ptr, line.len));
    }

    /// Adds an export, while init runs.
    pub fn register(call: *Call, added: *const Export) Error!void {
        try check(call.host.register_export(call.context, added, call.arena, call.result));
    }

    /// Calls a function of the host.
    pub fn ask(call: *Call, name: []const u8, args: []const Value) Error!Value {
        try check(call.host.call(
            call.context,
            name.ptr,
            name.len,
            args.ptr,
            @intCast(args.len),
            call.arena,
            call.result,
        ));
        return call.result.*;
    }

    /// A constant of the host.
    pub fn constant(call: *Call, name: []const u8) Error!Value {
        const table: *const Constants = @ptrCast(@alignCast(try call.further(service_constants)));
        try check(table.read(call.context, name.ptr, name.len, call.arena, call.result));
        return call.result.*;
    }

    /// Has a function called at each event of that name, with whatever the host gives it, until
    /// `off` gets the number that this answers.
    pub fn on(call: *Call, event: []const u8, comptime handler: anytype) Error!i64 {
        const table: *const Events = @ptrCast(@alignCast(try call.further(service_events)));
        try check(table.on(
            call.context,
            event.ptr,
            event.len,
            entry(handler),
            null,
            null,
            call.arena,
            call.result,
        ));
        return call.result.as.integer;
    }

    /// Ends a subscription.
    pub fn off(call: *Call, number: i64) Error!void {
        const table: *const Events = @ptrCast(@alignCast(try call.further(service_events)));
        try check(table.off(call.context, number, call.arena, call.result));
    }

    /// Whether a plugin of that name is loaded.
    pub fn hasPlugin(call: *Call, other: []const u8) Error!bool {
        const table: *const Plugins = @ptrCast(@alignCast(try call.further(service_plugins)));
        try check(table.has(call.context, other.ptr, other.len, call.arena, call.result));
        return call.result.as.boolean != 0;
    }

    /// Calls a function of another plugin.
    pub fn pluginCall(
        call: *Call,
        other: []const u8,
        function: []const u8,
        args: []const Value,
    ) Error!Value {
        const table: *const Plugins = @ptrCast(@alignCast(try call.further(service_plugins)));
        try check(table.call(
            call.context,
            other.ptr,
            other.len,
            function.ptr,
            function.len,
            args.ptr,
            @intCast(args.len),
            call.arena,
            call.result,
        ));
        return call.result.*;
    }

    /// A variable of another plugin.
    pub fn pluginGet(call: *Call, other: []const u8, variable: []const u8) Error!Value {
        const table: *const Plugins = @ptrCast(@alignCast(try call.further(service_plugins)));
        try check(table.get(
            call.context,
            other.ptr,
            other.len,
            variable.ptr,
            variable.len,
            call.arena,
            call.result,
        ));
        return call.result.*;
    }

    /// Sets a variable of another plugin.
    pub fn pluginSet(
        call: *Call,
        other: []const u8,
        variable: []const u8,
        value: Value,
    ) Error!void {
        const table: *const Plugins = @ptrCast(@alignCast(try call.further(service_plugins)));
        try check(table.set(
            call.context,
            other.ptr,
            other.len,
            variable.ptr,
            variable.len,
            &value,
            call.arena,
            call.result,
        ));
    }

    fn further(call: *Call, id: u32) Error!*const anyopaque {
        if (call.host.abi_minor < 1) return error.NotFound;
        return call.host.service(call.context, id) orelse error.NotFound;
    }

    /// Leaves one count of a reference to the call's arena, and answers it: what a function
    /// returns that it has made. Where the arena takes none, it is released.
    pub fn give(call: *Call, reference: Value) Error!Value {
        errdefer reference.release();
        const end = @offsetOf(Host, "arena_hold") + @sizeOf(usize);
        if (call.host.size < end) return error.NotFound;
        try check(call.host.arena_hold(call.arena, &reference));
        return reference;
    }

    /// Calls a function.
    pub fn invoke(call: *Call, function: *Func, args: []const Value) Error!Value {
        const count: u32 = @intCast(args.len);
        try check(function.type.call(function, args.ptr, count, call.arena, call.result));
        return call.result.*;
    }

    /// Calls a method of an object.
    pub fn method(call: *Call, object: *Object, name: []const u8, args: []const Value) Error!Value {
        const count: u32 = @intCast(args.len);
        try check(object.type.call(
            object,
            name.ptr,
            name.len,
            args.ptr,
            count,
            call.arena,
            call.result,
        ));
        return call.result.*;
    }

    /// Attaches to a channel, which carries what `kind` says, or anything; `close` it.
    pub fn open(call: *Call, name: []const u8, kind: []const u8) Error!Channel {
        var channel: *RawChannel = undefined;
        try check(call.host.channel_open(
            call.context,
            name.ptr,
            name.len,
            if (kind.len == 0) null else kind.ptr,
            kind.len,
            call.arena,
            call.result,
            &channel,
        ));
        return .{ .raw = channel, .call = call };
    }
};

/// A plugin's end of a channel, during one call.
pub const Channel = struct {
    raw: *RawChannel,
    call: *Call,

    pub fn send(channel: Channel, message: Value) Error!void {
        const call = channel.call;
        try check(call.host.channel_send(channel.raw, &message, call.arena, call.result));
    }

    pub fn receive(channel: Channel) Error!Value {
        const call = channel.call;
        try check(call.host.channel_recv(channel.raw, call.arena, call.result));
        return call.result.*;
    }

    /// `error.WouldWait` if there is no room.
    pub fn trySend(channel: Channel, message: Value) Error!void {
        const call = channel.call;
        const more = try channel.services();
        try check(more.try_send(channel.raw, &message, call.arena, call.result));
    }

    /// `error.WouldWait` if there is no room in so many nanoseconds.
    pub fn sendTimeout(channel: Channel, message: Value, nanoseconds: u64) Error!void {
        const call = channel.call;
        const more = try channel.services();
        try check(more.send_timeout(channel.raw, &message, nanoseconds, call.arena, call.result));
    }

    /// `error.WouldWait` if there is no message.
    pub fn tryReceive(channel: Channel) Error!Value {
        const call = channel.call;
        const more = try channel.services();
        try check(more.try_recv(channel.raw, call.arena, call.result));
        return call.result.*;
    }

    /// `error.WouldWait` if there is no message in so many nanoseconds.
    pub fn receiveTimeout(channel: Channel, nanoseconds: u64) Error!Value {
        const call = channel.call;
        const more = try channel.services();
        try check(more.recv_timeout(channel.raw, nanoseconds, call.arena, call.result));
        return call.result.*;
    }

    /// Waits for a message, and takes those behind it: a list of up to `most`.
    pub fn receiveMany(channel: Channel, most: u32) Error!Value {
        const call = channel.call;
        const more = try channel.services();
        try check(more.recv_many(channel.raw, most, call.arena, call.result));
        return call.result.*;
    }

    /// The next message of a loop, null at the end:
    /// `while (try channel.next()) |message| ..`
    pub fn next(channel: Channel) Error!?Value {
        return channel.receive() catch |err| if (err == error.Closed) null else err;
    }

    /// Closes the channel for all who use it.
    pub fn end(channel: Channel) Error!void {
        const call = channel.call;
        const more = try channel.services();
        try check(more.close(channel.raw, call.arena, call.result));
    }

    /// Gives the plugin's end back.
    pub fn close(channel: Channel) void {
        channel.call.host.channel_release(channel.raw);
    }

    fn services(channel: Channel) Error!*const Channels {
        const call = channel.call;
        const table = if (call.host.abi_minor < 1) null else call.host.service(call.context, service_channels);
        return @ptrCast(@alignCast(table orelse return error.NotFound));
    }
};

pub const Function = *const fn (*Call) callconv(.c) Status;
pub const Direct = *const fn () callconv(.c) Status;

/// Where a direct entry leaves the text of its error.
pub const Fault = extern struct {
    text: ?[*]const u8,
    length: usize,
    keep: *const fn (*Fault, [*]const u8, usize) callconv(.c) void,
    kept: ?*anyopaque,
};

/// An entry of a Zig function that takes the call and returns nothing or a value, or an
/// error: `fn (*Call) Error!Value`, `fn (*Call) !void`. An error that has set no text is
/// told by its name.
pub fn entry(comptime function: anytype) Function {
    return &struct {
        fn run(call: *Call) callconv(.c) Status {
            const result = wrapped(call) catch |err| {
                if (call.result.tag != .str) call.result.* = Value.text(@errorName(err));
                return statusOf(err);
            };
            call.result.* = result;
            return status.ok;
        }

        fn wrapped(call: *Call) anyerror!Value {
            const result = function(call);
            const Plain = switch (@typeInfo(@TypeOf(result))) {
                .error_union => |info| info.payload,
                else => @TypeOf(result),
            };
            const plain = if (Plain == @TypeOf(result)) result else try result;
            return if (Plain == void) Value.none else plain;
        }
    }.run;
}

/// Guards what several calls share, for as long as it takes to read or set it: who finds
/// it locked lets others run and looks again. The standard library's own wants an `Io`,
/// which a plugin does not have.
pub const Lock = struct {
    mutex: std.atomic.Mutex = .unlocked,

    pub fn lock(guard: *Lock) void {
        while (!guard.mutex.tryLock()) std.Thread.yield() catch std.atomic.spinLoopHint();
    }

    pub fn unlock(guard: *Lock) void {
        guard.mutex.unlock();
    }
};

// ------------------------------------------------------------------------ host

/// What the host does for a plugin. `Call` has the same with less to write.
pub const Host = extern struct {
    size: u32,
    abi_major: u16,
    abi_minor: u16,
    alloc: *const fn (*Arena, usize, usize) callconv(.c) ?*anyopaque,
    arena_new: *const fn () callconv(.c) ?*Arena,
    arena_reset: *const fn (*Arena) callconv(.c) void,
    arena_free: *const fn (*Arena) callconv(.c) void,
    print: *const fn (*Context, [*]const u8, usize) callconv(.c) Status,
    register_export: *const fn (*Context, *const Export, *Arena, *Value) callconv(.c) Status,
    call: *const fn (
        *Context,
        [*]const u8,
        usize,
        [*]const Value,
        u32,
        *Arena,
        *Value,
    ) callconv(.c) Status,
    channel_open: *const fn (
        *Context,
        [*]const u8,
        usize,
        ?[*]const u8,
        usize,
        *Arena,
        *Value,
        **RawChannel,
    ) callconv(.c) Status,
    channel_send: *const fn (*RawChannel, *const Value, *Arena, *Value) callconv(.c) Status,
    channel_recv: *const fn (*RawChannel, *Arena, *Value) callconv(.c) Status,
    channel_release: *const fn (*RawChannel) callconv(.c) void,
    arena_mark: *const fn (*Arena, *Mark) callconv(.c) void,
    arena_rewind: *const fn (*Arena, *const Mark) callconv(.c) void,
    service: *const fn (*Context, u32) callconv(.c) ?*const anyopaque,
    arena_hold: *const fn (*Arena, *const Value) callconv(.c) Status,
};

// --------------------------------------------------------------------- service

/// The id of `Log`.
pub const service_log: u32 = 1;

pub const Level = enum(u32) { err = 1, warn = 2, info = 3, debug = 4, trace = 5 };

pub const Log = extern struct {
    size: u32,
    reserved: u32,
    write: *const fn (*Context, Level, [*]const u8, usize) callconv(.c) Status,
};

/// The id of `Channels`.
pub const service_channels: u32 = 2;

/// The rest of what a channel can do; `Channel` has it with less to write.
pub const Channels = extern struct {
    size: u32,
    reserved: u32,
    try_send: *const fn (*RawChannel, *const Value, *Arena, *Value) callconv(.c) Status,
    send_timeout: *const fn (*RawChannel, *const Value, u64, *Arena, *Value) callconv(.c) Status,
    try_recv: *const fn (*RawChannel, *Arena, *Value) callconv(.c) Status,
    recv_timeout: *const fn (*RawChannel, u64, *Arena, *Value) callconv(.c) Status,
    recv_many: *const fn (*RawChannel, u32, *Arena, *Value) callconv(.c) Status,
    close: *const fn (*RawChannel, *Arena, *Value) callconv(.c) Status,
};

/// The id of `Constants`.
pub const service_constants: u32 = 3;

/// Values of the host that do not change; `Call.constant` reads one.
pub const Constants = extern struct {
    size: u32,
    reserved: u32,
    read: *const fn (*Context, [*]const u8, usize, *Arena, *Value) callconv(.c) Status,
};

/// The id of `Events`.
pub const service_events: u32 = 4;

/// What the host tells its plugins; `Call.on` and `Call.off` subscribe with less to write.
pub const Events = extern struct {
    size: u32,
    reserved: u32,
    on: *const fn (
        *Context,
        [*]const u8,
        usize,
        ?Function,
        ?*anyopaque,
        ?*const fn (?*anyopaque) callconv(.c) void,
        *Arena,
        *Value,
    ) callconv(.c) Status,
    off: *const fn (*Context, i64, *Arena, *Value) callconv(.c) Status,
};

pub const service_plugins: u32 = 5;

/// The other plugins of the host; `Call.pluginCall` and its like use it with less to write.
pub const Plugins = extern struct {
    size: u32,
    reserved: u32,
    has: *const fn (*Context, [*]const u8, usize, *Arena, *Value) callconv(.c) Status,
    call: *const fn (
        *Context,
        [*]const u8,
        usize,
        [*]const u8,
        usize,
        [*]const Value,
        u32,
        *Arena,
        *Value,
    ) callconv(.c) Status,
    get: *const fn (
        *Context,
        [*]const u8,
        usize,
        [*]const u8,
        usize,
        *Arena,
        *Value,
    ) callconv(.c) Status,
    set: *const fn (
        *Context,
        [*]const u8,
        usize,
        [*]const u8,
        usize,
        *const Value,
        *Arena,
        *Value,
    ) callconv(.c) Status,
};

// ---------------------------------------------------------------------- plugin

pub const Symbol = enum(u32) { func = 1, variable = 2, state = 3 };

/// A flag of an export: it calls nothing of the host, and waits for nothing.
pub const leaf: u32 = 1;

pub const Export = extern struct {
    name: [*:0]const u8,
    type: [*:0]const u8,
    symbol: Symbol,
    flags: u32 = 0,
    data: ?*anyopaque = null,
    call: ?Function = null,
    get: ?Function = null,
    set: ?Function = null,
    direct: ?Direct = null,

    /// A function: `.func("Add", "(a: int, b: int) -> int", add)`.
    pub fn func(name: [*:0]const u8, kind: [*:0]const u8, comptime function: anytype) Export {
        return .{ .name = name, .type = kind, .symbol = .func, .call = entry(function) };
    }

    /// The same function with its direct entry as well, a
    /// `fn (*Fault, i64, i64, *i64) callconv(.c) Status` or as its type has it.
    pub fn withDirect(plain: Export, comptime direct: anytype) Export {
        var both = plain;
        both.direct = @ptrCast(&direct);
        return both;
    }

    /// A variable.
    pub fn variable(
        name: [*:0]const u8,
        kind: [*:0]const u8,
        comptime get: anytype,
        comptime set: anytype,
    ) Export {
        return .{
            .name = name,
            .type = kind,
            .symbol = .variable,
            .get = entry(get),
            .set = entry(set),
        };
    }
};

pub const Plugin = extern struct {
    size: u32 = @sizeOf(Plugin),
    abi_major: u16 = abi_major,
    abi_minor: u16 = abi_minor,
    section: *const anyopaque,
    name: [*:0]const u8,
    version: [*:0]const u8,
    exports: ?[*]const Export,
    export_count: u32,
    export_size: u32 = @sizeOf(Export),
    init: ?Function = null,
    on_load: ?Function = null,
    on_save: ?Function = null,
    on_restore: ?Function = null,
    on_pause: ?Function = null,
    on_resume: ?Function = null,
    on_unload: ?Function = null,
};

pub const SectionHead = extern struct {
    magic: [8]u8 = "twinplug".*,
    abi_major: u16 = abi_major,
    abi_minor: u16 = abi_minor,
    length: u32,
};

/// What a plugin says of itself.
pub const About = struct {
    name: [:0]const u8,
    version: [:0]const u8,
    exports: []const Export = &.{},
    /// Whether the image may be unmapped.
    unload: bool = false,
    init: ?Function = null,
    on_load: ?Function = null,
    on_save: ?Function = null,
    on_restore: ?Function = null,
    on_pause: ?Function = null,
    on_resume: ?Function = null,
    on_unload: ?Function = null,
};

/// Makes this library a plugin: once, in a `comptime` block.
pub fn plugin(comptime about: About) void {
    const made = struct {
        const json = descriptor(about);
        const Section = extern struct { head: SectionHead, json: [json.len]u8 };
        const section: Section linksection(section_name) = .{
            .head = .{ .length = json.len },
            .json = json[0..json.len].*,
        };
        const table: Plugin = .{
            .section = &section,
            .name = about.name,
            .version = about.version,
            .exports = about.exports.ptr,
            .export_count = about.exports.len,
            .init = about.init,
            .on_load = about.on_load,
            .on_save = about.on_save,
            .on_restore = about.on_restore,
            .on_pause = about.on_pause,
            .on_resume = about.on_resume,
            .on_unload = about.on_unload,
        };
    };
    @export(&made.table, .{ .name = "twinplug_plugin" });
}

const section_name = switch (builtin.object_format) {
    .macho => "__DATA,__twinplug",
    .coff => ".twinplg",
    else => ".twinplug",
};

/// The section's JSON, with all exports of the table.
fn descriptor(comptime about: About) []const u8 {
    @setEvalBranchQuota(100_000);
    var json: []const u8 = "{\"name\":\"" ++ about.name ++ "\",\"version\":\"" ++ about.version ++
        "\",\"exports\":[";
    for (about.exports, 0..) |exported, index| {
        const symbol = switch (exported.symbol) {
            .func => "func",
            .variable => "var",
            .state => "state",
        };
        json = json ++ (if (index == 0) "" else ",") ++ "{\"name\":\"" ++
            std.mem.span(exported.name) ++ "\",\"symbol\":\"" ++ symbol ++ "\",\"type\":\"" ++
            std.mem.span(exported.type) ++ "\"}";
    }
    return json ++ "]" ++ (if (about.unload) ",\"unload\":true" else "") ++ "}";
}
