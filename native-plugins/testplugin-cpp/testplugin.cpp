// The tutorial's plugin, in C++, with the header alone. Its twins:
// lua-plugins/testplugin.lua, and the other folders beside this one.
#include "twinplug.h"

#include <cstdint>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#define PLUGIN_DATA "PluginData { name: string, age: int, tel: string }"

namespace {

struct PluginData {
  std::string name;
  std::int64_t age = 0;
  std::string tel;
};

// Any thread may read and set the variables, so a lock guards them. They are made at the
// first use and stay: a thread may still be in here when the process ends.
struct State {
  std::mutex lock;
  std::int64_t value = 0;
  PluginData pd;
};

State &state() {
  static State &made = *new State;
  return made;
}

std::int64_t value_now() {
  std::lock_guard<std::mutex> held(state().lock);
  return state().value;
}

std::string text_of(const tp_value *value) { return {tp_to_text(value), value->length}; }

tp_status get_value(tp_call *call) {
  *call->result = tp_int(value_now());
  return TP_OK;
}

tp_status set_value(tp_call *call) {
  std::lock_guard<std::mutex> held(state().lock);
  state().value = tp_to_int(&call->args[0]);
  return TP_OK;
}

// A map of values, in the call's arena.
tp_value to_value(tp_call *call, const PluginData &data) {
  auto *pairs = static_cast<tp_pair *>(tp_alloc(call, 3 * sizeof(tp_pair)));
  if (pairs == nullptr) throw std::bad_alloc();
  pairs[0] = tp_named("name", tp_copy_text(call, data.name.data(), data.name.size()));
  pairs[1] = tp_named("age", tp_int(data.age));
  pairs[2] = tp_named("tel", tp_copy_text(call, data.tel.data(), data.tel.size()));
  return tp_map(pairs, 3);
}

tp_status get_pd(tp_call *call) {
  std::lock_guard<std::mutex> held(state().lock);
  *call->result = to_value(call, state().pd);
  return TP_OK;
}

tp_status set_pd(tp_call *call) {
  // The host has checked that the fields are there, and their types.
  const tp_value *given = &call->args[0];
  PluginData wanted;
  wanted.name = text_of(tp_field(given, "name"));
  wanted.age = tp_to_int(tp_field(given, "age"));
  wanted.tel = text_of(tp_field(given, "tel"));
  std::lock_guard<std::mutex> held(state().lock);
  state().pd = std::move(wanted);
  return TP_OK;
}

tp_status plugin_fun(tp_call *call) {
  return tp_print(call, "Value in plugin: %lld\n", static_cast<long long>(value_now()));
}

tp_status complex_type(tp_call *call) {
  PluginData before, after;
  {
    std::lock_guard<std::mutex> held(state().lock);
    before = state().pd;
    state().pd.age *= 4;
    after = state().pd;
  }
  const std::string line =
      before.name + " " + std::to_string(before.age) + " " + before.tel + "\n";
  tp_status status = tp_print_text(call, line.data(), line.size());
  if (status != TP_OK) return status;
  const tp_value message = to_value(call, after);
  tp_channel *data;
  status = tp_open(call, "data", 4, PLUGIN_DATA, &data);
  if (status != TP_OK) return status;
  // Sending waits for a receiver: not with the lock held.
  status = tp_send(call, data, &message);
  tp_close(call, data);
  return status;
}

tp_status hello(tp_call *call) {
  return tp_answer(call, TP_OK, "Hello, number %lld", static_cast<long long>(value_now()));
}

tp_status init(tp_call *call) {
  static const tp_export registered = TP_EXPORT_FUNC("Hello", "() -> string", TP_GUARD(hello));
  const tp_status status = tp_print(call, "plugin load...\n");
  return status == TP_OK ? tp_register(call, &registered) : status;
}

const tp_export exports[] = {
    TP_EXPORT_VAR("Value", "int", nullptr, TP_GUARD(get_value), TP_GUARD(set_value)),
    TP_EXPORT_VAR("Pd", PLUGIN_DATA, nullptr, TP_GUARD(get_pd), TP_GUARD(set_pd)),
    TP_EXPORT_FUNC("Plugin_fun", "()", TP_GUARD(plugin_fun)),
    TP_EXPORT_FUNC("ComplexType", "()", TP_GUARD(complex_type)),
};

}  // namespace

TP_PLUGIN("testplugin", "1.0.0", exports, TP_GUARD(init));
