//! The two verdicts on a run as properties, and by how much a promise was tried, in words. Text only.

use super::number;
use results::{
    run::Run,
    standing::{Standing, Word},
};

/// Both verdicts by name: whether anything got worse, and each promise of the engine.
pub(crate) fn verdicts(run: &Run) -> Vec<(String, String)> {
    let promise = |standing: &Standing| {
        let name = format!("engine.{}", standing.promise.name());
        (name, format!("{}; {}", standing.said(), tried(standing)))
    };
    let changes = ("changes".to_owned(), run.outcome.name().to_owned());
    [changes].into_iter().chain(run.promises.iter().map(promise)).collect()
}

/// `117 cases, 4 711 transactions`.
pub(crate) fn tried(standing: &Standing) -> String {
    let Standing { cases, failed, amounts, .. } = standing;
    let amount = |count: u64| number::amount(count as f64);
    if standing.verdict == Word::Broken && *cases == 0 && *failed == 0 {
        return "the cases of its findings alone".to_owned();
    }
    let plural = if *cases == 1 { "" } else { "s" };
    let mut said = vec![format!("{} case{plural}", amount(*cases))];
    said.extend(amounts.iter().map(|(what, count)| format!("{} {what}", amount(*count))));
    if *failed > 0 {
        said.push(format!("{} failed", amount(*failed)));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Standing, Word, tried};
    use knobs::findings::Promise;

    #[test]
    fn a_line_says_how_much_was_tried() {
        let mut standing = Standing {
            promise: Promise::Atomicity,
            verdict: Word::Kept,
            findings: Vec::new(),
            cases: 3,
            failed: 0,
            amounts: [("transactions".to_owned(), 4711)].into(),
        };
        assert_eq!(tried(&standing), "3 cases, 4\u{202f}711 transactions");
        standing.failed = 1;
        assert_eq!(tried(&standing), "3 cases, 4\u{202f}711 transactions, 1 failed");
        let none = Standing { cases: 0, failed: 0, amounts: [].into(), ..standing };
        assert_eq!(tried(&Standing { verdict: Word::NotTried, ..none.clone() }), "0 cases");
        let broken = Standing { verdict: Word::Broken, ..none };
        assert_eq!(tried(&broken), "the cases of its findings alone");
    }
}
