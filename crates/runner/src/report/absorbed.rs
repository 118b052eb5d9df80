//! What a run put down to a known finding, in words. Text only.

use super::number;
use results::absorbed::Absorbed;

/// `12 of 23 514 crash states (0.05 %, at most 0.09 %)`.
pub(crate) fn said(absorbed: &Absorbed) -> String {
    let Absorbed { seen, of, unit, at_most, settled, .. } = absorbed;
    let share = |count: u64| number::share(absorbed.share(count));
    let bound = match at_most {
        Some(at_most) if *settled => format!("at most {}", share(*at_most)),
        Some(at_most) => format!("about {} at most, of too few runs to fail one", share(*at_most)),
        None => "it has no budget".to_owned(),
    };
    let amount = |count: u64| number::amount(count as f64);
    format!("{} of {} {} ({}, {bound})", amount(*seen), amount(*of), unit.words(), share(*seen))
}

#[cfg(test)]
mod tests {
    use super::said;
    use knobs::budget::Unit;
    use results::absorbed::Absorbed;

    #[test]
    fn a_line_says_the_share_and_its_bound() {
        let of = |seen, at_most, settled| {
            let finding = "lost-page".to_owned();
            let unit = Unit::CrashStates;
            said(&Absorbed { finding, unit, seen, of: 23_514, at_most, settled })
        };
        let line = "12 of 23\u{202f}514 crash states (0.051 %, at most 0.089 %)";
        assert_eq!(of(12, Some(21), true), line);
        let line = "12 of 23\u{202f}514 crash states \
                    (0.051 %, about 0.089 % at most, of too few runs to fail one)";
        assert_eq!(of(12, Some(21), false), line);
        assert_eq!(of(0, None, false), "0 of 23\u{202f}514 crash states (0 %, it has no budget)");
    }
}
