//! What nextest's exit codes mean for a run. Numbers only: no text.

use nextest_metadata::NextestExitCode;
use process::Outcome;

/// What nextest's exit code says; `None` is nextest itself killed by a signal.
pub(crate) fn of_nextest(code: Option<i32>) -> Outcome {
    match code {
        Some(NextestExitCode::OK) => Outcome::Passed,
        Some(NextestExitCode::TEST_RUN_FAILED) => Outcome::Failed,
        // 4, 92, 94-96, 101-105, clap's 2: nothing that a case did.
        _ => Outcome::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::of_nextest;

    #[test]
    fn nextests_codes_become_the_contracts() {
        for (nextest, ours) in [
            (Some(0), 0),
            (Some(100), 1),
            (Some(2), 2),
            (Some(4), 2),
            (Some(92), 2),
            (Some(94), 2),
            (Some(95), 2),
            (Some(96), 2),
            (Some(101), 2),
            (Some(102), 2),
            (Some(103), 2),
            (Some(104), 2),
            (Some(105), 2),
            (None, 2),
        ] {
            assert_eq!(of_nextest(nextest).code(), ours, "{nextest:?}");
        }
    }
}
