//! Reads fields of a live object; whatever is missing or of another type reads as absent.

use serde_json::Value;

/// How much of an object's own words is kept.
const WORDS: usize = 400;

/// A live object, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Live<'a>(pub &'a Value);

/// One condition.
#[derive(Clone, Copy)]
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Live<'a> {
    pub(super) fn text(self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str()
    }

    pub(super) fn int(self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer)?.as_i64()
    }

    /// A number that the API server leaves out when it is 0.
    pub(super) fn count(self, pointer: &str) -> i64 {
        self.int(pointer).unwrap_or(0)
    }

    pub(super) fn flag(self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn list(self, pointer: &str) -> impl Iterator<Item = Live<'a>> + use<'a> {
        let items = self.0.pointer(pointer).and_then(Value::as_array);
        items.into_iter().flatten().map(Live)
    }

    pub(super) fn generation(self) -> i64 {
        self.count("/metadata/generation")
    }

    pub(super) fn condition(self, kind: &str) -> Option<Condition<'a>> {
        self.condition_in("/status/conditions", kind)
    }

    pub(super) fn condition_in(self, pointer: &str, kind: &str) -> Option<Condition<'a>> {
        let mut conditions = self.list(pointer);
        let found = conditions.find(|condition| condition.text("/type") == Some(kind));
        found.map(|Live(condition)| Condition(condition))
    }
}

impl<'a> Condition<'a> {
    pub(super) fn is_true(self) -> bool {
        self.status() == "True"
    }

    pub(super) fn is_false(self) -> bool {
        self.status() == "False"
    }

    pub(super) fn reason(self) -> &'a str {
        Live(self.0).text("/reason").unwrap_or_default()
    }

    /// True if it speaks of an older generation than this.
    pub(super) fn is_older_than(self, generation: i64) -> bool {
        Live(self.0)
            .int("/observedGeneration")
            .is_some_and(|seen| seen < generation)
    }

    /// `Reason: message`, as much of it as there is.
    pub(super) fn words(self) -> String {
        let message = Live(self.0).text("/message").unwrap_or_default().trim();
        match (self.reason(), message) {
            ("", message) => brief(message),
            (reason, "") => reason.to_owned(),
            (reason, message) => brief(&format!("{reason}: {message}")),
        }
    }

    fn status(self) -> &'a str {
        Live(self.0).text("/status").unwrap_or_default()
    }
}

/// The beginning of a long text.
pub(super) fn brief(text: &str) -> String {
    match text.char_indices().nth(WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
