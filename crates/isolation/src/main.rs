//! The program `isolation`: judges a history that Jepsen, Elle or another recorder wrote, and says which
//! level of isolation it satisfies. Everything it does is in the library.

use isolation::{Judgement, Level, judge};
use std::{
    env, fs,
    io::{self, Read, Write},
    process::ExitCode,
};

const USAGE: &str = "\
Usage: isolation [--level LEVEL] FILE

Judges a history of transactions in Elle's EDN or JSON (list-append, rw-register), a line for each operation;
`-` reads standard input. LEVEL is read-committed, snapshot-isolation (the default), strong-snapshot-isolation,
serialisable or strict-serialisable.

Exit codes:
  0  the history satisfies LEVEL
  1  it does not
  2  usage, or a file that is no such history
  3  it says nothing: no transaction depends on another";

/// What was asked for.
struct Asked {
    level: Level,
    file: String,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        say(USAGE);
        return ExitCode::SUCCESS;
    }
    match asked(args).and_then(|asked| Ok((judged(&asked.file)?, asked.level))) {
        Ok((judgement, level)) => {
            say(&page(&judgement, level));
            ExitCode::from(code(&judgement, level))
        }
        Err(line) => {
            let _ = writeln!(io::stderr(), "isolation: {line}");
            ExitCode::from(2)
        }
    }
}

/// A reader that has gone is no failure.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn asked(args: Vec<String>) -> Result<Asked, String> {
    let mut level = Level::SnapshotIsolation;
    let mut file = None;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let stated = match arg.strip_prefix("--level") {
            Some("") => Some(args.next().unwrap_or_default()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        if let Some(name) = stated {
            level = Level::parse(&name).ok_or_else(|| {
                format!("no level {name:?}: command line: `isolation --help` lists them")
            })?;
        } else if (arg.starts_with('-') && arg != "-") || file.replace(arg.clone()).is_some() {
            return Err(format!(
                "unexpected argument {arg:?}: command line: `isolation --help` shows the usage"
            ));
        }
    }
    let file = file.ok_or("no file: command line: `isolation --help` shows the usage")?;
    Ok(Asked { level, file })
}

fn judged(file: &str) -> Result<Judgement, String> {
    let text = if file == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text
        .map_err(|error| format!("cannot read the history ({error}): {file}: name a text file"))?;
    judge(&text).map_err(|error| {
        format!("{error}: {file}: give it a history of list-append or rw-register, in EDN or JSON")
    })
}

fn code(judgement: &Judgement, level: Level) -> u8 {
    if !judgement.holds(level) {
        1
    } else if judgement.dependencies == 0 {
        3
    } else {
        0
    }
}

fn page(judgement: &Judgement, asked: Level) -> String {
    let Judgement { levels, texts, transactions, committed, dependencies, .. } = judgement;
    let mut lines: Vec<String> = levels
        .iter()
        .map(|(level, holds)| {
            format!("{:27} {}", level.name(), if *holds { "holds" } else { "broken" })
        })
        .collect();
    let strongest: Vec<&str> = judgement.strongest().into_iter().map(Level::name).collect();
    let strongest = match strongest.as_slice() {
        [] => "none of these".to_owned(),
        names => names.join(" and "),
    };
    lines.push(format!("strongest that holds: {strongest}"));
    lines.push(format!(
        "{transactions} transactions, {committed} acknowledged, {dependencies} dependencies"
    ));
    lines.extend(texts.iter().map(|text| format!("\n{text}")));
    let verdict = match code(judgement, asked) {
        0 => "satisfied (exit 0)",
        1 => "BROKEN (exit 1)",
        _ => "INCONCLUSIVE (exit 3): no transaction depends on another",
    };
    lines.push(format!("\n{asked}: {verdict}"));
    lines.join("\n")
}
