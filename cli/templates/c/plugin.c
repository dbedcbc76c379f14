/* The plugin {{name}}: what it exports stands in the table at the end. */
#include "twinplug.h"

static tp_status hello(tp_call *call) {
  /* The host has checked it by the type in the table. Text has a length, and no zero behind it. */
  const tp_value *name = &call->args[0];
  return tp_answer(call, TP_OK, "Hello, %.*s!", (int)name->length, tp_to_text(name));
}

static const tp_export exports[] = {
    TP_EXPORT_FUNC("hello", "(name: string) -> string", hello),
};

TP_PLUGIN("{{name}}", "0.1.0", exports, NULL);
