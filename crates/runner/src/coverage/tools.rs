//! The two programs of LLVM that make counters readable. They come with the toolchain's component
//! `llvm-tools`, which nothing else here needs.

use crate::files;
use process::{Error, Interrupts, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The programs, found.
pub(super) struct Tools<'i> {
    profdata: PathBuf,
    cov: PathBuf,
    interrupts: &'i Interrupts,
}

impl<'i> Tools<'i> {
    /// Those of the compiler that cargo uses here.
    pub(super) fn find(interrupts: &'i Interrupts) -> Result<Self> {
        let mut rustc = Command::new("rustc");
        let (_, output) =
            interrupts.capture(rustc.args(["--print", "target-libdir"])).map_err(|error| {
                let what = format!("cannot run rustc ({error})");
                Error::new(what, "PATH", "install it with rustup").because(error)
            })?;
        interrupts.check()?;
        let libraries = PathBuf::from(String::from_utf8_lossy(&output).trim());
        let folder = libraries.with_file_name("bin");
        let tool = |name: &str| {
            let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
            let remedy = "`rustup component add llvm-tools` installs it";
            let missing =
                || Error::new(format_args!("{name} is missing"), folder.display(), remedy);
            path.is_file().then_some(path).ok_or_else(missing)
        };
        Ok(Self { profdata: tool("llvm-profdata")?, cov: tool("llvm-cov")?, interrupts })
    }

    /// The counters in a folder, of `programs`, as the JSON of `llvm-cov export`. The functions are those
    /// below the folder `sources`.
    pub(super) fn export(
        &self,
        folder: &Path,
        programs: &[PathBuf],
        sources: &Path,
    ) -> Result<Vec<u8>> {
        let unreadable = |error| Error::io("read the folder", folder, "run it again", error);
        let mut counters = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            counters.extend(path.extension().is_some_and(|end| end == "profraw").then_some(path));
        }
        let merged = folder.join("merged.profdata");
        files::remove(&merged)?;
        let mut command = Command::new(&self.profdata);
        command.args(["merge", "-sparse", "-o"]).arg(&merged).args(counters);
        self.answer(&mut command)?;
        let mut command = Command::new(&self.cov);
        command.args(["export", "-format=text", "-skip-expansions"]);
        command.arg("-instr-profile").arg(&merged);
        for program in programs {
            command.arg("-object").arg(program);
        }
        command.arg("-sources").arg(sources);
        self.answer(&mut command)
    }

    fn answer(&self, command: &mut Command) -> Result<Vec<u8>> {
        let captured = self.interrupts.capture(command);
        self.interrupts.check()?;
        let program = Path::new(command.get_program());
        let remedy = "see its messages above; run it again";
        let (status, output) =
            captured.map_err(|error| Error::io("run the tool", program, remedy, error))?;
        if !status.success() {
            let what = format!("the tool fails ({status})");
            return Err(Error::new(what, program.display(), remedy));
        }
        Ok(output)
    }
}
