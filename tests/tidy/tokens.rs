//! Small questions about a row of Rust tokens. Knows no rule.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The identifier at a place.
pub(crate) fn word(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at)? {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    }
}

/// Whether this sign stands at a place.
pub(crate) fn is_punct(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

pub(crate) fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// What is inside the brackets at a place.
pub(crate) fn group(tokens: &[TokenTree], at: usize, brackets: Delimiter) -> Option<TokenStream> {
    match tokens.get(at)? {
        TokenTree::Group(group) if group.delimiter() == brackets => Some(group.stream()),
        _ => None,
    }
}

/// The text of the attribute that begins at a place.
pub(crate) fn attribute(tokens: &[TokenTree], at: usize) -> Option<String> {
    let inside = is_punct(tokens, at, '#').then(|| group(tokens, at + 1, Delimiter::Bracket))??;
    Some(inside.to_string())
}

/// The place behind the item that begins at `at`: behind its `;` or its braces.
pub(crate) fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends =
        |at: &usize| is_punct(tokens, *at, ';') || group(tokens, *at, Delimiter::Brace).is_some();
    let is_use = word(tokens, at).as_deref() == Some("use");
    let ends_use = |at: &usize| is_punct(tokens, *at, ';');
    let end =
        if is_use { (at..tokens.len()).find(ends_use) } else { (at..tokens.len()).find(ends) };
    end.map_or(tokens.len(), |end| end + 1)
}

/// The row cut at the commas that stand in no angle brackets.
pub(crate) fn at_commas(tokens: &[TokenTree]) -> Vec<&[TokenTree]> {
    let mut parts = Vec::new();
    let mut depth = 0_u32;
    let mut start = 0;
    for at in 0..tokens.len() {
        let is_arrow = at > 0 && is_punct(tokens, at - 1, '-');
        if is_punct(tokens, at, '<') {
            depth += 1;
        } else if is_punct(tokens, at, '>') && !is_arrow {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && is_comma(&tokens[at]) {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    if start < tokens.len() {
        parts.push(&tokens[start..]);
    }
    parts
}

/// Whether a pattern or a value of more than one part stands at a place.
pub(crate) fn is_tuple(tokens: &[TokenTree], at: usize) -> bool {
    let inside = group(tokens, at, Delimiter::Parenthesis);
    inside.is_some_and(|inside| inside.into_iter().any(|token| is_comma(&token)))
}

/// Whether the type of a tuple stands at a place.
pub(crate) fn is_tuple_type(tokens: &[TokenTree], at: usize) -> bool {
    let inside = group(tokens, at, Delimiter::Parenthesis);
    inside.is_some_and(|inside| at_commas(&Vec::from_iter(inside)).len() > 1)
}
