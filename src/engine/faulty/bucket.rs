//! A bucket of a faulty engine and the files of its checkpoints. What it answers is in `handles.rs`.

use super::{book::Book, defect::Defect, reopening, shared::Shared};
use crate::engine::{Bucket, EngineError, Outcome};
use std::{fs, path::PathBuf, sync::Arc};

pub(super) struct LyingBucket {
    pub(super) inner: Box<dyn Bucket>,
    pub(super) shared: Arc<Shared>,
    pub(super) name: String,
    pub(super) dir: PathBuf,
}

impl LyingBucket {
    /// A call of a dead process is never answered; here it says so.
    pub(super) fn alive(&self) -> Outcome<()> {
        let dead = self.shared.book().dead;
        if dead { Err(EngineError::Failed("the engine is dead".to_owned())) } else { Ok(()) }
    }

    /// A new file for every checkpoint; the ones before are collected.
    pub(super) fn write_file(&self, book: &mut Book) {
        if !self.dir.is_dir() {
            return;
        }
        let pairs = reopening::pairs(book, &self.name);
        let bytes: Vec<u8> =
            pairs.into_iter().flat_map(|(key, value)| [key, value]).flatten().collect();
        let (number, content) = if self.shared.defects(Defect::FileGrows) {
            book.defects += 1;
            let file = self.dir.join("checkpoint-1");
            (1, [fs::read(file).unwrap_or_default(), bytes].concat())
        } else {
            (book.files + 1, bytes)
        };
        book.files = number;
        fs::write(self.dir.join(format!("checkpoint-{number}")), content)
            .expect("a folder of a test can be written");
    }
}
