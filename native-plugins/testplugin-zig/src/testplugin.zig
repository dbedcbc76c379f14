//! The tutorial's plugin, in Zig. Its twins: lua-plugins/testplugin.lua, and the other
//! folders beside this one.

const std = @import("std");
const tp = @import("twinplug");

const plugin_data = "PluginData { name: string, age: int, tel: string }";

/// Text of a length that is bounded, so that it needs no allocator.
fn Text(comptime capacity: usize) type {
    return struct {
        bytes: [capacity]u8 = undefined,
        length: usize = 0,

        fn slice(text: *const @This()) []const u8 {
            return text.bytes[0..text.length];
        }

        fn set(text: *@This(), wanted: []const u8) void {
            @memcpy(text.bytes[0..wanted.len], wanted);
            text.length = wanted.len;
        }
    };
}

const PluginData = struct {
    name: Text(256) = .{},
    age: i64 = 0,
    tel: Text(64) = .{},

    fn toValue(data: *const PluginData, call: *tp.Call) tp.Error!tp.Value {
        return call.map(&.{
            .of("name", try call.text(data.name.slice())),
            .of("age", .int(data.age)),
            .of("tel", try call.text(data.tel.slice())),
        });
    }
};

/// Any thread may read and set the variables, so a lock guards them.
var guard: tp.Lock = .{};
var value: i64 = 0;
var pd: PluginData = .{};

fn getValue(_: *tp.Call) tp.Value {
    guard.lock();
    defer guard.unlock();
    return .int(value);
}

fn setValue(call: *tp.Call) void {
    guard.lock();
    defer guard.unlock();
    value = call.args[0].as.integer;
}

fn getPd(call: *tp.Call) !tp.Value {
    guard.lock();
    defer guard.unlock();
    return pd.toValue(call);
}

fn setPd(call: *tp.Call) !void {
    // The host has checked that the fields are there, and their types.
    const name = call.args[0].field("name").?.toText();
    const tel = call.args[0].field("tel").?.toText();
    if (name.len > pd.name.bytes.len) {
        return call.fail("`Pd.name` is longer than {d} bytes", .{pd.name.bytes.len});
    }
    if (tel.len > pd.tel.bytes.len) {
        return call.fail("`Pd.tel` is longer than {d} bytes", .{pd.tel.bytes.len});
    }
    guard.lock();
    defer guard.unlock();
    pd.name.set(name);
    pd.age = call.args[0].field("age").?.as.integer;
    pd.tel.set(tel);
}

fn pluginFun(call: *tp.Call) !void {
    try call.print("Value in plugin: {d}\n", .{getValue(call).as.integer});
}

fn complexType(call: *tp.Call) !void {
    const message = message: {
        guard.lock();
        defer guard.unlock();
        try call.print("{s} {d} {s}\n", .{ pd.name.slice(), pd.age, pd.tel.slice() });
        pd.age *= 4;
        break :message try pd.toValue(call);
    };
    const data = try call.open("data", plugin_data);
    defer data.close();
    // Sending waits for a receiver: not with the lock held.
    try data.send(message);
}

fn hello(call: *tp.Call) !tp.Value {
    return call.format("Hello, number {d}", .{getValue(call).as.integer});
}

const registered: tp.Export = .func("Hello", "() -> string", hello);

fn init(call: *tp.Call) !void {
    try call.print("plugin load...\n", .{});
    try call.register(&registered);
}

comptime {
    tp.plugin(.{
        .name = "testplugin",
        .version = "1.0.0",
        .init = tp.entry(init),
        .exports = &.{
            .variable("Value", "int", getValue, setValue),
            .variable("Pd", plugin_data, getPd, setPd),
            .func("Plugin_fun", "()", pluginFun),
            .func("ComplexType", "()", complexType),
        },
    });
}
