//! The plugin {{name}}: what it exports stands in the table at the end.

const tp = @import("twinplug");

fn hello(call: *tp.Call) !tp.Value {
    // The host has checked it by the type in the table.
    return call.format("Hello, {s}!", .{call.args[0].toText()});
}

comptime {
    tp.plugin(.{
        .name = "{{name}}",
        .version = "0.1.0",
        .exports = &.{
            .func("hello", "(name: string) -> string", hello),
        },
    });
}
