//! Label selectors: `app=web,tier in (front, back),!canary`.
//!
//! The grammar is Kubernetes', with its checks of keys and values, applied to annotations just the same.

/// Requirements that must all hold.
#[derive(Debug, Default)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// Why a text is no selector.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum LabelSelectorError {
    /// Something else was due.
    #[error("found `{found}` where {wanted} must stand")]
    Found { found: String, wanted: &'static str },
    /// A key that no label can have.
    #[error("`{0}` cannot be the key of a label")]
    Key(String),
    /// A value that no label can have.
    #[error("`{0}` cannot be the value of a label")]
    Value(String),
    /// A comparison with a word.
    #[error("`{0}` is not a whole number")]
    Number(String),
}

#[derive(Debug)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    End,
    Word(String),
    Symbol(&'static str),
    /// Characters that form no symbol.
    Wrong(String),
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl LabelSelector {
    /// Reads a selector; an empty text asks for nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, LabelSelectorError> {
        let mut parser = Parser {
            tokens: tokens(text).into_iter().peekable(),
        };
        let mut requirements = Vec::new();
        if *parser.peek() == Token::End {
            return Ok(Self { requirements });
        }
        loop {
            requirements.push(parser.requirement()?);
            match parser.next() {
                Token::End => return Ok(Self { requirements }),
                Token::Symbol(",") => {}
                other => return Err(wrong(&other, "`,` or the end")),
            }
        }
    }

    /// Whether all requirements hold for the labels that `value` looks up.
    pub(crate) fn fits<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.test.holds(value(&requirement.key)))
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let among = |all: &[String], value: &str| all.iter().any(|one| one == value);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(all) => value.is_some_and(|value| among(all, value)),
            Self::NotIn(all) => value.is_none_or(|value| !among(all, value)),
            Self::Above(limit) => number().is_some_and(|number| number > *limit),
            Self::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

impl Parser {
    fn peek(&mut self) -> &Token {
        self.tokens.peek().unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        self.tokens.next().unwrap_or(Token::End)
    }

    fn requirement(&mut self) -> Result<Requirement, LabelSelectorError> {
        let negated = *self.peek() == Token::Symbol("!");
        if negated {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(wrong(&other, "a key")),
        };
        if !is_key(&key) {
            return Err(LabelSelectorError::Key(key));
        }
        let test = match self.peek() {
            _ if negated => Test::Absent,
            Token::End | Token::Symbol(",") => Test::Exists,
            _ => self.test()?,
        };
        Ok(Requirement { key, test })
    }

    fn test(&mut self) -> Result<Test, LabelSelectorError> {
        match self.next() {
            Token::Symbol("=" | "==") => Ok(Test::In(vec![self.value()?])),
            Token::Symbol("!=") => Ok(Test::NotIn(vec![self.value()?])),
            Token::Symbol(">") => Ok(Test::Above(self.number()?)),
            Token::Symbol("<") => Ok(Test::Below(self.number()?)),
            Token::Word(word) if word == "in" => Ok(Test::In(self.values()?)),
            Token::Word(word) if word == "notin" => Ok(Test::NotIn(self.values()?)),
            other => Err(wrong(&other, "`=`, `==`, `!=`, `in` or `notin`")),
        }
    }

    fn number(&mut self) -> Result<i64, LabelSelectorError> {
        let text = self.value()?;
        text.parse().map_err(|_| LabelSelectorError::Number(text))
    }

    fn value(&mut self) -> Result<String, LabelSelectorError> {
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(_) => match self.next() {
                Token::Word(word) => checked_value(word),
                other => Err(wrong(&other, "a value")),
            },
            other => Err(wrong(other, "a value")),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, LabelSelectorError> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(wrong(&other, "`(`")),
        }
        let mut values = Vec::new();
        let mut blank = true;
        loop {
            match self.next() {
                Token::Word(word) if blank => {
                    values.push(checked_value(word)?);
                    blank = false;
                }
                Token::Symbol(",") => {
                    if blank {
                        values.push(String::new());
                    }
                    blank = true;
                }
                Token::Symbol(")") => {
                    if blank {
                        values.push(String::new());
                    }
                    return Ok(values);
                }
                other => return Err(wrong(&other, "`,` or `)`")),
            }
        }
    }
}

fn wrong(found: &Token, wanted: &'static str) -> LabelSelectorError {
    let found = match found {
        Token::End => "",
        Token::Word(text) | Token::Wrong(text) => text,
        Token::Symbol(text) => text,
    };
    LabelSelectorError::Found {
        found: found.to_owned(),
        wanted,
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let is_symbol = |letter: char| "=!(),><".contains(letter);
    let is_blank = |letter: char| " \t\r\n".contains(letter);
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let symbols = &rest[..rest.find(|c| !is_symbol(c)).unwrap_or(rest.len())];
        let length = if symbols.is_empty() {
            let end = rest.find(|c| is_symbol(c) || is_blank(c));
            let word = &rest[..end.unwrap_or(rest.len())];
            tokens.push(Token::Word(word.to_owned()));
            word.len()
        } else {
            let known = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
            let symbol = known.into_iter().find(|known| symbols.starts_with(known));
            tokens.push(symbol.map_or_else(|| Token::Wrong(symbols.to_owned()), Token::Symbol));
            symbol.map_or(symbols.len(), str::len)
        };
        rest = rest[length..].trim_start_matches(is_blank);
    }
    tokens
}

fn checked_value(value: String) -> Result<String, LabelSelectorError> {
    match value.is_empty() || is_name(&value) {
        true => Ok(value),
        false => Err(LabelSelectorError::Value(value)),
    }
}

fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    }
}

/// At most 63 letters, digits, `-`, `_`, `.`; a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    let edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.len() <= 63
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

fn is_subdomain(text: &str) -> bool {
    let lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| {
            label.starts_with(lower)
                && label.ends_with(lower)
                && label.chars().all(|letter| lower(letter) || letter == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(selector: &str, labels: &[(&str, &str)]) -> bool {
        let selector = LabelSelector::parse(selector).expect(selector);
        selector.fits(|key| {
            labels
                .iter()
                .find(|label| label.0 == key)
                .map(|label| label.1)
        })
    }

    const WEB: &[(&str, &str)] = &[("app", "web"), ("n", "5"), ("x.io/t", ""), ("in", "in")];

    #[test]
    fn holds_where_all_requirements_hold() {
        for selector in [
            "",
            "app",
            "app=web",
            "app==web",
            "app = web , n",
            "app in (web)",
            "app in (a,web,b)",
            "app notin (a, b)",
            "no notin (a)",
            "!no",
            "app!=a",
            "no!=a",
            "n>4",
            "n<6",
            "x.io/t=",
            "x.io/t in ()",
            "x.io/t in (,a)",
            "in in (in)",
            "app=web,!no,n>4",
            "in",
        ] {
            assert!(fits(selector, WEB), "{selector}");
        }
    }

    #[test]
    fn fails_where_one_does_not() {
        for selector in [
            "no",
            "app=a",
            "!app",
            "app notin (web)",
            "app!=web",
            "n>5",
            "app>1",
            "app=web,no",
            "app in ()",
            "no=",
            "no in ()",
        ] {
            assert!(!fits(selector, WEB), "{selector}");
        }
    }

    #[test]
    fn refuses_what_is_no_selector() {
        for selector in [
            "app web",
            "app=web,",
            ",app",
            "app in web",
            "app in (a",
            "app=(a)",
            "=a",
            "a/b/c=d",
            "app=a b",
            "app=-a",
            "A.io/x=y",
            "n>x",
            "!app=web",
            "app=a/b",
            "app===b",
            "app=!b",
        ] {
            assert!(LabelSelector::parse(selector).is_err(), "{selector}");
        }
    }
}
