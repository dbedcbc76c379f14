const std = @import("std");

pub fn build(b: *std.Build) void {
    const twinplug = b.option([]const u8, "twinplug", "the folder of twinplug.zig") orelse
        "../../include";
    const module = b.createModule(.{
        .root_source_file = b.path("src/testplugin.zig"),
        .target = b.standardTargetOptions(.{}),
        .optimize = b.standardOptimizeOption(.{}),
    });
    module.addAnonymousImport("twinplug", .{
        .root_source_file = .{ .cwd_relative = b.pathJoin(&.{ twinplug, "twinplug.zig" }) },
    });
    b.installArtifact(b.addLibrary(.{
        .name = "testplugin",
        .linkage = .dynamic,
        .root_module = module,
    }));
}
