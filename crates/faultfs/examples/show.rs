//! Prints a stored trace, or the log of a session that died, in readable form, and then what was not synced
//! at each acknowledgement: `show FILE`.

#[expect(clippy::print_stdout, reason = "an example shows what it read")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: show FILE")?;
    let trace = faultfs::Trace::read(file.as_ref())?;
    println!("{trace}");
    trace.unsynced().iter().for_each(|at| print!("{at}"));
    Ok(())
}
