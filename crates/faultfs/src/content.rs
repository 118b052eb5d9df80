//! The bytes of one file as shared pages. Neighbouring crash states differ in few pages, so copying
//! a file costs pointers and hashing costs only the changed pages. No I/O.

use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Bytes of a page. It need not be the kernel's page size.
pub(crate) const PAGE: u64 = 4096;

/// Bytes of a page, as an index.
const PAGE_LEN: usize = PAGE as usize;

struct Page {
    bytes: [u8; PAGE_LEN],
    hash: OnceLock<u128>,
}

impl Clone for Page {
    /// A copy is made to be changed, so it drops the hash.
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, hash: OnceLock::new() }
    }
}

impl Page {
    fn zeroed() -> Self {
        Self { bytes: [0; PAGE_LEN], hash: OnceLock::new() }
    }

    fn hash(&self) -> u128 {
        *self.hash.get_or_init(|| xxh3_128(&self.bytes))
    }
}

/// A file's size and bytes. There may be bytes past the size: data can reach the disk before the
/// size does, and becomes visible once the size grows over it.
#[derive(Clone, Default)]
pub(crate) struct Content {
    size: u64,
    /// `None` is a page of zeros.
    pages: Vec<Option<Arc<Page>>>,
}

impl Content {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        for (index, page) in bytes.chunks(PAGE_LEN).enumerate() {
            // A preallocated file is mostly zeros.
            if page.iter().any(|byte| *byte != 0) {
                content.write(index as u64 * PAGE, page);
            }
        }
        content.size = bytes.len() as u64;
        content
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Sets the size alone. A shrink discards the bytes past it: later growth reads as zeros.
    pub(crate) fn set_size(&mut self, size: u64) {
        if size < self.size {
            self.cut(size);
        }
        self.size = size;
    }

    fn cut(&mut self, size: u64) {
        let keep = size.div_ceil(PAGE) as usize;
        self.pages.truncate(keep);
        let inside = (size % PAGE) as usize;
        if inside > 0
            && let Some(Some(page)) = self.pages.get_mut(keep - 1)
        {
            let page = Arc::make_mut(page);
            page.bytes[inside..].fill(0);
            page.hash = OnceLock::new();
        }
    }

    /// Writes bytes; the size stays.
    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let index = (at / PAGE) as usize;
            let inside = (at % PAGE) as usize;
            let len = (PAGE_LEN - inside).min(data.len() - done);
            self.patch(index, inside, &data[done..done + len]);
            done += len;
        }
    }

    fn patch(&mut self, index: usize, inside: usize, data: &[u8]) {
        if self.pages.len() <= index {
            self.pages.resize(index + 1, None);
        }
        let page = self.pages[index].get_or_insert_with(|| Arc::new(Page::zeroed()));
        let page = Arc::make_mut(page);
        page.bytes[inside..inside + data.len()].copy_from_slice(data);
        page.hash = OnceLock::new();
    }

    /// Writes zeros; the size stays.
    pub(crate) fn zero(&mut self, offset: u64, len: u64) {
        let end = (offset + len).min(self.pages.len() as u64 * PAGE);
        let mut at = offset;
        while at < end {
            let index = (at / PAGE) as usize;
            let inside = at % PAGE;
            let len = (PAGE - inside).min(end - at);
            if len == PAGE {
                self.pages[index] = None;
            } else if self.pages[index].is_some() {
                self.patch(index, inside as usize, &[0; PAGE_LEN][..len as usize]);
            }
            at += len;
        }
    }

    /// The bytes of a range, with zeros for holes.
    pub(crate) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let index = (at / PAGE) as usize;
            let inside = (at % PAGE) as usize;
            let step = (PAGE_LEN - inside).min(len - done);
            if let Some(Some(page)) = self.pages.get(index) {
                out[done..done + step].copy_from_slice(&page.bytes[inside..inside + step]);
            }
            done += step;
        }
        out
    }

    /// The runs of non-zero pages below the size, each with its offset: the data of a sparse file.
    pub(crate) fn runs(&self) -> Vec<(u64, Vec<u8>)> {
        let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
        for (index, page) in self.pages.iter().enumerate() {
            let at = index as u64 * PAGE;
            let (Some(page), true) = (page, at < self.size) else { continue };
            let len = (self.size - at).min(PAGE) as usize;
            match runs.last_mut() {
                Some((start, run)) if *start + run.len() as u64 == at => {
                    run.extend_from_slice(&page.bytes[..len]);
                }
                _ => runs.push((at, page.bytes[..len].to_vec())),
            }
        }
        runs
    }

    /// Hashes what a reader of the file can see.
    pub(crate) fn hash_into(&self, state: &mut Xxh3) {
        state.update(&self.size.to_le_bytes());
        for (index, page) in self.pages.iter().enumerate() {
            let at = index as u64 * PAGE;
            let Some(page) = page else { continue };
            let seen = self.size.saturating_sub(at).min(PAGE) as usize;
            // Written zeros and holes look the same to a reader.
            if seen == 0 || page.bytes[..seen].iter().all(|byte| *byte == 0) {
                continue;
            }
            let hash = if seen == PAGE_LEN { page.hash() } else { xxh3_128(&page.bytes[..seen]) };
            state.update(&(index as u64).to_le_bytes());
            state.update(&hash.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, PAGE};
    use xxhash_rust::xxh3::Xxh3;

    fn hash(content: &Content) -> u128 {
        let mut state = Xxh3::new();
        content.hash_into(&mut state);
        state.digest128()
    }

    #[test]
    fn zeros_of_a_file_take_no_room() {
        let mut bytes = vec![0; 3 * PAGE as usize + 10];
        bytes[PAGE as usize + 5] = 1;
        let content = Content::from_bytes(&bytes);
        assert_eq!(content.pages.iter().flatten().count(), 1);
        assert_eq!(content.read(0, bytes.len()), bytes);
    }

    #[test]
    fn data_before_its_size_shows_once_the_size_arrives() {
        let mut content = Content::from_bytes(b"ab");
        content.write(2, b"cd");
        assert_eq!(content.runs(), [(0, b"ab".to_vec())]);
        content.set_size(4);
        assert_eq!(content.runs(), [(0, b"abcd".to_vec())]);
    }

    #[test]
    fn growth_after_a_shrink_reads_as_zeros() {
        let mut content = Content::from_bytes(&[7; 5000]);
        content.set_size(3);
        content.set_size(5000);
        assert_eq!(content.read(0, 6), [7, 7, 7, 0, 0, 0]);
        assert_eq!(content.read(4096, 2), [0, 0]);
    }

    #[test]
    fn hash_depends_on_bytes_and_size_only() {
        let mut a = Content::from_bytes(&[1; 9000]);
        let mut b = Content::from_bytes(&[1; 9000]);
        assert_eq!(hash(&a), hash(&b));
        a.zero(PAGE, PAGE);
        b.write(PAGE, &[0; PAGE as usize]);
        assert_eq!(hash(&a), hash(&b));
        b.set_size(9001);
        assert_ne!(hash(&a), hash(&b));
    }
}
