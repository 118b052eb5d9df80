//! Whether two programs are the same machine code and the same data, so that there is nothing to
//! measure. Reads programs; runs and builds none.

use crate::build::read;
use object::{Object, ObjectSection, SectionFlags, elf::SHF_ALLOC};
use process::Result;
use std::path::Path;

/// Sections that a process has in its memory and that are not code or data of it: the hash of the
/// whole file, debug information and its folders included, and the name of a debugger's script.
const NOT_CODE: [&[u8]; 2] = [b".note.gnu.build-id", b".debug_gdb_scripts"];

/// Whether two programs do the same with the same data.
pub(crate) fn identical(left: &Path, right: &Path) -> Result<bool> {
    let left = read(left)?;
    let right = read(right)?;
    Ok(match (loaded(&left), loaded(&right)) {
        (Some(left), Some(right)) => left == right,
        // An unknown format proves nothing.
        _ => left == right,
    })
}

/// A section: its segment and name, its size, which is all that zeroed memory has, and its bytes.
type Section<'p> = (Vec<u8>, Vec<u8>, u64, &'p [u8]);

/// All that is loaded, and not a list of names: a pointer of a table is in `.rela.dyn` while the table
/// itself is zeros, and what a linker of tomorrow adds is compared until somebody knows better.
fn loaded(program: &[u8]) -> Option<Vec<Section<'_>>> {
    let file = object::File::parse(program).ok()?;
    let mut sections = Vec::new();
    for section in file.sections() {
        let segment = section.segment_name_bytes().ok()?.unwrap_or_default();
        let name = section.name_bytes().ok()?;
        let is_loaded = match section.flags() {
            SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(SHF_ALLOC),
            _ => segment != b"__DWARF",
        };
        if is_loaded && !NOT_CODE.contains(&name) {
            let data = section.data().ok()?;
            sections.push((segment.to_vec(), name.to_vec(), section.size(), data));
        }
    }
    (!sections.is_empty()).then_some(sections)
}

#[cfg(test)]
mod tests {
    use super::identical;
    use std::{
        env, fs,
        path::{Path, PathBuf},
        process::Command,
    };

    #[test]
    fn one_changed_byte_is_not_identical() {
        let temp = tempfile::tempdir().unwrap();
        let own = env::current_exe().unwrap();
        let copy = temp.path().join("copy");
        let other = temp.path().join("other");
        fs::copy(&own, &copy).unwrap();
        assert!(identical(&own, &copy).unwrap());
        let mut bytes = fs::read(&own).unwrap();
        let at = bytes.windows(13).position(|w| w == b"build it agai").unwrap();
        bytes[at] ^= 1;
        fs::write(&other, bytes).unwrap();
        assert!(!identical(&own, &other).unwrap());
        // What is no program is compared whole.
        fs::write(&other, "text").unwrap();
        assert!(identical(&other, &other).unwrap() && !identical(&own, &other).unwrap());
    }

    const TABLE: &str = "\
use std::{cell::Cell, hint::black_box};
static STATE: [u8; ROOM] = [0; ROOM];
static TABLE: [fn(u64) -> u64; 2] = [FIRST, SECOND];
thread_local! { static LOCAL: Cell<u64> = const { Cell::new(START) }; }
#[inline(never)]
fn one(x: u64) -> u64 { black_box(x) + 1 }
#[inline(never)]
fn two(x: u64) -> u64 { black_box(x) * 2 }
fn main() {
    let at = std::env::args().count();
    let called = TABLE[at % 2](7) + one(3) + two(3) + LOCAL.get();
    println!(\"{called} {}\", black_box(&STATE)[0]);
}
";

    /// The program with these words for its blanks, built in a folder of its own.
    fn built(folder: &Path, words: [&str; 4]) -> PathBuf {
        fs::create_dir(folder).unwrap();
        let blanks = ["FIRST", "SECOND", "START", "ROOM"].into_iter().zip(words);
        let text = blanks.fold(TABLE.to_owned(), |text, (blank, word)| text.replace(blank, word));
        fs::write(folder.join("table.rs"), text).unwrap();
        let mut rustc = Command::new("rustc");
        // As cargo does: the folder is part of every symbol's hash.
        rustc.arg(format!("-Cmetadata={}", folder.display())).args(["-O", "-g", "table.rs"]);
        let output = rustc.current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder.join("table")
    }

    #[test]
    #[cfg(unix)]
    fn cargo_data_is_compared_and_folders_are_not() {
        let temp = tempfile::tempdir().unwrap();
        let program = |name: &str, words| built(&temp.path().join(name), words);
        let honest = ["one", "two", "5", "64"];
        let base = program("base", honest);
        assert!(identical(&base, &program("another-folder", honest)).unwrap());
        for (name, words) in [
            ("swapped", ["two", "one", "5", "64"]),
            ("thread", ["one", "two", "6", "64"]),
            ("zeroes", ["one", "two", "5", "4096"]),
        ] {
            assert!(!identical(&base, &program(name, words)).unwrap(), "{name}");
        }
    }

    /// A Mach-O program of these sections: segment, name and bytes.
    fn mach_o(sections: &[(&str, &str, &[u8])]) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>();
        let named = |name: &str| {
            let mut bytes = name.as_bytes().to_vec();
            bytes.resize(16, 0);
            bytes
        };
        let commands = 72 + 80 * sections.len() as u32;
        // Magic, x86-64, an executable of one command: a segment without a name, as objects have it.
        let mut program = words(&[0xfeed_facf, 0x0100_0007, 3, 2, 1, commands, 0, 0]);
        program.extend(words(&[0x19, commands]));
        program.extend(named(""));
        program.extend(words(&[0, 0, 0, 0, 0, 0, 0, 0, 7, 7, sections.len() as u32, 0]));
        let mut at = 32 + commands;
        for (segment, name, bytes) in sections {
            program.extend([named(name), named(segment)].concat());
            program.extend(words(&[0, 0, bytes.len() as u32, 0, at, 0, 0, 0, 0, 0, 0, 0]));
            at += bytes.len() as u32;
        }
        program.extend(sections.iter().flat_map(|(_, _, bytes)| bytes.iter()));
        program
    }

    #[test]
    fn macos_sections_are_compared_but_for_debug_info() {
        const PROGRAM: [(&str, &str, &[u8]); 7] = [
            ("__TEXT", "__text", b"code"),
            ("__TEXT", "__const", b"read"),
            ("__TEXT", "__cstring", b"word"),
            ("__TEXT", "__literal8", b"eightbit"),
            ("__DATA_CONST", "__const", b"fns "),
            ("__DATA", "__data", b"data"),
            ("__DWARF", "__debug_info", b"here"),
        ];
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().join("base");
        let head = temp.path().join("head");
        fs::write(&base, mach_o(&PROGRAM)).unwrap();
        for changed in 0..PROGRAM.len() {
            let mut program = PROGRAM;
            program[changed].2 = b"other";
            fs::write(&head, mach_o(&program)).unwrap();
            let is_debug = PROGRAM[changed].0 == "__DWARF";
            assert_eq!(identical(&base, &head).unwrap(), is_debug, "{:?}", PROGRAM[changed]);
        }
    }
}
