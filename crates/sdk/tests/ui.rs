//! What the macros say of mistakes: each file of `ui` has some, and beside it what the
//! compiler prints. After a change: `TRYBUILD=overwrite cargo test -p twinplug-sdk --test ui`.

#[test]
fn mistakes_are_told_where_they_stand() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
