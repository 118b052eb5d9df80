//! What a process says of its own progress: one line of the journal each. Its text is the codec's alone;
//! whoever decides by a milestone matches on it.

use crate::engine::EngineError;
use serde::{Deserialize, Serialize};

/// A step that a process has taken on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Milestone {
    /// The process has begun; everything after this is its own.
    Started,
    /// The database is open.
    Opened {
        /// Allocations that the opening took.
        allocations: u64,
    },
    /// The state that the opening found is stored.
    Dumped,
    /// All steps of the script were carried out.
    Scripted {
        /// Commits of its clients, without those of threads of their own.
        commits: u64,
    },
    /// The database was closed.
    Closed,
    /// The engine's offline checker has looked at the closed database.
    Checked,
    /// Nobody has: the engine has no offline checker.
    NoChecker,
    /// The engine has compared its account of files and bytes with what its data refer to.
    Accounted {
        /// The first difference.
        difference: Option<String>,
    },
    /// What the engine logs from here on is listened to.
    Listening,
    /// The engine logged an error.
    Logged {
        /// Its text.
        error: String,
    },
    /// The engine declined to open the database, or a step that must succeed.
    Denied(EngineError),
    /// The engine declined a step that may fail.
    LetPass(EngineError),
    /// How often the process came by a failpoint.
    Hits {
        /// Its name.
        point: String,
        /// How often.
        count: u64,
    },
    /// A thread panicked.
    Panicked {
        /// The first line of its message.
        message: String,
    },
    /// The process is about to kill itself at its mark.
    Killed,
    /// A copy is about to be asked for.
    Copying {
        /// Its folder's name.
        name: String,
    },
    /// The copy stands.
    Copied {
        /// Its folder's name.
        name: String,
    },
    /// A bucket was read as a whole.
    Read {
        /// What it held.
        pairs: u64,
    },
    /// A thread was held, and steps were taken meanwhile.
    Held {
        /// Its name.
        thread: String,
    },
    /// The steps that were taken meanwhile waited for that thread.
    Blocked {
        /// Its name.
        thread: String,
    },
    /// The places that threads came by were written down.
    Recorded {
        /// How many.
        places: u64,
    },
}

impl Milestone {
    /// The engine declined because it takes what is on disk for damaged.
    pub fn corruption() -> Self {
        Self::Denied(EngineError::Failed("Corruption".to_owned()))
    }

    /// Whether the script came to its end.
    pub fn is_scripted(&self) -> bool {
        matches!(self, Self::Scripted { .. })
    }

    /// Whether the database was opened.
    pub fn is_opened(&self) -> bool {
        matches!(self, Self::Opened { .. })
    }

    /// Whether a thread panicked with these words.
    pub fn is_panic_saying(&self, words: &str) -> bool {
        matches!(self, Self::Panicked { message } if message.contains(words))
    }

    /// Whether a thread was held.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    /// Whether others waited for a thread that was held.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked { .. })
    }

    /// How many allocations the opening took.
    pub fn allocations(&self) -> Option<u64> {
        if let Self::Opened { allocations } = self { Some(*allocations) } else { None }
    }
}
