//! How a value gets into one field: as a whole, or into a part of it between delimiters.

use krm::{Node, Pos};

use super::search::Create;
use crate::{
    field_path::{self, PathError},
    model::{FieldOptions, Text},
    problem::Problem,
};

/// What a target says about writing.
#[derive(Clone, Copy)]
pub(super) struct Setting<'t> {
    pub(super) options: Option<&'t FieldOptions>,
    /// Where the replacement is written.
    pub(super) rule: Pos,
}

impl Setting<'_> {
    /// What is made on the way to a field.
    pub(super) fn create(self, value: &Node) -> Create {
        match self.options {
            Some(options) if options.create => Create::for_value(value),
            _ => Create::Nothing,
        }
    }

    /// Writes `value`, or between the delimiters the part that is asked for. Of a scalar only the text changes:
    /// it stays a number or a string.
    pub(super) fn set(self, field: Option<&mut Node>, value: &Node) -> Result<(), WriteFailure> {
        let Some(field) = field else { return Ok(()) };
        let mut text = field_path::raw(value).to_owned();
        if let Some(options) = self.options.filter(|options| !options.delimiter.is_empty()) {
            let old = field.text().ok_or(WriteFailure::NotScalar)?;
            let part = match value.is_null() {
                true => "",
                false => &text,
            };
            text = with_part(old, options, part);
        }
        match field.as_scalar_mut() {
            Some(scalar) => {
                scalar.set_text(text);
                field.pos = value.pos;
            }
            None => field.put(value.clone()),
        }
        field.set_rule(Some(self.rule));
        Ok(())
    }
}

/// Why a value could not be written.
pub(super) enum WriteFailure {
    Path(PathError),
    Missing,
    NotScalar,
}

impl From<PathError> for WriteFailure {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl WriteFailure {
    pub(super) fn at(self, path: &Text) -> Problem {
        let pos = path.pos;
        let path = &path.value;
        match self {
            Self::Path(error) => Problem::at(pos, format!("cannot follow `{path}`: {error}")),
            Self::Missing => Problem::at(pos, format!("the target has no field `{path}`"))
                .hint("`options: {create: true}` makes it"),
            Self::NotScalar => Problem::at(
                pos,
                format!("`{path}` is a map or list, so it has no parts between delimiters"),
            ),
        }
    }
}

/// Before the first part for a negative index, after the last for one that is too large.
fn with_part(old: &str, options: &FieldOptions, part: &str) -> String {
    let mut parts: Vec<_> = old.split(&options.delimiter).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, part),
        Ok(index) => match parts.get_mut(index) {
            Some(old) => *old = part,
            None => parts.push(part),
        },
    }
    parts.join(&options.delimiter)
}
