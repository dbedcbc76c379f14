/* What both files of this plugin see. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "twinplug.h"

#define PLUGIN_DATA "PluginData { name: string, age: int, tel: string }"

tp_status registerHello(tp_call *call);

#endif
