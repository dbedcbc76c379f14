//! What the documentation shows is what happens: each section of a page that has something to
//! run is a test of its own.

mod programs;
pub(crate) mod scenes;
pub(crate) mod stage;

use crate::document::sections;
use crate::place::Place;
use crate::ran::{C, is_skipped};

/// Makes a test of each section of a page that has something to run. What needs the compiler of
/// a twin says so.
macro_rules! page {
    ($page:ident = $path:literal: $($test:ident = $title:literal $(needs $twin:ident)?;)*) => {
        mod $page {
            $(
                #[test]
                fn $test() {
                    $(
                        if crate::ran::is_skipped(crate::ran::$twin) {
                            return;
                        }
                    )?
                    let sections = crate::document::sections($path);
                    sections.iter().find(|section| section.title == $title).unwrap().run();
                }
            )*

            #[test]
            fn every_section_is_run() {
                let sections = crate::document::sections($path).into_iter();
                let titles: Vec<_> = sections.map(|section| section.title).collect();
                assert_eq!(titles, [$($title),*] as [&str; _]);
            }
        }
    };
}

page! { readme = "README.md":
    begins = "" needs RUST;
}

page! { lua_plugins = "docs/lua-plugins.md":
    five_minutes = "Five minutes";
    the_body = "The body";
    the_manifest = "The manifest";
    permissions = "Permissions";
    types = "Types";
    values = "Values";
    events = "Events";
    other_plugins = "Other plugins";
    layers = "Layers";
    in_an_editor = "In an editor";
    errors = "Errors";
    limits = "Limits";
}

page! { native_plugins = "docs/native-plugins.md":
    five_minutes = "Five minutes" needs C;
    in_rust = "In Rust" needs RUST;
    in_c = "In C" needs C;
    in_cpp = "In C++" needs CPP;
    in_zig = "In Zig" needs ZIG;
    in_go = "In Go" needs GO;
    references = "Functions, objects, buffers" needs RUST;
    errors = "Errors" needs C;
}

page! { reload = "docs/reload.md":
    begins = "";
    handles = "Handles";
    what_is_carried = "What is carried";
}

page! { limits = "docs/limits.md": }

/// As one who reads it from the top in a checkout: a section may use the files of those above.
#[test]
fn the_page_on_the_command_shows_what_happens() {
    if !is_skipped(C) {
        let place = Place::in_the_checkout("docs command.md");
        sections("docs/command.md").iter().for_each(|section| section.run_in(&place));
    }
}
