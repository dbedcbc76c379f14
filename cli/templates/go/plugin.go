// The plugin {{name}}: its functions. The table of what it exports is in plugin.c.
package main

// #include "twinplug.h"
import "C"

import "unsafe"

//export hello
func hello(call *C.tp_call) C.tp_status {
	// The host has checked it by the type in the table.
	name := C.GoStringN(C.tp_to_text(call.args), C.int(call.args.length))
	return answer(call, C.TP_OK, "Hello, "+name+"!")
}

// Sets the result to a copy of the text, which is not empty.
func answer(call *C.tp_call, status C.tp_status, text string) C.tp_status {
	bytes := []byte(text)
	chars := (*C.char)(unsafe.Pointer(&bytes[0]))
	return C.tp_answer_text(call, status, chars, C.size_t(len(bytes)))
}

// A library has no main that runs.
func main() {}
