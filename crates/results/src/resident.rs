//! What the soak and the program of the aging database say to each other: one JSON line each way for each
//! cycle, over its standard input and output. The end of its input is the end of it.

use serde::{Deserialize, Serialize};

/// The program, as cargo names it.
pub const PROGRAM: &str = "mace-prod-resident";

/// A cycle's work, to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The cycle's number.
    pub cycle: u64,
    /// What its operations are drawn from.
    pub seed: u64,
    /// How many keys the database has.
    pub keys: u64,
    /// Operations of all clients; 0 where only the ending before is to be judged.
    pub operations: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The cycle's number, repeated.
    pub cycle: u64,
    /// What the oracles found, in one line; absent when they found nothing.
    pub found: Option<String>,
    /// Which process it was: another number where another one did it.
    pub life: u64,
    /// Commits that were acknowledged.
    pub commits: u64,
    /// 99 % quantile of their latencies, in nanoseconds: that of the worst stretch.
    pub commit_p99_ns: u64,
    /// The longest of them, in nanoseconds.
    pub commit_max_ns: u64,
    /// Calls of the engine.
    pub operations: u64,
    /// Keys that were compared with what is expected of them.
    pub reads: u64,
    /// Lives that ended without closing the database.
    pub crashes: u64,
    /// States of a power loss that were judged.
    pub states: u64,
    /// How the life ended, in words.
    pub ended: String,
    /// Milliseconds for comparing all keys at rest; 0 where that was not done.
    pub at_rest_ms: u64,
    /// The same while clients worked.
    pub at_work_ms: u64,
    /// What the process held when its clients rested.
    pub rests: Vec<Rest>,
}

/// What a process holds when its clients rest, and what they did before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Calls of the engine.
    pub operations: u64,
    /// Commits that were acknowledged.
    pub commits: u64,
    /// Keys that were compared with what is expected of them.
    pub reads: u64,
    /// 99 % quantile of the latencies of commits, in nanoseconds.
    pub commit_p99_ns: u64,
    /// The longest of them, in nanoseconds.
    pub commit_max_ns: u64,
    /// Resident bytes; absent where a process cannot be read.
    pub rss_bytes: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Bytes of the database's folder.
    pub disk_bytes: u64,
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
        if answer.crashes == 0 && answer.reads == 0 {
            return Err("it compared nothing".to_owned());
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Request, Rest};

    #[test]
    fn an_answer_that_proves_nothing_is_none() {
        let request = Request { cycle: 3, seed: 9, keys: 5, operations: 6 };
        assert_eq!(request.line(), r#"{"cycle":3,"seed":9,"keys":5,"operations":6}"#);
        assert_eq!(serde_json::from_str::<Request>(&request.line()).unwrap(), request);
        let parse = |line: &str| Answer::parse(line, request);
        let rests = vec![Rest { commits: 4, rss_bytes: Some(8), ..Rest::default() }];
        let answer = Answer { cycle: 3, reads: 7, rests, ..Answer::default() };
        let good = serde_json::to_string(&answer).unwrap();
        assert_eq!(parse(&good).unwrap(), answer);
        for (bad, says) in [
            ("", "cannot be read"),
            (&good.replace('3', "2"), "cycle 2"),
            (&good.replace('7', "0"), "compared nothing"),
            (&good.replace("found", "fond"), "fond"),
        ] {
            let why = parse(bad).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
