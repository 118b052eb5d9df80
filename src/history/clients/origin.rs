//! What stored bytes say about who wrote them. Reads bytes only and judges nothing.

use crate::{
    history::{KeyText, Seen},
    workload::{Version, elements, plan::SUM_PREFIX},
};

/// What these stored bytes say about who wrote them.
pub fn seen(key: &[u8], value: &[u8]) -> Seen {
    if key.starts_with(SUM_PREFIX) {
        return match <[u8; 8]>::try_from(value) {
            Ok(bytes) => Seen::Sum(u64::from_le_bytes(bytes)),
            Err(_) => garbage(value),
        };
    }
    if elements::is_list(key) {
        return elements::decode(key, value).map_or_else(|| garbage(value), Seen::List);
    }
    if elements::is_set(key) {
        return elements::decode(key, value).map_or_else(
            || garbage(value),
            |mut set| {
                set.sort_unstable();
                Seen::Set(set)
            },
        );
    }
    Version::decode(key, value).map_or_else(|| garbage(value), Seen::Version)
}

fn garbage(value: &[u8]) -> Seen {
    let start = KeyText::new(&value[..value.len().min(24)]).0;
    Seen::Garbage(format!("{} bytes, {start}", value.len()))
}
