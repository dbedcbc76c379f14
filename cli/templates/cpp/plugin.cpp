// The plugin {{name}}: what it exports stands in the table at the end.
#include "twinplug.h"

#include <string>

namespace {

tp_status hello(tp_call *call) {
  // The host has checked it by the type in the table.
  const std::string name(tp_to_text(&call->args[0]), call->args[0].length);
  const std::string text = "Hello, " + name + "!";
  return tp_answer_text(call, TP_OK, text.data(), text.size());
}

const tp_export exports[] = {
    TP_EXPORT_FUNC("hello", "(name: string) -> string", TP_GUARD(hello)),
};

}  // namespace

TP_PLUGIN("{{name}}", "0.1.0", exports, nullptr);
