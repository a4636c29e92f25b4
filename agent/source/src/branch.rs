//! Names of branches, checked before they reach a server, a path or a log.

use std::{fmt, str::FromStr};

/// A branch, without `refs/heads/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch(String);

/// Why a text is no name of a branch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name:?} is not a branch name: {why}")]
pub struct BranchError {
    name: String,
    why: &'static str,
}

/// The longest name that every Git server takes.
const LONGEST: usize = 244;

impl Branch {
    /// Checks `name` by Git's rules for branches.
    pub fn parse(name: &str) -> Result<Self, BranchError> {
        match fault(name) {
            None => Ok(Self(name.to_owned())),
            Some(why) => Err(BranchError {
                name: name.chars().take(80).collect(),
                why,
            }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full name of the reference.
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Branch {
    type Err = BranchError;

    fn from_str(name: &str) -> Result<Self, BranchError> {
        Self::parse(name)
    }
}

fn fault(name: &str) -> Option<&'static str> {
    let bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    match name {
        "" => Some("it is empty"),
        "HEAD" | "@" => Some("it has another meaning to git"),
        _ if name.len() > LONGEST => Some("it is longer than 244 bytes"),
        _ if name.starts_with('-') => Some("it starts with a dash"),
        _ if name.starts_with("refs/") => {
            Some("it is a full reference; write only what follows refs/heads/")
        }
        _ if name.contains(bad) => {
            Some("it has a space, a control character or one of ~ ^ : ? * [ \\")
        }
        _ if name.contains("..") || name.contains("@{") => Some("it has `..` or `@{`"),
        _ if name.ends_with('.') => Some("it ends with a dot"),
        _ => name.split('/').find_map(component_fault),
    }
}

fn component_fault(part: &str) -> Option<&'static str> {
    let lock = part.get(part.len().saturating_sub(5)..);
    match part {
        "" => Some("it has an empty part between slashes"),
        _ if part.starts_with('.') => Some("a part of it starts with a dot"),
        _ if lock.is_some_and(|end| end.eq_ignore_ascii_case(".lock")) => {
            Some("a part of it ends with .lock")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_ordinary_names() {
        for name in ["master", "release/1.2", "user@host", "föö", "a-b_c.d"] {
            assert_eq!(Branch::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_names_with_another_meaning() {
        let long = "x".repeat(245);
        let names = [
            "",
            "HEAD",
            "-x",
            "--upload-pack=touch",
            "a..b",
            "../a",
            "a//b",
            "/a",
            "a/",
            ".a",
            "a/.b",
            "a.lock",
            "a.LOCK/b",
            "a b",
            "a\nb",
            "a\u{7f}",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a@{1}",
            "@",
            "a.",
            "refs/heads/a",
            &long,
        ];
        for name in names {
            assert!(Branch::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_refusal_shows_no_control_character() {
        let text = Branch::parse("a\u{1b}[31m\nb").unwrap_err().to_string();
        assert!(!text.contains(char::is_control), "{text}");
    }
}
