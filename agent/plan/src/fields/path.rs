//! A place in an object: a JSON pointer in which list items are named by their keys.

use std::fmt;

use serde_json::Value;

/// `/spec/template/spec/containers[name=web]/resources`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    text: String,
    steps: Vec<Step>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a field of a map.
    Field(String),
    /// To items of a list.
    Items(Select),
}

/// Which items of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Select {
    /// `[*]`
    All,
    /// `[name=web]`, `[containerPort=80,protocol=TCP]`
    Keys(Vec<(String, String)>),
    /// `[=red]`, of a list of plain values.
    Value(String),
}

impl FieldPath {
    /// The way from the root of the object.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The path as far as its first `steps`, for messages.
    pub(super) fn up_to(&self, steps: usize) -> String {
        let mut text = String::new();
        for step in &self.steps[..steps] {
            match step {
                Step::Field(name) => {
                    text.push('/');
                    text.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
                Step::Items(_) => text.push_str("[…]"),
            }
        }
        text
    }

    pub(super) const fn new(text: String, steps: Vec<Step>) -> Self {
        Self { text, steps }
    }
}

impl Select {
    /// True for an item of git's list, or of anybody's.
    pub(super) fn takes(&self, item: &Value) -> bool {
        match self {
            Self::All => true,
            Self::Value(text) => !item.is_object() && is_text(item, text),
            Self::Keys(keys) => keys.iter().all(|(name, text)| match item.get(name) {
                Some(value) => is_text(value, text),
                // The one key with a default that people leave out.
                None => name == "protocol" && text == "TCP" && item.is_object(),
            }),
        }
    }
}

/// True if `value` is written `text`: `web`, `80`, `true`.
fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string == text,
        Value::Number(number) => number.to_string() == text,
        Value::Bool(true) => text == "true",
        Value::Bool(false) => text == "false",
        _ => false,
    }
}

/// As it was written.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
