//! Prints a stored trace, or the log of a session that died, in readable form: `show FILE`.

#[expect(clippy::print_stdout, reason = "an example shows what it read")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("usage: show FILE")?;
    println!("{}", faultfs::Trace::read(file.as_ref())?);
    Ok(())
}
