//! How much work a pattern can make at most.

use super::class_end;

/// The steps that it takes at most to look for a pattern everywhere in a subject of that
/// length, and to go on behind each match: an upper bound, and for most patterns not far from
/// their worst subject.
///
/// What an item costs is its own work, times how often it is come to: once for each start,
/// and once more for each other way that the items before it can be matched. But the items
/// at the end that cannot fail are come to once a match, and the bytes that they pass are
/// not looked at again.
pub(in crate::lua) fn bound(pattern: &[u8], anchored: bool, length: usize) -> u64 {
    let length = length as u64 + 1;
    let mut work = Work { ways: 1, open: 1, failing: 0, trailing: 0, total: 0 };
    let mut p = 0;
    while p < pattern.len() {
        p = match item(pattern, p, length, &mut work) {
            Some(next) => next,
            // Malformed: the first attempt that comes here is the last one.
            None => break,
        };
    }
    let starts = if anchored { 1 } else { length };
    let trailing = work.trailing.saturating_mul(length).saturating_mul(2);
    work.total.saturating_mul(starts).saturating_add(trailing).saturating_add(starts)
}

struct Work {
    /// How often an item is come to, by the choices of items that something behind can fail.
    ways: u64,
    /// The choices since the last item that can fail.
    open: u64,
    /// What the items since then cost if something behind them fails.
    failing: u64,
    /// What they cost for each byte if nothing does.
    trailing: u64,
    total: u64,
}

impl Work {
    /// An item that can fail.
    fn fails(&mut self, cost: u64) {
        self.ways = self.ways.saturating_mul(self.open);
        let cost = self.ways.saturating_mul(cost);
        self.total = self.total.saturating_add(self.failing).saturating_add(cost);
        (self.open, self.failing, self.trailing) = (1, 0, 0);
    }

    /// An item that cannot, and can be matched in so many ways.
    fn chooses(&mut self, cost: u64, ways: u64) {
        let here = self.ways.saturating_mul(self.open);
        let cost_of_all = here.saturating_mul(cost).saturating_mul(ways);
        self.failing = self.failing.saturating_add(cost_of_all);
        self.trailing = self.trailing.saturating_add(cost);
        self.open = self.open.saturating_mul(ways);
    }
}

/// Counts the item at `p`, and says where the next one is.
fn item(pattern: &[u8], p: usize, length: u64, work: &mut Work) -> Option<usize> {
    match (pattern[p], pattern.get(p + 1)) {
        (b'(' | b')', _) => {
            work.chooses(1, 1);
            Some(p + 1)
        }
        (b'$', None) => {
            work.fails(1);
            Some(p + 1)
        }
        (b'%', Some(b'b')) => {
            work.fails(length);
            Some(p + 4)
        }
        (b'%', Some(b'0'..=b'9')) => {
            work.fails(length);
            Some(p + 2)
        }
        (b'%', Some(b'f')) => {
            pattern.get(p + 2)?;
            let end = class_end(pattern, p + 2).ok()?;
            work.fails(3 * (end - p) as u64);
            Some(end)
        }
        _ => {
            let end = class_end(pattern, p).ok()?;
            // The class is read to find its end, and again for each byte.
            let cost = (end - p) as u64;
            match pattern.get(end) {
                Some(b'*' | b'-') => work.chooses(cost, length),
                Some(b'?') => work.chooses(cost, 2),
                Some(b'+') => {
                    work.fails(cost);
                    work.chooses(cost, length);
                }
                _ => {
                    work.fails(cost);
                    return Some(end);
                }
            }
            Some(end + 1)
        }
    }
}
