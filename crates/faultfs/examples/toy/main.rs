//! Explores the toy store or one of its faulty twins: `toy [DEFECT]`, or `toy DEFECT replay FILE`.
//! Exits with 1 when something is found.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod oracle;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod store;
#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod twins;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use store::Defect;

/// All variants, the control first.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TWINS: [Defect; 15] = [
    Defect::None,
    Defect::AckBeforeWrite,
    Defect::NoSync,
    Defect::NoFolderSync,
    Defect::RemoveTooEarly,
    Defect::RemoveFirst,
    Defect::NoSnapshotSync,
    Defect::SnapshotInPlace,
    Defect::TrustLength,
    Defect::HeaderWithBody,
    Defect::PointerWithCopies,
    Defect::WideBlock,
    Defect::AppendAfterTorn,
    Defect::Launder,
    Defect::RetrySync,
];

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use faultfs::{Explore, Plan};

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("None", String::as_str);
    let defect =
        TWINS.into_iter().find(|defect| format!("{defect:?}") == name).ok_or("no such twin")?;
    let judge = |case: &faultfs::Case| oracle::judge(defect, case);
    let explore = Explore::new()
        .store(std::env::temp_dir().join("faultfs-toy"))
        .replay_command(format!("cargo run -p faultfs --example toy -- {name} replay {{}}"));
    if let [_, verb, file] = &arguments[..]
        && verb == "replay"
    {
        println!("{}", explore.replay(file.as_ref(), &judge)?);
        return Ok(());
    }
    let faults: Plan = defect.faults().parse()?;
    let folder = std::env::temp_dir().join(format!("faultfs-toy-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let trace = oracle::traced(defect, 40, &faults, &folder)?;
    std::fs::remove_dir_all(&folder)?;
    let report = explore.run(trace, &judge)?;
    println!("{report}");
    std::process::exit(i32::from(!report.findings.is_empty()));
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    Err("unsupported platform: faultfs interposes glibc on Linux only".into())
}
