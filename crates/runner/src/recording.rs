//! How it is recorded which code of the engine is reached: the engine is compiled with counters, and every
//! process keeps its counters in a file. Cargo calls this program in the compiler's place for that.

use knobs::runtime;
use process::{Error, Result};
use std::{
    borrow::Cow,
    env,
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Set where cargo calls this program in the compiler's place.
const COMPILING: &str = "MACE_PROD_INTERNAL_COMPILING";

/// The crates that get counters: the engine, and the one in which its generic functions are compiled.
const CRATES: [&str; 2] = ["mace", "mace_prod"];

/// What the compiler is told for them. The counters are in the mapped file itself, which outlives a process
/// that is killed. One unit, so that what nobody calls is linked as well and can be listed.
const FLAGS: [&str; 3] =
    ["-Cinstrument-coverage", "-Cllvm-args=-runtime-counter-relocation", "-Ccodegen-units=1"];

/// What it is told for the programs that these are linked into: what writes the counters down is asked for by
/// nobody else.
const OF_PROGRAMS: [&str; 1] = ["-Clink-arg=-Wl,-u,__llvm_profile_runtime"];

/// What the workspace is called whose engine is compiled so. Cargo does not see the flags: who changes them
/// changes this.
pub(crate) const WAY: &str = "coverage";

/// Where the counters go.
#[derive(Debug)]
pub(crate) struct Recording {
    /// The program that stands in the compiler's place.
    program: PathBuf,
    /// The folder of the counters.
    folder: PathBuf,
}

impl Recording {
    /// Into an existing folder.
    pub(crate) fn into(folder: PathBuf) -> Result<Self> {
        let program = env::current_exe().map_err(|error| {
            let what = format!("this program's own path is not known ({error})");
            Error::new(what, "this process", "start it by its full path").because(error)
        })?;
        Ok(Self { program, folder })
    }

    /// What cargo and all processes of the cases find in their environment.
    pub(crate) fn variables(&self) -> [(&'static str, OsString); 3] {
        // One file for each program, which its processes share.
        let file = self.folder.join("%m%c.profraw");
        [
            ("RUSTC_WRAPPER", self.program.clone().into()),
            (COMPILING, "1".into()),
            ("LLVM_PROFILE_FILE", file.into()),
        ]
    }
}

/// Compiles a crate, where cargo called this program for it: the compiler and its arguments are ours.
pub(crate) fn compiled() -> Option<ExitCode> {
    runtime::internal(COMPILING)?;
    let mut words = env::args_os().skip(1);
    let compiler = words.next()?;
    let arguments: Vec<_> = words.collect();
    let flags = flags(&arguments);
    let status = Command::new(compiler).args(arguments).args(flags).status();
    let code = status.ok().and_then(|status| u8::try_from(status.code()?).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What is added to these arguments of the compiler.
fn flags(arguments: &[OsString]) -> &'static [&'static str] {
    let words = || arguments.iter().map(|word| word.to_string_lossy());
    let name = words().skip_while(|word| word != "--crate-name").nth(1);
    if name.is_some_and(|name| CRATES.contains(&&*name)) {
        return &FLAGS;
    }
    let links =
        |word: Cow<'_, str>| word.split_once('=').is_some_and(|(name, _)| CRATES.contains(&name));
    if words().any(links) { &OF_PROGRAMS } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::{FLAGS, OF_PROGRAMS, flags};

    #[test]
    fn only_the_engine_and_its_caller_get_counters() {
        for (line, expected) in [
            ("--crate-name mace --edition=2024 src/lib.rs", &FLAGS[..]),
            ("--crate-name mace_prod --extern mace=libmace.rlib", &FLAGS),
            ("--crate-name mace_prod_child --extern mace_prod=libmace_prod.rlib", &OF_PROGRAMS),
            ("--crate-name rand --cfg mace", &[]),
            ("-vV", &[]),
            ("--crate-name", &[]),
        ] {
            let words: Vec<_> = line.split(' ').map(Into::into).collect();
            assert_eq!(flags(&words), expected, "{line}");
        }
    }
}
