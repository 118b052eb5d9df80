//! How the gate's files are written and read back. Knows no format but JSON.

use process::{
    Error, Result,
    store::{self, Lines},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fs, io::ErrorKind, path::Path};

/// Writes a file whole.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("the formats are plain data");
    store::replace(path, &(text + "\n"))
}

/// Reads such a file, or one of Criterion's.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, remedy: &str) -> Result<T> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::io("read the file", path, remedy, error))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::new(format_args!("malformed file ({error})"), path.display(), remedy).because(error)
    })
}

/// Appends a line to a file that only grows.
pub(crate) fn append<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    Lines::open(path)?.append(&serde_json::to_string(value).expect("the formats are plain data"))
}

/// Reads the lines of a file that may not be there. A line that a killed run left torn, or of a
/// later format, is skipped.
pub(crate) fn records<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| {
            Error::io("read the file", path, "make it readable, or remove it", error)
        })?,
    };
    // A line can be torn inside a character.
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};

    #[test]
    fn a_torn_line_does_not_hide_the_others() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("history.jsonl");
        assert_eq!(records::<String>(&path).unwrap(), [""; 0]);
        append(&path, &"one").unwrap();
        // A write that was killed has no end, and may be cut inside a character.
        for torn in ["\"tor", "\u{fc}"] {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(&torn.as_bytes()[..1]).unwrap();
            assert_eq!(records::<String>(&path).unwrap()[0], "one");
            append(&path, &torn).unwrap();
        }
        assert_eq!(records::<String>(&path).unwrap(), ["one", "\"tor", "\u{fc}"]);
        fs::write(&path, "\"one\"\n{\"later\": 1}\n\"two\"\n").unwrap();
        assert_eq!(records::<String>(&path).unwrap(), ["one", "two"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_an_empty_one() {
        let temp = tempfile::tempdir().unwrap();
        let line = records::<u32>(temp.path()).unwrap_err().to_string();
        assert!(line.starts_with("cannot read the file"), "{line}");
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("compare.json");
        write(&path, &1).unwrap();
        let reader = fs::File::open(&path).unwrap();
        write(&path, &2).unwrap();
        // Who had begun to read has the old text to its end.
        assert_eq!(io::read_to_string(reader).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
    }
}
