//! Runs the example of the README as printed there, on a store that is small enough to read here.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{Case, Explore, Session, acked, begun};
use std::{
    error::Error,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
};

/// One number in each sector, in order of acknowledgement; a number is there when its sector is.
struct Store(File);

impl Store {
    fn open(dir: &Path) -> Result<Self, String> {
        let open = || {
            let file = OpenOptions::new();
            let file =
                file.clone().create(true).append(true).read(true).open(dir.join("numbers"))?;
            File::open(dir)?.sync_all()?;
            Ok(Self(file))
        };
        open().map_err(|error: std::io::Error| error.to_string())
    }

    fn put(&self, id: u64) -> Result<(), std::io::Error> {
        let mut sector = [0; 512];
        sector[..8].copy_from_slice(&(id + 1).to_le_bytes());
        (&self.0).write_all(&sector)?;
        self.0.sync_data()
    }

    fn has(&self, id: u64) -> bool {
        let mut number = [0; 8];
        let read = self.0.read_exact_at(&mut number, id * 512);
        read.is_ok() && u64::from_le_bytes(number) == id + 1
    }
}

fn example() -> Result<(), Box<dyn Error>> {
    // The code from here on is as in the README.
    let recording = Session::new().start("db".as_ref())?; // records every change below db/
    let store = Store::open(recording.root())?;
    for id in 0..100 {
        begun(id); // from here a crash may leave it
        store.put(id)?;
        acked(id); // from here it must be there
    }
    drop(store);
    let report = Explore::new().run(recording.finish()?, &|case: &Case| {
        let store = Store::open(case.dir())?;
        case.acked()
            .iter()
            .try_for_each(|id| store.has(*id).then_some(()).ok_or(format!("{id} lost")))
    })?;
    assert!(report.findings.is_empty(), "{report}");
    // Up to here.
    assert!(report.judged() > 400, "{report}");
    Ok(())
}

#[test]
fn the_example_of_the_readme_runs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("db")).unwrap();
    std::env::set_current_dir(dir.path()).unwrap();
    example().unwrap();
}

#[test]
fn the_readme_has_the_lines_that_are_tested() {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let source = include_str!("readme.rs");
    let begin = source.find("let recording").unwrap();
    let tested = &source[begin..source.find("// Up to here.").unwrap()];
    assert!(squeezed(include_str!("../README.md")).contains(&squeezed(tested)), "{tested}");
}
