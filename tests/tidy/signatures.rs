//! Rules about functions and bindings, read from tokens: no tuple parameter, one binding a `let`, short
//! names of tests. Expands no macro, so that names which a table gives are not its business.

use crate::tokens::{at_commas, attribute, group, is_punct, is_tuple, is_tuple_type, word};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a report can show in one line.
pub(crate) const MAX_TEST_NAME: usize = 50;

/// Functions with a parameter that is a tuple, by pattern or by type. Closures may have one.
pub(crate) fn tuple_parameters(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_row(text, &mut |tokens| {
        let names = (0..tokens.len()).filter_map(|at| function(tokens, at));
        for (name, parameters) in names {
            let parameters: Vec<TokenTree> = parameters.into_iter().collect();
            if at_commas(&parameters).into_iter().any(has_tuple) {
                found.push(format!("`{name}` takes a tuple; name its parts"));
            }
        }
    });
    found
}

/// `let (a, b) = (x, y);`, which binds two things that have nothing to do with one another.
pub(crate) fn paired_lets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_row(text, &mut |tokens| {
        for at in 0..tokens.len() {
            if word(tokens, at).as_deref() != Some("let") || !is_tuple(tokens, at + 1) {
                continue;
            }
            let Some(sign) = (at..tokens.len()).find(|at| is_punct(tokens, *at, '=')) else {
                continue;
            };
            if is_tuple(tokens, sign + 1) && is_punct(tokens, sign + 2, ';') {
                found.push(format!("`let {} = …`: write one binding a line", tokens[at + 1]));
            }
        }
    });
    found
}

/// Names of tests that are too long.
pub(crate) fn long_test_names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_row(text, &mut |tokens| {
        for at in 0..tokens.len() {
            if attribute(tokens, at).as_deref() != Some("test") {
                continue;
            }
            let name = (at + 2..tokens.len()).find(|at| word(tokens, *at).as_deref() == Some("fn"));
            let name = name.and_then(|at| word(tokens, at + 1)).unwrap_or_default();
            if name.len() > MAX_TEST_NAME {
                let len = name.len();
                found.push(format!("`{name}` has {len} characters; say what is promised"));
            }
        }
    });
    found
}

/// The tokens of a file and of every bracket in it, row by row.
fn each_row(text: &str, rule: &mut dyn FnMut(&[TokenTree])) {
    let tokens: TokenStream = text.parse().expect("the compiler reads it too");
    rows(tokens, rule);
}

fn rows(tokens: TokenStream, rule: &mut dyn FnMut(&[TokenTree])) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    rule(&tokens);
    for token in tokens {
        if let TokenTree::Group(group) = token {
            rows(group.stream(), rule);
        }
    }
}

/// The name and the parameters of the function that begins at a place.
fn function(tokens: &[TokenTree], at: usize) -> Option<(String, TokenStream)> {
    if word(tokens, at)? != "fn" {
        return None;
    }
    let name = word(tokens, at + 1)?;
    let mut depth = 0_u32;
    for at in at + 2..tokens.len() {
        let is_arrow = is_punct(tokens, at - 1, '-');
        if is_punct(tokens, at, '<') {
            depth += 1;
        } else if is_punct(tokens, at, '>') && !is_arrow {
            depth = depth.saturating_sub(1);
        } else if let Some(parameters) = group(tokens, at, Delimiter::Parenthesis)
            && depth == 0
        {
            return Some((name, parameters));
        }
    }
    None
}

/// Whether a parameter is a tuple, or a reference to one.
fn has_tuple(parameter: &[TokenTree]) -> bool {
    let is_part_of_path = |at: usize| {
        is_punct(parameter, at + 1, ':') || (at > 0 && is_punct(parameter, at - 1, ':'))
    };
    let colon =
        (0..parameter.len()).find(|at| is_punct(parameter, *at, ':') && !is_part_of_path(*at));
    let starts = [Some(0), colon.map(|colon| colon + 1)];
    starts
        .into_iter()
        .flatten()
        .any(|start| is_tuple_type(parameter, behind_reference(parameter, start)))
}

/// The place behind `&`, `'a`, `mut` and attributes.
fn behind_reference(tokens: &[TokenTree], start: usize) -> usize {
    let mut at = start;
    loop {
        if is_punct(tokens, at, '\'') || attribute(tokens, at).is_some() {
            at += 2;
        } else if is_punct(tokens, at, '&') || word(tokens, at).as_deref() == Some("mut") {
            at += 1;
        } else {
            return at;
        }
    }
}
