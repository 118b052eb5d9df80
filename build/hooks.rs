//! Reads the engine's hooks out of its source: the types of callbacks, `type XHook = dyn Fn(A, B) + …;`,
//! and the functions that set them, `pub fn set_x_hook(hook: Option<Arc<XHook>>)`. Works on text that is
//! handed in; opens no file.

use std::{collections::BTreeMap, fmt::Write};

/// Statements that set every hook of the engine to call `call` with the hook's name and the point in the
/// source; one a line.
pub(crate) fn setters(files: &[(String, String)]) -> Result<String, String> {
    let source = files.iter().find(|(path, _)| path.ends_with("/testing.rs"));
    let Some((path, text)) = source else { return Ok(String::new()) };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let types: BTreeMap<&str, usize> = text
        .split("type ")
        .filter_map(|rest| {
            let (name, rest) = rest.split_once(" = dyn Fn(")?;
            let (arguments, _) = rest.split_once(')')?;
            Some((name, arguments.split(',').filter(|it| !it.trim().is_empty()).count()))
        })
        .collect();
    let mut lines = String::new();
    for rest in text.split("pub fn set_").skip(1) {
        let Some((name, rest)) = rest.split_once("_hook(") else { continue };
        let taken = rest.split_once("Option<Arc<").and_then(|(_, rest)| rest.split_once(">>"));
        let arguments = taken.and_then(|(kind, _)| types.get(kind.trim_start_matches("dyn ")));
        let arguments = arguments.ok_or_else(|| {
            format!("{path}: set_{name}_hook takes a callback of a kind that is not declared there")
        })?;
        let (point, said) = match arguments {
            0 => (String::new(), "&()"),
            more => (format!("point{}", ", _".repeat(more - 1)), "&point"),
        };
        writeln!(
            lines,
            "mace::testing::set_{name}_hook(Some(std::sync::Arc::new(move |{point}| call({name:?}, {said}))));"
        )
        .expect("a string takes every write");
    }
    Ok(format!("{{ {lines} }}"))
}
