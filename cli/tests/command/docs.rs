//! What the documentation shows is what happens: its files are written, its commands run.

use crate::document::sections;
use crate::ran::{C, CPP, GO, RUST, ZIG, is_skipped};

const NATIVE: &str = "docs/native-plugins.md";

/// Makes a test of each section of a page that has something to run.
macro_rules! page {
    ($page:ident: $($test:ident = $title:literal, $twin:ident;)*) => {
        $(
            #[test]
            fn $test() {
                if is_skipped($twin) {
                    return;
                }
                let sections = sections($page);
                sections.iter().find(|section| section.title == $title).unwrap().run();
            }
        )*

        #[test]
        fn every_section_is_run() {
            let titles: Vec<_> = sections($page).into_iter().map(|section| section.title).collect();
            assert_eq!(titles, [$($title),*]);
        }
    };
}

page! { NATIVE:
    a_plugin_in_rust = "In Rust", RUST;
    a_plugin_in_c = "In C", C;
    a_plugin_in_cpp = "In C++", CPP;
    a_plugin_in_zig = "In Zig", ZIG;
    a_plugin_in_go = "In Go", GO;
    references = "Functions, objects, buffers", RUST;
}
