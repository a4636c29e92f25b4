//! How a place in an object is written for people.

use std::fmt;

/// A path that grows and shrinks as a walk goes on.
#[derive(Debug, Default)]
pub(super) struct Path {
    text: String,
}

impl Path {
    /// Walks into a field and back out.
    pub(super) fn inside<R>(
        &mut self,
        step: &dyn fmt::Display,
        walk: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let before = self.text.len();
        let step = step.to_string();
        let joint = if before == 0 || step.starts_with('[') {
            ""
        } else {
            "."
        };
        self.text.push_str(joint);
        self.text.push_str(&step);
        let result = walk(self);
        self.text.truncate(before);
        result
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }
}

/// A field's name: as it is where it is plain, else `["name"]`.
pub(super) struct Field<'a>(pub &'a str);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        match !self.0.is_empty() && self.0.chars().all(plain) {
            true => f.write_str(self.0),
            false => write!(f, "[{:?}]", self.0),
        }
    }
}
