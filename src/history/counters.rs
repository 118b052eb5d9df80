//! What the operating system counted for us: bytes that a thread read, and how often one waited. Cases
//! use it to show that they reached what they are there for, in every build of an engine. Only Linux
//! counts; elsewhere the answer is nothing.

/// Bytes that asking for a count reads at the most.
pub const ASKING: u64 = 1024;

/// Bytes that the calling thread has read from files so far. An engine that answers a read from
/// memory leaves it alone.
pub fn thread_bytes_read() -> Option<u64> {
    counted("/proc/thread-self/io", "rchar")
}

/// The calling thread, to ask about it from another one.
#[derive(Clone, Debug)]
pub struct Thread(std::path::PathBuf);

impl Thread {
    /// The calling thread.
    pub fn own() -> Option<Self> {
        let place = std::fs::read_link("/proc/thread-self").ok()?;
        Some(Self(std::path::Path::new("/proc").join(place).join("status")))
    }

    /// How often it has given up its processor to wait for something.
    pub fn waits(&self) -> Option<u64> {
        counted(self.0.to_str()?, "voluntary_ctxt_switches")
    }
}

fn counted(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line?.trim().parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_reads_is_counted() {
        let path = std::env::current_exe().unwrap();
        let before = thread_bytes_read().unwrap();
        let bytes = std::fs::read(path).unwrap().len() as u64;
        assert!(thread_bytes_read().unwrap() - before >= bytes);
    }
}
