//! A frozen loop of arithmetic: work that no release of anything changes. It is what the control
//! case measures, so that a slow hour of the machine can be told from a slow engine, and what a
//! planted slowdown consists of. Changing it makes every recorded control figure worthless.

use std::hint::black_box;

/// Carries out so many steps of xorshift64 (Marsaglia 2003), each of which needs the one before.
#[inline(never)]
pub fn spin(steps: u64) -> u64 {
    let mut state = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..steps {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state)
}

#[cfg(test)]
mod tests {
    use super::spin;

    #[test]
    fn the_loop_is_the_same_for_ever() {
        assert_eq!(spin(0), 0x9E37_79B9_7F4A_7C15);
        assert_eq!([spin(1), spin(1000)], GOLDEN);
    }

    const GOLDEN: [u64; 2] = [15_860_402_102_123_842_989, 6_248_290_529_083_013_365];
}
