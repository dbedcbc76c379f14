//! Where in Lua a text ends: in quotes, in a comment, in long brackets, or in none of them.

/// What a text ends in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ends {
    Outside,
    Quotes,
    /// A comment that its line ends.
    Comment,
    /// `[[`, `[==[`: a text or a comment of several lines.
    Long,
}

impl Ends {
    pub(super) fn of(text: &str) -> Ends {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let after = &rest[first.len_utf8()..];
            let passed = match first {
                '"' | '\'' | '`' => quoted(after, first).ok_or(Ends::Quotes),
                '[' if is_long(rest) => long(rest).ok_or(Ends::Long),
                '-' if rest.starts_with("--") && is_long(&rest[2..]) => {
                    long(&rest[2..]).ok_or(Ends::Long)
                }
                '-' if rest.starts_with("--") => {
                    rest.split_once('\n').map(|(_, after)| after).ok_or(Ends::Comment)
                }
                _ => Ok(after),
            };
            match passed {
                Ok(after) => rest = after,
                Err(ends) => return ends,
            }
        }
        Ends::Outside
    }
}

/// What comes after the quote that closes, or after the line.
fn quoted(text: &str, quote: char) -> Option<&str> {
    let mut is_escaped = false;
    let end = text.find(|character: char| {
        let is_end = (character == quote || character == '\n') && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_end
    });
    end.map(|end| &text[end + 1..])
}

/// Whether long brackets open there.
fn is_long(text: &str) -> bool {
    text.strip_prefix('[').is_some_and(|rest| rest.trim_start_matches('=').starts_with('['))
}

/// What comes after the long brackets that open there.
fn long(text: &str) -> Option<&str> {
    let level = text[1..].chars().take_while(|&character| character == '=').count();
    let close = format!("]{}]", "=".repeat(level));
    text[level + 2..].split_once(&close).map(|(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_somewhere() {
        let check = |text: &str, ends: Ends| assert_eq!(Ends::of(text), ends, "{text:?}");
        for text in [
            "",
            "x",
            "'a'",
            "\"a\\\"\"",
            "a[1]",
            "a[b[1]]",
            "x = [[a]]",
            "--[[a]] x",
            "-- a\n",
            "'a\nx",
            "ä",
            "1 - 2",
        ] {
            check(text, Ends::Outside);
        }
        for text in ["'a", "\"a'", "\"a\\\"", "`a", "x = '--", "'a\\\nb", "[[a]] .. '"] {
            check(text, Ends::Quotes);
        }
        for text in ["--", "x -- it's", "-- [[", "'a' --[ x", "[[a]] --"] {
            check(text, Ends::Comment);
        }
        for text in ["[[", "x = [==[ a ]] ]=]", "--[[ a\nb", "--[=[ '", "f([["] {
            check(text, Ends::Long);
        }
    }
}
