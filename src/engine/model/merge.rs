//! What the merge operator means. Holds no state.

use crate::engine::{SET_PREFIX, both_sets};

/// What [`crate::engine::Merge::Sum`] makes of a key's base and its operands, oldest first.
pub fn merged<'a>(
    key: &[u8],
    base: Option<&'a [u8]>,
    operands: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    if key.starts_with(SET_PREFIX) {
        let all = base.into_iter().chain(operands);
        return all.fold(Vec::new(), |set, more| both_sets(&set, more));
    }
    sum(base, operands)
}

/// Little-endian 64-bit numbers that add up and wrap around; bytes
/// that are no such number count as zero, and so does nothing at all.
pub fn sum<'a>(base: Option<&'a [u8]>, operands: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let base = base.map_or(0, number);
    let total = operands.into_iter().fold(base, |sum, operand| sum.wrapping_add(number(operand)));
    total.to_le_bytes().to_vec()
}
