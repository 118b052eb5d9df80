//! The file format of traces, images and findings: a header with a version, then frames that each
//! carry a length and a checksum, so that a truncated file is readable up to the cut. Knows nothing
//! about the content of frames.

use serde::{Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

/// First bytes of every file of this crate.
const MAGIC: &[u8; 8] = b"faultfs\0";

/// Increased with every change that an older reader would misread.
pub(crate) const FORMAT_VERSION: u32 = 3;

/// Bytes before a frame's payload: its length and the lower half of its hash.
pub(crate) const HEAD: usize = 8;

/// The header of a file.
pub(crate) fn header() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes
}

/// Appends one value.
pub(crate) fn push(bytes: &mut Vec<u8>, value: &impl Serialize) {
    let payload = postcard::to_allocvec(value).expect("plain data has a form on disk");
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend((xxh3_64(&payload) as u32).to_le_bytes());
    bytes.extend(payload);
}

/// The length of a frame's payload, from its head.
pub(crate) fn payload_len(head: &[u8]) -> usize {
    u32::from_le_bytes(head[..4].try_into().expect("a head has eight bytes")) as usize
}

/// The frames of a file, up to the first that is torn.
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Refuses files that this crate did not write, or wrote in another version.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("not a file of faultfs")?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or("the header is torn")?;
        let version = u32::from_le_bytes(*version);
        if version != FORMAT_VERSION {
            return Err(format!("format {version}; this build reads format {FORMAT_VERSION}"));
        }
        Ok(Self { rest })
    }

    /// Frames without a header, as sent through a pipe.
    pub(crate) fn bare(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next value, `None` at the end or where the file is torn.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        let (head, rest) = self.rest.split_first_chunk::<HEAD>()?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let payload = rest.get(..word(0) as usize)?;
        if xxh3_64(payload) as u32 != word(4) {
            return None;
        }
        self.rest = &rest[payload.len()..];
        postcard::from_bytes(payload).ok()
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, header, push};

    #[test]
    fn a_torn_file_reads_up_to_the_tear() {
        let mut bytes = header();
        push(&mut bytes, &1_u32);
        push(&mut bytes, &2_u32);
        let mut frames = Frames::new(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!((frames.next::<u32>(), frames.next::<u32>()), (Some(1), None));
        assert!(!frames.is_done());
    }

    #[test]
    fn a_foreign_file_and_another_version_are_refused() {
        assert!(Frames::new(b"something").is_err());
        let mut bytes = header();
        bytes[8] = 99;
        assert!(Frames::new(&bytes).err().unwrap().starts_with("format 99"));
    }
}
