const std = @import("std");

pub fn build(b: *std.Build) void {
    // The command `twinplug` says where it is, and leaves one there for `zig build` by hand.
    const twinplug = b.option([]const u8, "twinplug", "the folder of twinplug.zig") orelse
        "target/plugins/.include";
    const module = b.createModule(.{
        .root_source_file = b.path("src/{{module}}.zig"),
        .target = b.standardTargetOptions(.{}),
        .optimize = b.standardOptimizeOption(.{}),
    });
    module.addAnonymousImport("twinplug", .{
        .root_source_file = .{ .cwd_relative = b.pathJoin(&.{ twinplug, "twinplug.zig" }) },
    });
    b.installArtifact(b.addLibrary(.{
        .name = "{{name}}",
        .linkage = .dynamic,
        .root_module = module,
    }));
}
