/* The tutorial's plugin, in C, with the header alone. Its twins:
 * lua-plugins/testplugin.lua, and the other folders beside this one. */
#define _POSIX_C_SOURCE 200809L

#include "twinplug.h"

#include <pthread.h>

#define PLUGIN_DATA "PluginData { name: string, age: int, tel: string }"

/* Any thread may read and set the variables, so a lock guards them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t value = 0;

static struct {
  char name[256];
  size_t name_length;
  int64_t age;
  char tel[64];
  size_t tel_length;
} pd;

static tp_status get_value(tp_call *call) {
  pthread_mutex_lock(&lock);
  *call->result = tp_int(value);
  pthread_mutex_unlock(&lock);
  return TP_OK;
}

static tp_status set_value(tp_call *call) {
  pthread_mutex_lock(&lock);
  value = call->args[0].as.integer;
  pthread_mutex_unlock(&lock);
  return TP_OK;
}

/* Pd as a map of values, in the call's arena. With the lock held. */
static tp_status pd_value(tp_call *call, tp_value *out) {
  tp_pair *pairs = (tp_pair *)call->host->alloc(call->arena, 3 * sizeof(tp_pair), 8);
  if (pairs == NULL) return TP_NO_MEMORY;
  pairs[0].key = tp_str("name");
  pairs[0].value = tp_copy_text(call, pd.name, pd.name_length);
  pairs[1].key = tp_str("age");
  pairs[1].value = tp_int(pd.age);
  pairs[2].key = tp_str("tel");
  pairs[2].value = tp_copy_text(call, pd.tel, pd.tel_length);
  *out = tp_map(pairs, 3);
  return TP_OK;
}

static tp_status get_pd(tp_call *call) {
  tp_status status;
  pthread_mutex_lock(&lock);
  status = pd_value(call, call->result);
  pthread_mutex_unlock(&lock);
  return status;
}

static tp_status set_pd(tp_call *call) {
  /* The host has checked that the fields are there, and their types. */
  const tp_value *name = tp_field(&call->args[0], "name");
  const tp_value *age = tp_field(&call->args[0], "age");
  const tp_value *tel = tp_field(&call->args[0], "tel");
  if (name->length > sizeof pd.name)
    return tp_answer(call, TP_ERROR, "`Pd.name` is longer than %u bytes", (unsigned)sizeof pd.name);
  if (tel->length > sizeof pd.tel)
    return tp_answer(call, TP_ERROR, "`Pd.tel` is longer than %u bytes", (unsigned)sizeof pd.tel);
  pthread_mutex_lock(&lock);
  if (name->length > 0) memcpy(pd.name, name->as.text, name->length);
  pd.name_length = name->length;
  pd.age = age->as.integer;
  if (tel->length > 0) memcpy(pd.tel, tel->as.text, tel->length);
  pd.tel_length = tel->length;
  pthread_mutex_unlock(&lock);
  return TP_OK;
}

static tp_status plugin_fun(tp_call *call) {
  int64_t now;
  pthread_mutex_lock(&lock);
  now = value;
  pthread_mutex_unlock(&lock);
  return tp_print(call, "Value in plugin: %lld\n", (long long)now);
}

static tp_status complex_type(tp_call *call) {
  tp_value message = tp_null();
  tp_channel *data;
  tp_status status;

  pthread_mutex_lock(&lock);
  status = tp_print(call, "%.*s %lld %.*s\n", (int)pd.name_length, pd.name, (long long)pd.age,
                    (int)pd.tel_length, pd.tel);
  pd.age *= 4;
  if (status == TP_OK) status = pd_value(call, &message);
  pthread_mutex_unlock(&lock);
  if (status != TP_OK) return status;

  status = call->host->channel_open(call->context, "data", 4, PLUGIN_DATA, strlen(PLUGIN_DATA),
                                    call->arena, call->result, &data);
  if (status != TP_OK) return status;
  /* Sending waits for a receiver: not with the lock held. */
  status = call->host->channel_send(data, &message, call->arena, call->result);
  call->host->channel_release(data);
  return status;
}

static tp_status hello(tp_call *call) {
  int64_t now;
  pthread_mutex_lock(&lock);
  now = value;
  pthread_mutex_unlock(&lock);
  return tp_answer(call, TP_OK, "Hello, number %lld", (long long)now);
}

static tp_status init(tp_call *call) {
  static const tp_export registered = TP_EXPORT_FUNC("Hello", "() -> string", hello);
  tp_status status = tp_print(call, "plugin load...\n");
  if (status != TP_OK) return status;
  return call->host->register_export(call->context, &registered, call->arena, call->result);
}

static const tp_export exports[] = {
    TP_EXPORT_VAR("Value", "int", NULL, get_value, set_value),
    TP_EXPORT_VAR("Pd", PLUGIN_DATA, NULL, get_pd, set_pd),
    TP_EXPORT_FUNC("Plugin_fun", "()", plugin_fun),
    TP_EXPORT_FUNC("ComplexType", "()", complex_type),
};

TP_PLUGIN("testplugin", "1.0.0", exports, init);
