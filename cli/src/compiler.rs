//! What compilers write: the first errors of it, for those who cannot scroll up. It knows no compiler,
//! but that they call an error by that name.

/// So much is given at most, in bytes.
const MOST: usize = 4096;

/// The part of the messages that begins with the first error, or all of them where they are short;
/// `..` stands for what is left out. Without colours.
pub(crate) fn first_errors(messages: &str) -> String {
    let plain = anstream::adapter::strip_str(messages).to_string();
    let lines: Vec<&str> = plain.lines().map(str::trim_end).collect();
    let error = lines.iter().position(|line| names_an_error(line)).unwrap_or(0);
    let (begin, end) = window(&lines, error);
    let before = if begin > 0 { "..\n" } else { "" };
    let after = if end < lines.len() { "\n.." } else { "" };
    match &lines[begin..end] {
        // One line that is longer than all may be.
        [] if error < lines.len() => format!("{before}{}..", start(lines[error])),
        shown => format!("{before}{}{after}", shown.join("\n")),
    }
}

/// Which lines are shown: as many as may be from the error on, and what room is left goes to those
/// before.
fn window(lines: &[&str], error: usize) -> (usize, usize) {
    let mut room = MOST;
    let mut fits = |line: &&&str| {
        let fits = line.len() < room;
        room = room.saturating_sub(line.len() + 1);
        fits
    };
    let after = lines[error.min(lines.len())..].iter().take_while(&mut fits).count();
    let end = error + after;
    let before = match end == lines.len() {
        true => lines[..error].iter().rev().take_while(&mut fits).count(),
        false => 0,
    };
    (error - before, end)
}

/// Whether a line says that something is an error: `error: ..`, `error[E0425]: ..`, `x.c:1: error: ..`.
fn names_an_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("error").any(|(place, word)| {
        let before = lower[..place].chars().next_back();
        let after = lower[place + word.len()..].chars().next();
        before.is_none_or(char::is_whitespace) && matches!(after, Some(':' | '['))
    })
}

fn start(line: &str) -> &str {
    let end = (0..=MOST.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_messages_are_given_whole() {
        let check = |messages: &str| assert_eq!(first_errors(messages), messages.trim_end());
        check("");
        check("a.c:1:1: warning: so\na.c:2:2: error: no\n    2 | no\n      | ^~\n");
        check("./a.go:3:1: syntax error: non-declaration statement outside function body");
        check("a.o: undefined reference to `b'\ncollect2: error: ld returned 1 exit status");
        assert_eq!(first_errors("\u{1b}[1merror\u{1b}[0m: no\r\n"), "error: no");
    }

    #[test]
    fn of_long_ones_the_first_errors_are_kept() {
        let warning = "a.c:1:1: warning: terror: it is of no use\n".repeat(200);
        let error = |number: usize| format!("a.c:{number}:1: error: no such thing\n");
        let errors: String = (0..200).map(error).collect();
        let text = first_errors(&(warning.clone() + &errors));
        assert!(text.starts_with("..\na.c:0:1: error: no such thing\na.c:1:1: error: "), "{text}");
        assert!(text.ends_with("such thing\n..") && text.len() <= MOST + 6, "{}", text.len());
        // What room is left is for what comes before.
        let text = first_errors(&(warning + &error(7)));
        assert!(text.starts_with("..\na.c:1:1: warning: terror: "), "{text}");
        assert!(text.ends_with("a.c:7:1: error: no such thing"), "{text}");
        assert!((MOST - 200..MOST + 6).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = first_errors(&format!("so\nerror: {}\nmore", "ü".repeat(MOST)));
        assert!(text.starts_with("..\nerror: üü") && text.ends_with("ü.."), "{text}");
        assert!(text.len() <= MOST + 6, "{}", text.len());
    }
}
