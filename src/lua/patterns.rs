//! Lua's patterns, matched so that it can be ended: the work of a pattern is not bounded,
//! and Lua's own matcher runs to its end.
//!
//! The same language, captures and errors as the matcher of the Lua that is built in
//! (section 6.4.1 of its manual; a test compares the two). Where the flavours differ,
//! a constant says so. Which patterns need it is told by `bound`.

mod bound;
mod fault;
#[cfg(test)]
mod tests;

pub(super) use bound::bound;
pub(super) use fault::Fault;

use super::library::Poll;

/// So deep may items nest that have something after them to try again.
const MOST_CALLS: u32 = 200;
const MOST_CAPTURES: usize = 32;

/// LuaJIT goes down a level for an item that may be left out and is; the others do not.
const SKIPS_DEEPER: bool = cfg!(feature = "luajit");

#[derive(Clone, Copy)]
pub(super) enum Capture {
    /// Begun, and without an end yet.
    Open(usize),
    Text(usize, usize),
    /// A place, from 0.
    Position(usize),
}

/// A subject and a pattern without its anchor.
pub(super) struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    depth: u32,
    level: usize,
    captures: [Capture; MOST_CAPTURES],
    poll: Poll,
}

/// How a pattern is looked for.
#[derive(Clone, Copy)]
pub(super) enum Starts {
    /// There alone.
    At(usize),
    /// There or later.
    From(usize),
}

type Matched = Result<Option<usize>, Fault>;

impl<'a> Matcher<'a> {
    pub(super) fn new(subject: &'a [u8], pattern: &'a [u8]) -> Matcher<'a> {
        // LuaJIT's patterns end at a zero.
        let end = if cfg!(feature = "luajit") {
            pattern.iter().position(|&byte| byte == 0)
        } else {
            None
        };
        let pattern = &pattern[..end.unwrap_or(pattern.len())];
        let captures = [Capture::Position(0); MOST_CAPTURES];
        Matcher { subject, pattern, depth: 0, level: 0, captures, poll: Poll::new() }
    }

    /// The first match, from where to where, that does not end at `not`.
    pub(super) fn search(
        &mut self,
        starts: Starts,
        not: Option<usize>,
    ) -> Result<Option<(usize, usize)>, Fault> {
        let (first, last) = match starts {
            Starts::At(place) => (place, place),
            Starts::From(place) => (place, self.subject.len()),
        };
        for start in first..=last {
            (self.depth, self.level) = (0, 0);
            if let Some(end) = self.matches(start, 0)?.filter(|end| Some(*end) != not) {
                return Ok(Some((start, end)));
            }
        }
        Ok(None)
    }

    /// The captures of what `search` found.
    pub(super) fn captures(&self) -> &[Capture] {
        &self.captures[..self.level]
    }

    /// Where a match that begins at `s` with the pattern from `p` on ends.
    fn matches(&mut self, s: usize, p: usize) -> Matched {
        if self.depth == MOST_CALLS {
            return Err(Fault::TooComplex);
        }
        self.depth += 1;
        let end = self.items(s, p)?;
        self.depth -= 1;
        Ok(end)
    }

    fn items(&mut self, mut s: usize, mut p: usize) -> Matched {
        loop {
            self.poll.step(1)?;
            let Some(&first) = self.pattern.get(p) else { return Ok(Some(s)) };
            match (first, self.at(p + 1)) {
                (b'(', b')') => return self.begin(Capture::Position(s), s, p + 2),
                (b'(', _) => return self.begin(Capture::Open(s), s, p + 1),
                (b')', _) => return self.end(s, p + 1),
                (b'$', _) if p + 1 == self.pattern.len() => {
                    return Ok((s == self.subject.len()).then_some(s));
                }
                (b'%', b'b') => match self.balanced(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', b'f') => match self.frontier(s, p + 2)? {
                    Some(end) => p = end,
                    None => return Ok(None),
                },
                (b'%', digit @ b'0'..=b'9') => match self.back_reference(s, digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let end = self.class_end(p)?;
                    let fits = self.fits(s, p, end)?;
                    match self.at(end) {
                        b'?' => {
                            if fits && let Some(found) = self.matches(s + 1, end + 1)? {
                                return Ok(Some(found));
                            }
                            p = end + 1;
                        }
                        b'*' | b'-' if !fits && !SKIPS_DEEPER => p = end + 1,
                        b'+' if !fits => return Ok(None),
                        b'+' => return self.most(s + 1, p, end),
                        b'*' => return self.most(s, p, end),
                        b'-' => return self.fewest(s, p, end),
                        _ if fits => (s, p) = (s + 1, end),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    /// As often as it fits, and then less often.
    fn most(&mut self, s: usize, p: usize, end: usize) -> Matched {
        let mut here = s;
        while self.fits(here, p, end)? {
            here += 1;
        }
        loop {
            if let Some(found) = self.matches(here, end + 1)? {
                return Ok(Some(found));
            }
            if here == s {
                return Ok(None);
            }
            here -= 1;
        }
    }

    /// Not at all, and then more often.
    fn fewest(&mut self, mut s: usize, p: usize, end: usize) -> Matched {
        loop {
            if let Some(found) = self.matches(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.fits(s, p, end)? {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn begin(&mut self, capture: Capture, s: usize, p: usize) -> Matched {
        if self.level == MOST_CAPTURES {
            return Err(Fault::TooManyCaptures);
        }
        self.captures[self.level] = capture;
        self.level += 1;
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn end(&mut self, s: usize, p: usize) -> Matched {
        let open = (0..self.level).rev().find_map(|level| match self.captures[level] {
            Capture::Open(start) => Some((level, start)),
            _ => None,
        });
        let (level, start) = open.ok_or(Fault::NoCapture)?;
        self.captures[level] = Capture::Text(start, s);
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.captures[level] = Capture::Open(start);
        }
        Ok(found)
    }

    fn back_reference(&mut self, s: usize, digit: u8) -> Matched {
        let index = usize::from(digit - b'0');
        match index.checked_sub(1).and_then(|level| self.captures().get(level)) {
            None | Some(Capture::Open(_)) => Err(Fault::CaptureIndex(index)),
            Some(Capture::Position(_)) => Ok(None),
            Some(&Capture::Text(start, end)) => {
                self.poll.step((end - start) / 16)?;
                let rest = &self.subject[s..];
                Ok(rest.starts_with(&self.subject[start..end]).then_some(s + end - start))
            }
        }
    }

    fn balanced(&mut self, s: usize, p: usize) -> Matched {
        if p + 1 >= self.pattern.len() {
            return Err(Fault::Unbalanced);
        }
        let (opens, closes) = (self.pattern[p], self.pattern[p + 1]);
        if self.subject.get(s) != Some(&opens) {
            return Ok(None);
        }
        let mut depth = 1;
        for place in s + 1..self.subject.len() {
            self.poll.step(1)?;
            let byte = self.subject[place];
            if byte == closes {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(place + 1));
                }
            } else if byte == opens {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// Where the pattern goes on, if the set at `p` begins to hold at `s`.
    fn frontier(&mut self, s: usize, p: usize) -> Matched {
        if self.at(p) != b'[' {
            return Err(Fault::NoSetAfterFrontier);
        }
        let end = self.class_end(p)?;
        let before = s.checked_sub(1).map_or(0, |before| self.subject[before]);
        let here = self.subject.get(s).copied().unwrap_or(0);
        let begins = !self.in_set(before, p, end - 1) && self.in_set(here, p, end - 1);
        Ok(begins.then_some(end))
    }

    /// The byte of the pattern, and 0 behind its end.
    fn at(&self, p: usize) -> u8 {
        self.pattern.get(p).copied().unwrap_or(0)
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&mut self, p: usize) -> Result<usize, Fault> {
        let end = class_end(self.pattern, p)?;
        self.poll.step(end - p)?;
        Ok(end)
    }

    /// Whether the class from `p` to `end` has what stands at `s`.
    #[inline]
    fn fits(&mut self, s: usize, p: usize, end: usize) -> Result<bool, Fault> {
        let Some(&byte) = self.subject.get(s) else { return Ok(false) };
        self.poll.step(end - p)?;
        Ok(match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(byte, self.pattern[p + 1]),
            b'[' => self.in_set(byte, p, end - 1),
            literal => literal == byte,
        })
    }

    /// Whether the set has it whose brackets are at `p` and `end`.
    fn in_set(&self, byte: u8, mut p: usize, end: usize) -> bool {
        let complement = self.pattern[p + 1] == b'^';
        p += usize::from(complement) + 1;
        while p < end {
            let first = self.pattern[p];
            let has = if first == b'%' {
                p += 1;
                in_class(byte, self.pattern[p])
            } else if self.pattern[p + 1] == b'-' && p + 2 < end {
                p += 2;
                (first..=self.pattern[p]).contains(&byte)
            } else {
                first == byte
            };
            if has {
                return !complement;
            }
            p += 1;
        }
        complement
    }
}

/// Where the class that begins at `p` ends.
pub(super) fn class_end(pattern: &[u8], p: usize) -> Result<usize, Fault> {
    let at = |p: usize| pattern.get(p).copied();
    match pattern[p] {
        b'%' if p + 1 == pattern.len() => Err(Fault::EndsWithEscape),
        b'%' => Ok(p + 2),
        b'[' => {
            let mut p = p + 1 + usize::from(at(p + 1) == Some(b'^'));
            loop {
                let first = at(p).ok_or(Fault::NoSetEnd)?;
                p += 1;
                if first == b'%' && p < pattern.len() {
                    p += 1;
                }
                if at(p) == Some(b']') {
                    return Ok(p + 1);
                }
            }
        }
        _ => Ok(p + 1),
    }
}

/// Whether the class of that letter has the byte, in the locale `C`; another byte is itself.
fn in_class(byte: u8, letter: u8) -> bool {
    let has = match letter.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return byte == letter,
    };
    has == letter.is_ascii_lowercase()
}
