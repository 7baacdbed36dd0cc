//! The one sort of the protocol. Every instance of a stable sort is 4 KB of Wasm, so all that is sorted by name is sorted here.

use std::cmp::Ordering;

/// The positions of `names` in the order of the names; equal names stay in the order in which they come.
///
/// The order is that of UTF-16 code units, which RFC 8785 §3.2.3 wants for JSON, and which differs from that of UTF-8 beyond the
/// basic plane. Whoever only needs some order takes this one.
pub fn by_name<'n>(names: impl Iterator<Item = &'n str>) -> Vec<usize> {
    positions(&names.collect::<Vec<_>>())
}

// Apart, so that there is one of it however many kinds of iterators come.
fn positions(names: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let name = |at: &usize| names.get(*at).copied().unwrap_or_default();
    order.sort_by(|a, b| compare(name(a), name(b)));
    order
}

/// The order of [`by_name`].
pub fn compare(a: &str, b: &str) -> Ordering {
    // The bytes of UTF-8 come in the order of the characters. So do code units, but those of a character beyond the basic plane (from 0xf0
    // on) are surrogates, which come before the last characters of that plane (0xee, 0xef).
    for (a, b) in a.bytes().zip(b.bytes()) {
        if a != b {
            let order = a.cmp(&b);
            let crossed = matches!((a, b), (0xee | 0xef, 0xf0..) | (0xf0.., 0xee | 0xef));
            return if crossed { order.reverse() } else { order };
        }
    }
    a.len().cmp(&b.len())
}

/// `names` in the order of [`by_name`].
pub fn sorted<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let order = by_name(names.iter().copied());
    order
        .into_iter()
        .filter_map(|at| names.get(at).copied())
        .collect()
}

/// Puts `item` behind everything in `list` that may stand before it. For short lists: each insertion moves what is behind it.
pub fn insert<T>(list: &mut Vec<T>, item: T, before: impl Fn(&T, &T) -> bool) {
    let at = list.partition_point(|other| before(other, &item));
    list.insert(at, item);
}
