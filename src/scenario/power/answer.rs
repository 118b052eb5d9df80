//! What a judge of a crash state answers, as the text that `faultfs` carries between processes, keeps
//! with a finding and shows: the only place that writes or reads that text.

use crate::{oracle::Violation, settings::FindingId};

/// How an answer begins that is a known finding's: its id follows, and a colon.
const KNOWN: &str = "known finding ";

/// Witnesses that an answer shows.
const SHOWN: usize = 4;

/// Violations as an answer: the first promise alone, behind the known finding that explains it, then
/// what was seen. Nothing is broken when there are none.
pub(super) fn told(violations: &[Violation], known: Option<FindingId>) -> Result<(), String> {
    let Some(first) = violations.first() else { return Ok(()) };
    let mut text = format!("{}: {}", first.oracle, first.promise);
    for violation in violations.iter().take(SHOWN) {
        text.push_str("\n      ");
        text.push_str(&violation.witness);
    }
    Err(known.map_or(text.clone(), |id| put_down_to(id, &text)))
}

/// The same answer, put down to a known finding.
pub fn put_down_to(id: FindingId, answer: &str) -> String {
    format!("{KNOWN}{id}: {answer}")
}

/// The known finding that an answer is put down to.
pub fn known_id(answer: &str) -> Option<FindingId> {
    FindingId::decode(answer.strip_prefix(KNOWN)?.split(':').next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::OracleName;

    #[test]
    fn an_answer_names_its_finding_and_its_promise() {
        let violation = Violation::new(OracleName::Durability, "work survives", "T1.1 is lost");
        let broken = told(std::slice::from_ref(&violation), None).unwrap_err();
        assert_eq!(broken, "durability: work survives\n      T1.1 is lost");
        assert_eq!(known_id(&broken), None);
        let known = told(&[violation], Some(FindingId::SHORT_LOG_FILE)).unwrap_err();
        assert_eq!(known_id(&known), Some(FindingId::SHORT_LOG_FILE));
        assert_eq!(told(&[], Some(FindingId::SHORT_LOG_FILE)), Ok(()));
        assert_eq!(known_id("known finding of-nobody: x"), None);
    }
}
