// The tutorial's plugin, in Go. Its twins: lua-plugins/testplugin.lua, and the other
// folders beside this one. plugin.c has the table of what it exports.
package main

// #include "plugin.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

type pluginData struct {
	name string
	age  int64
	tel  string
}

// Any thread may read and set the variables, so a lock guards them.
var (
	lock  sync.Mutex
	value int64
	pd    pluginData
)

func valueNow() int64 {
	lock.Lock()
	defer lock.Unlock()
	return value
}

//export getValue
func getValue(call *C.tp_call) C.tp_status {
	*call.result = C.tp_int(C.int64_t(valueNow()))
	return C.TP_OK
}

//export setValue
func setValue(call *C.tp_call) C.tp_status {
	lock.Lock()
	defer lock.Unlock()
	value = int64(C.tp_to_int(call.args))
	return C.TP_OK
}

//export getPd
func getPd(call *C.tp_call) C.tp_status {
	lock.Lock()
	now := pd
	lock.Unlock()
	result, status := now.toValue(call)
	*call.result = result
	return status
}

//export setPd
func setPd(call *C.tp_call) C.tp_status {
	// The host has checked that the fields are there, and their types.
	wanted := pluginData{
		name: text(field(call.args, nameKey)),
		age:  int64(C.tp_to_int(field(call.args, ageKey))),
		tel:  text(field(call.args, telKey)),
	}
	lock.Lock()
	defer lock.Unlock()
	pd = wanted
	return C.TP_OK
}

//export pluginFun
func pluginFun(call *C.tp_call) C.tp_status {
	return print(call, fmt.Sprintf("Value in plugin: %d\n", valueNow()))
}

//export complexType
func complexType(call *C.tp_call) C.tp_status {
	lock.Lock()
	before := pd
	pd.age *= 4
	after := pd
	lock.Unlock()
	status := print(call, fmt.Sprintf("%s %d %s\n", before.name, before.age, before.tel))
	if status != C.TP_OK {
		return status
	}
	message, status := after.toValue(call)
	if status != C.TP_OK {
		return status
	}
	var data *C.tp_channel
	if status := C.tp_open(call, dataName, 4, dataType, &data); status != C.TP_OK {
		return status
	}
	defer C.tp_close(call, data)
	// Sending waits for a receiver: not with the lock held.
	return C.tp_send(call, data, &message)
}

//export hello
func hello(call *C.tp_call) C.tp_status {
	return answer(call, C.TP_OK, fmt.Sprintf("Hello, number %d", valueNow()))
}

//export initPlugin
func initPlugin(call *C.tp_call) C.tp_status {
	if status := print(call, "plugin load...\n"); status != C.TP_OK {
		return status
	}
	return C.registerHello(call)
}

// Text that C keeps pointers to: made once, never freed.
var (
	nameKey  = C.CString("name")
	ageKey   = C.CString("age")
	telKey   = C.CString("tel")
	dataName = C.CString("data")
	dataType = C.CString(C.PLUGIN_DATA)
)

// A map of values, in the call's arena.
func (data pluginData) toValue(call *C.tp_call) (C.tp_value, C.tp_status) {
	room := (*C.tp_pair)(C.tp_alloc(call, 3*C.sizeof_tp_pair))
	if room == nil {
		return C.tp_null(), C.TP_NO_MEMORY
	}
	pairs := unsafe.Slice(room, 3)
	pairs[0] = C.tp_named(nameKey, copyText(call, data.name))
	pairs[1] = C.tp_named(ageKey, C.tp_int(C.int64_t(data.age)))
	pairs[2] = C.tp_named(telKey, copyText(call, data.tel))
	return C.tp_map(room, 3), C.TP_OK
}

func field(value *C.tp_value, key *C.char) *C.tp_value {
	return C.tp_field(value, key)
}

func text(value *C.tp_value) string {
	return C.GoStringN(C.tp_to_text(value), C.int(value.length))
}

func copyText(call *C.tp_call, text string) C.tp_value {
	chars, length := chars(text)
	return C.tp_copy_text(call, chars, length)
}

func answer(call *C.tp_call, status C.tp_status, text string) C.tp_status {
	chars, length := chars(text)
	return C.tp_answer_text(call, status, chars, length)
}

func print(call *C.tp_call, text string) C.tp_status {
	chars, length := chars(text)
	return C.tp_print_text(call, chars, length)
}

// The bytes of a text, for the C function that they are passed to.
func chars(text string) (*C.char, C.size_t) {
	if text == "" {
		return nil, 0
	}
	bytes := []byte(text)
	return (*C.char)(unsafe.Pointer(&bytes[0])), C.size_t(len(bytes))
}

// A library has no main that runs.
func main() {}
