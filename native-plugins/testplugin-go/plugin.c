/* What the plugin exports: the table, over the functions that Go exports. */
#include "plugin.h"

#include "_cgo_export.h"

static const tp_export registered = TP_EXPORT_FUNC("Hello", "() -> string", hello);

/* Go code cannot name a C variable that only this file has. */
tp_status registerHello(tp_call *call) { return tp_register(call, &registered); }

static const tp_export exports[] = {
    TP_EXPORT_VAR("Value", "int", NULL, getValue, setValue),
    TP_EXPORT_VAR("Pd", PLUGIN_DATA, NULL, getPd, setPd),
    TP_EXPORT_FUNC("Plugin_fun", "()", pluginFun),
    TP_EXPORT_FUNC("ComplexType", "()", complexType),
};

TP_PLUGIN("testplugin", "1.0.0", exports, initPlugin);
