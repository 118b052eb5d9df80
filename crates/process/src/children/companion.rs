//! A child that stays: asked one line at a time over its standard input, answering one line at a
//! time, beside whatever other children come and go. It gets the same signals as they do, and ends
//! when its input does.

use super::{Interrupts, group::Group};
use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// A running companion. Dropping it kills it with its whole group.
#[derive(Debug)]
pub struct Companion {
    interrupts: Interrupts,
    child: Option<(Child, Group)>,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// It has ended, and how.
    Ended(ExitStatus),
    /// It did not answer in time, and was killed.
    Stuck,
}

impl Interrupts {
    /// Starts `command` as a companion; its standard error goes where ours goes.
    pub fn accompany(&self, command: &mut Command) -> io::Result<Companion> {
        let (mut child, group) =
            self.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let output = child.stdout.take().expect("standard output was piped");
        let (sender, answers) = channel();
        let reader = move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        };
        let input = child.stdin.take();
        let interrupts = self.clone();
        let companion = Companion { interrupts, child: Some((child, group)), input, answers };
        thread::Builder::new().name("companion".into()).spawn(reader)?;
        Ok(companion)
    }
}

impl Companion {
    /// The number of its process.
    ///
    /// # Panics
    /// When it has been silent before: then there is no process any more.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a companion that answered is there").0.id()
    }

    /// Says a line and waits for the answer, at the most so long.
    pub fn ask(&mut self, line: &str, most: Duration) -> io::Result<Result<String, Silence>> {
        if let Some(input) = &mut self.input {
            // When it has ended, the answers end too, which says it better than a broken pipe.
            let _ = writeln!(input, "{line}");
        }
        match self.answers.recv_timeout(most) {
            Ok(answer) => Ok(Ok(answer)),
            Err(RecvTimeoutError::Timeout) => Ok(Err(self.stuck()?)),
            Err(RecvTimeoutError::Disconnected) => Ok(Err(Silence::Ended(self.reap()?))),
        }
    }

    /// Ends its input and waits, at the most so long, until it has ended by itself.
    pub fn end(mut self, most: Duration) -> io::Result<Result<ExitStatus, Silence>> {
        self.input = None;
        loop {
            match self.answers.recv_timeout(most) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Ok(self.reap()?)),
                Err(RecvTimeoutError::Timeout) => return Ok(Err(self.stuck()?)),
            }
        }
    }

    fn stuck(&mut self) -> io::Result<Silence> {
        self.kill();
        self.reap()?;
        Ok(Silence::Stuck)
    }

    fn kill(&self) {
        if let Some((_, group)) = &self.child {
            // It may have ended by itself meanwhile; it is not reaped, so its number is its own.
            group.kill();
        }
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.input = None;
        let child = self.child.take();
        let gone = || io::Error::new(io::ErrorKind::NotFound, "the process was reaped before");
        let (child, group) = child.ok_or_else(gone)?;
        self.interrupts.reap(child, &group)
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
            let _ = self.reap();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Companion, Silence};
    use crate::Interrupts;
    use std::{process::Command, time::Duration};

    const LONG: Duration = Duration::from_mins(1);

    fn companion(script: &str) -> Companion {
        let interrupts = Interrupts::install().unwrap();
        interrupts.accompany(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn it_answers_line_by_line_and_ends_with_its_input() {
        let mut echo = companion("while read line; do echo \"<$line>\"; done; exit 3");
        assert!(echo.id() > 0);
        for word in ["one", "two"] {
            assert_eq!(echo.ask(word, LONG).unwrap().unwrap(), format!("<{word}>"));
        }
        assert_eq!(echo.end(LONG).unwrap().unwrap().code(), Some(3));
    }

    #[test]
    fn its_death_and_its_silence_are_told_apart() {
        let mut dies = companion("read line; exit 7");
        let silence = dies.ask("x", LONG).unwrap().unwrap_err();
        assert!(matches!(silence, Silence::Ended(status) if status.code() == Some(7)));
        let mut hangs = companion("read line; read line");
        let silence = hangs.ask("x", Duration::from_millis(1)).unwrap().unwrap_err();
        assert!(matches!(silence, Silence::Stuck));
        assert!(hangs.ask("x", LONG).is_err(), "it is gone");
    }
}
