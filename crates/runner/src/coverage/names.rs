//! What a compiled function is called in its source: without the modules it is in, and without the types it
//! was compiled for. Text only.

use std::{iter::Peekable, str::Chars};

/// The name of a function from its full one: `Tree::get` for `<a::b::Tree<a::c::Page>>::get::<u8>`; none for
/// a closure, and for what the compiler made.
pub(super) fn short(full: &str) -> Option<String> {
    let name = path(&mut full.chars().peekable(), false);
    (!name.contains('{') && !name.is_empty()).then_some(name)
}

/// Reads up to the bracket that closes, or to the end.
fn path(rest: &mut Peekable<Chars<'_>>, keep_types: bool) -> String {
    let mut text = String::new();
    // The last word, which may turn out to be a module.
    let mut word = String::new();
    while let Some(next) = rest.next() {
        match next {
            '>' if text.ends_with('-') => text.push('>'),
            '>' => break,
            '<' if word.is_empty() => text.push_str(&qualified(rest)),
            '<' if keep_types => {
                text.push_str(&word);
                word.clear();
                text.push('<');
                text.push_str(&path(rest, true));
                text.push('>');
            }
            '<' => drop(path(rest, false)),
            ':' if rest.next_if_eq(&':').is_some() => {
                match rest.peek() {
                    // Types behind a word.
                    Some('<') if !word.is_empty() => {}
                    _ if word.is_empty() && !text.ends_with("::") => text.push_str("::"),
                    _ => word.clear(),
                }
            }
            letter if is_of_word(letter) => word.push(letter),
            other => {
                text.push_str(&word);
                word.clear();
                text.push(other);
            }
        }
    }
    text + &word
}

/// A type, or a type as a trait, up to the bracket that closes: the brackets stay with a trait.
fn qualified(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut inner = String::new();
    let mut depth = 0_u32;
    for next in rest.by_ref() {
        match next {
            '<' => depth += 1,
            '>' if inner.ends_with('-') => {}
            '>' if depth == 0 => break,
            '>' => depth -= 1,
            _ => {}
        }
        inner.push(next);
    }
    let short = |text: &str, keep_types| path(&mut text.chars().peekable(), keep_types);
    match at_top(&inner) {
        Some((of, as_trait)) => format!("<{} as {}>", short(of, false), short(as_trait, true)),
        None => short(&inner, false),
    }
}

/// What stands in front of ` as ` and behind it, outside of brackets.
fn at_top(text: &str) -> Option<(&str, &str)> {
    let found = text.match_indices(" as ").find(|(at, _)| {
        let before = text[..*at].replace("->", "");
        before.matches('<').count() == before.matches('>').count()
    });
    found.map(|(at, middle)| (&text[..at], &text[at + middle.len()..]))
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || "_{}#".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn names_lose_modules_and_types() {
        for (full, name) in [
            ("mace::store::gc::start", "start"),
            ("<mace::index::tree::Tree>::get", "Tree::get"),
            ("<mace::index::Tree<mace::map::Page>>::get::<u8, [u8; 4]>", "Tree::get"),
            ("mace::index::visit::<mace::map::walk::{closure#0}>", "visit"),
            ("<mace::map::Page as core::ops::drop::Drop>::drop", "<Page as Drop>::drop"),
            (
                "<mace::Error as core::convert::From<std::io::error::Error>>::from",
                "<Error as From<Error>>::from",
            ),
            ("<&mace::map::Page<_> as mace::Key>::len", "<&Page as Key>::len"),
            ("<<mace::A as mace::B>::C as mace::D>::e", "<<A as B>::C as D>::e"),
            ("<fn(u8) -> mace::map::Page<u8> as mace::D>::e", "<fn(u8) -> Page as D>::e"),
        ] {
            assert_eq!(short(full).as_deref(), Some(name), "{full}");
        }
        for full in ["mace::a::f::{closure#0}", "<mace::a::F>::g::{closure#2}", ""] {
            assert_eq!(short(full), None, "{full}");
        }
    }
}
