//! What a process holds at one moment: resident bytes, open files, threads, and the bytes of its
//! folder. Reads; decides nothing. Processes can be read on Linux only.

use std::{fs, io, path::Path};

/// A reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Resident bytes.
    pub rss_bytes: u64,
    /// File descriptors.
    pub open_files: u64,
    /// Threads.
    pub threads: u64,
}

/// Whether processes can be read on this platform.
pub const AVAILABLE: bool = cfg!(target_os = "linux");

/// Why they cannot, elsewhere.
pub const UNAVAILABLE: &str = "not available on this platform: it is read from Linux' /proc";

/// What tells this machine from another one, and from itself before it was started anew: the kernel's name
/// for this boot.
pub fn machine() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads the process with this number.
#[cfg(target_os = "linux")]
pub fn process(number: u32) -> io::Result<Sample> {
    let number = i32::try_from(number).map_err(io::Error::other)?;
    let process = procfs::process::Process::new(number).map_err(io::Error::other)?;
    let status = process.status().map_err(io::Error::other)?;
    // A process that has ended and was not reaped has no resident memory at all.
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the process has ended");
    Ok(Sample {
        rss_bytes: status.vmrss.ok_or_else(gone)? * 1024,
        open_files: process.fd_count().map_err(io::Error::other)? as u64,
        threads: status.threads,
    })
}

/// Reads the process with this number.
#[cfg(not(target_os = "linux"))]
pub fn process(_number: u32) -> io::Result<Sample> {
    Err(io::Error::new(io::ErrorKind::Unsupported, UNAVAILABLE))
}

/// Bytes of all files below a folder, by their length. What vanishes while it is counted counts
/// nothing: its owner is at work.
pub fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()).unwrap_or_default(),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{AVAILABLE, bytes_below, process};
    use std::fs::{self, File};

    #[test]
    fn an_absent_process_is_an_error() {
        if !AVAILABLE {
            assert!(process(std::process::id()).is_err());
            return;
        }
        let before = process(std::process::id()).unwrap();
        assert!(before.rss_bytes > 100_000 && before.threads > 0, "{before:?}");
        let held: Vec<File> = (0..64).map(|_| File::open("/dev/null").unwrap()).collect();
        let after = process(std::process::id()).unwrap();
        assert!(after.open_files >= before.open_files + held.len() as u64 / 2, "{after:?}");
        assert!(process(u32::MAX / 2).is_err());
    }

    #[test]
    fn bytes_are_counted_below_folders_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/file"), "12345").unwrap();
        fs::write(folder.path().join("file"), "123").unwrap();
        assert_eq!(bytes_below(folder.path()).unwrap(), 8);
        assert!(bytes_below(&folder.path().join("nowhere")).is_err());
    }
}
