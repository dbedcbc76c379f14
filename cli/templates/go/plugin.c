/* What the plugin {{name}} exports: the table, over the functions in plugin.go. */
#include "twinplug.h"

#include "_cgo_export.h"

static const tp_export exports[] = {
    TP_EXPORT_FUNC("hello", "(name: string) -> string", hello),
};

TP_PLUGIN("{{name}}", "0.1.0", exports, NULL);
