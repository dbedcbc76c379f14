/* What both files of this plugin see. */
#include "twinplug.h"

#define PLUGIN_DATA "PluginData { name: string, age: int, tel: string }"

tp_status registerHello(tp_call *call);
