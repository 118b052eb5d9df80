//! Reads EDN and JSON as far as histories of Jepsen's need them, with one reader: keywords, symbols and
//! strings are words, sets are lists, tags and comments are dropped. Knows no history.

use std::fmt::{Display, Formatter, Result as FmtResult};

/// Brackets inside brackets; a history needs four.
const DEPTH: u32 = 64;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// `nil`, `null`.
    Nil,
    /// A whole number.
    Number(i64),
    /// Everything else that is one word: a string, a keyword, a symbol, a fraction.
    Word(String),
    /// A list, a vector or a set.
    List(Vec<Form>),
    /// A map, in the order in which it is written.
    Map(Vec<(Form, Form)>),
}

impl Form {
    /// The value of a key of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| key.word() == Some(name)).map(|(_, value)| value)
    }

    /// A word's text.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

impl Display for Form {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
        }
    }
}

/// Why a text is no history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The line that shows it, from 1.
    pub line: u32,
    /// What is wrong there.
    pub what: String,
}

impl Display for Unreadable {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Unreadable {}

/// The values of a text, each with the line in which it begins.
pub(crate) fn read_all(text: &str) -> Result<Vec<(u32, Form)>, Unreadable> {
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut forms = Vec::new();
    while reader.skip().is_some() {
        let line = reader.line;
        if let Some(form) = reader.form(0)? {
            forms.push((line, form));
        }
    }
    Ok(forms)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Reader<'t> {
    fn error<T>(&self, what: impl Display) -> Result<T, Unreadable> {
        Err(Unreadable { line: self.line, what: what.to_string() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.line += u32::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    /// Goes to the next byte that says something, and shows it.
    fn skip(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            match byte {
                b';' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.step();
                    }
                }
                b',' => self.step(),
                byte if byte.is_ascii_whitespace() => self.step(),
                byte => return Some(byte),
            }
        }
        None
    }

    /// One value; `None` for one that is discarded.
    fn form(&mut self, depth: u32) -> Result<Option<Form>, Unreadable> {
        if depth > DEPTH {
            return self.error("brackets inside brackets without end");
        }
        let Some(byte) = self.skip() else { return self.error("it ends inside of a value") };
        Ok(Some(match byte {
            b'[' => Form::List(self.inside(b']', depth)?),
            b'(' => Form::List(self.inside(b')', depth)?),
            b'{' => {
                let all = self.inside(b'}', depth)?;
                if all.len() % 2 != 0 {
                    return self.error("a map with a key and no value");
                }
                let mut all = all.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (all.next(), all.next()) {
                    pairs.push((key, value));
                }
                Form::Map(pairs)
            }
            b'"' => Form::Word(self.string()?),
            b'#' => return self.tagged(depth),
            _ => {
                let token = self.token();
                if token.is_empty() {
                    return self.error(format_args!("{:?} out of place", char::from(byte)));
                }
                atom(token)
            }
        }))
    }

    /// What begins with `#`: a set, what is discarded, or a tag, which is dropped.
    fn tagged(&mut self, depth: u32) -> Result<Option<Form>, Unreadable> {
        self.step();
        match self.peek() {
            Some(b'{') => Ok(Some(Form::List(self.inside(b'}', depth)?))),
            Some(b'_') => {
                self.step();
                self.form(depth + 1)?;
                Ok(None)
            }
            _ => {
                self.token();
                self.form(depth + 1)
            }
        }
    }

    fn inside(&mut self, close: u8, depth: u32) -> Result<Vec<Form>, Unreadable> {
        self.step();
        let mut all = Vec::new();
        loop {
            match self.skip() {
                None => return self.error("a bracket that is not closed"),
                Some(byte) if byte == close => {
                    self.step();
                    return Ok(all);
                }
                // What JSON puts between a key and its value.
                Some(b':') if close == b'}' && all.len() % 2 == 1 && self.is_json_colon() => {
                    self.step();
                }
                Some(_) => all.extend(self.form(depth + 1)?),
            }
        }
    }

    /// Whether the colon here follows the string that is a key in JSON: no keyword can follow a quote
    /// with nothing but blanks between in a place where JSON has its colon.
    fn is_json_colon(&self) -> bool {
        self.text[..self.at].trim_end().ends_with('"')
    }

    fn token(&mut self) -> &'t str {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| !byte.is_ascii_whitespace() && !b",;()[]{}\"".contains(&byte))
        {
            self.step();
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        self.step();
        let mut text = String::new();
        let mut rest = self.text[self.at..].char_indices();
        while let Some((at, letter)) = rest.next() {
            match letter {
                '"' => {
                    for _ in 0..=at {
                        self.step();
                    }
                    return Ok(text);
                }
                '\\' => match rest.next().map(|(_, letter)| letter) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    // Names stay apart; what letter the number stands for does not matter.
                    Some('u') => text.push_str("\\u"),
                    Some(other) => text.push(other),
                    None => break,
                },
                letter => text.push(letter),
            }
        }
        self.error("a string that is not closed")
    }
}

fn atom(token: &str) -> Form {
    if ["nil", "null"].contains(&token) {
        return Form::Nil;
    }
    let number = token.strip_suffix(['N', 'M']).unwrap_or(token);
    match number.parse() {
        Ok(number) => Form::Number(number),
        Err(_) => Form::Word(token.strip_prefix(':').unwrap_or(token).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, read_all};

    fn one(text: &str) -> Form {
        let mut forms = read_all(text).unwrap();
        assert_eq!(forms.len(), 1, "{forms:?}");
        forms.remove(0).1
    }

    #[test]
    fn both_notations_say_the_same() {
        let edn = "{:index 3, :type :ok, :process 0, :value [[:append \"k\" 1] [:r 8 nil]]}";
        let json =
            r#"{"index":3,"type" : "ok","process":0,"value":[["append","k",1],["r",8,null]]}"#;
        assert_eq!(one(edn), one(json));
        assert_eq!(one(edn).get("type").and_then(Form::word), Some("ok"));
        assert_eq!(one(edn).get("index"), Some(&Form::Number(3)));
        assert_eq!(one(edn).get("error"), None);
    }

    #[test]
    fn what_jepsen_writes_beside_values_is_dropped() {
        let text = "; a remark\n#jepsen.history.Op{:a #{1 2N} :b -3.5}\n#_ {:c 1} (x)";
        let forms = read_all(text).unwrap();
        let list = Form::List(vec![Form::Number(1), Form::Number(2)]);
        assert_eq!(forms[0].0, 2);
        assert_eq!(forms[0].1.get("a"), Some(&list));
        assert_eq!(forms[0].1.get("b"), Some(&Form::Word("-3.5".into())));
        assert_eq!(forms[1..], [(3, Form::List(vec![Form::Word("x".into())]))]);
        assert_eq!(one("\"a\\\"b\\u00e9é\""), Form::Word("a\"b\\u00e9é".into()));
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let deep = "[".repeat(100_000);
        for (text, says) in [
            ("{:a 1}\n{:a", "line 2: a bracket that is not closed"),
            ("\n{:a}", "line 2: a map with a key and no value"),
            ("[1 2}", "line 1: '}' out of place"),
            ("[\"a", "line 1: a string that is not closed"),
            ("#tag", "line 1: it ends inside of a value"),
            (&deep, "line 1: brackets inside brackets"),
        ] {
            let error = read_all(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
