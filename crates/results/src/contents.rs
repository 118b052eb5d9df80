//! What a database folder holds, as the suite's program says it when one engine makes the folder and when
//! another one opens it. Text only.

use crate::document::Document;
use serde::{Deserialize, Serialize};

/// The program of the suite that makes and opens folders, and judges what cases left.
pub const PROGRAM: &str = "mace-prod-tool";

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// [`Document::FORMAT`].
    pub format: u32,
    /// Pairs of keys and values.
    pub pairs: u64,
    /// The same pairs have the same digest.
    pub digest: String,
    /// Bytes of all files.
    pub file_bytes: u64,
}

impl Document for Contents {
    const FORMAT: u32 = 1;
}
