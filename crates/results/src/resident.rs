//! What the soak and the process that keeps one database open say to each other: one JSON line each
//! way for each cycle, over its standard input and output. The end of its input is the end of it.

use serde::{Deserialize, Serialize};

/// The program, as cargo names it.
pub const PROGRAM: &str = "mace-prod-resident";

/// A cycle's work, to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The cycle's number.
    pub cycle: u64,
    /// What its operations are drawn from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The cycle's number, repeated.
    pub cycle: u64,
    /// What the oracles found, in one line; absent when they found nothing.
    pub found: Option<String>,
    /// Commits that were acknowledged.
    pub commits: u64,
    /// 99 % quantile of their latencies, in nanoseconds.
    pub commit_p99_ns: u64,
}

impl Request {
    /// The line that asks for it.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a request is plain data")
    }
}

impl Answer {
    /// Reads an answer to `request`; the error is what is wrong with it, in words.
    pub fn parse(line: &str, request: Request) -> Result<Self, String> {
        let answer: Self = serde_json::from_str(line)
            .map_err(|error| format!("its answer cannot be read ({error}): {line:?}"))?;
        if answer.cycle != request.cycle {
            return Err(format!("it answered for cycle {}", answer.cycle));
        }
        if answer.commits == 0 {
            return Err("it committed nothing".to_owned());
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Request};

    #[test]
    fn an_answer_that_proves_nothing_is_none() {
        let request = Request { cycle: 3, seed: 9 };
        assert_eq!(request.line(), r#"{"cycle":3,"seed":9}"#);
        let parse = |line: &str| Answer::parse(line, request);
        let good = r#"{"cycle":3,"found":null,"commits":7,"commit_p99_ns":1000}"#;
        assert_eq!(parse(good).unwrap().commits, 7);
        for (bad, says) in [
            ("", "cannot be read"),
            (&good.replace('3', "2"), "cycle 2"),
            (&good.replace('7', "0"), "committed nothing"),
            (&good.replace("found", "fond"), "fond"),
        ] {
            let why = parse(bad).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
