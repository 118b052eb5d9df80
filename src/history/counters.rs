//! What the operating system counted for us: bytes that a thread read, how often one waited, and what the
//! process has open. Cases
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

/// What this process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// All descriptors, that of asking among them.
    pub all: i64,
    /// Those whose file was deleted.
    pub deleted: i64,
}

/// The descriptors of this process.
pub fn descriptors() -> Option<Descriptors> {
    let mut open = Descriptors { all: 0, deleted: 0 };
    for descriptor in std::fs::read_dir("/proc/self/fd").ok()?.flatten() {
        open.all += 1;
        let file = std::fs::read_link(descriptor.path()).unwrap_or_default();
        open.deleted += i64::from(file.to_string_lossy().ends_with(" (deleted)"));
    }
    Some(open)
}

/// Whether another thread of this process has something to do: it runs, is about to, or waits for a disk.
/// Threads that sleep, wait for others or are held have not.
pub fn is_anyone_at_work() -> Option<bool> {
    let own = std::fs::read_link("/proc/thread-self").ok()?;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        if Some(thread.file_name().as_os_str()) == own.file_name() {
            continue;
        }
        // One that has ended meanwhile has nothing to do.
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        if state.starts_with(['R', 'D']) {
            return Some(true);
        }
    }
    Some(false)
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
