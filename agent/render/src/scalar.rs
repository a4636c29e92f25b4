//! Changing a scalar in place, as kustomize does: the quotes stay, the text is new, and what a plain text means
//! is decided afresh.

use krm::{Map, Node, Pos, Style, Tag, yaml};

use crate::problem::Problem;

/// Gives `node` a new text of no particular type. `None` if it is a map or list.
pub(crate) fn set_text(node: &mut Node, text: String, pos: Pos) -> Option<()> {
    let scalar = node.as_scalar_mut()?;
    scalar.text = text;
    scalar.untag();
    node.pos = pos;
    node.set_rule(None);
    Some(())
}

/// Gives `node` a new text that is a string, whatever it looks like. `None` if it is a map or list.
pub(crate) fn set_string(node: &mut Node, text: &str, pos: Pos) -> Option<()> {
    set_tagged(node, text, Tag::Str, pos)
}

/// Gives `node` a new text of this meaning; in quotes, if it has any, that is a string. `None` if it is a map or
/// list.
pub(crate) fn set_tagged(node: &mut Node, text: &str, tag: Tag, pos: Pos) -> Option<()> {
    let scalar = node.as_scalar_mut()?;
    text.clone_into(&mut scalar.text);
    scalar.set_tag(match scalar.style {
        Style::Plain => tag,
        _ => Tag::Str,
    });
    node.pos = pos;
    node.set_rule(None);
    Some(())
}

/// Sets `metadata.name` to a text of no particular type.
pub(crate) fn set_name(object: &mut Node, name: &str, pos: Pos) {
    set_metadata(object, "name", name, pos);
}

/// That a key stays text in what kustomize prints: it writes keys without quotes in between, and then cannot
/// print a number, boolean, null or date as a key.
pub(crate) fn check_key(key: &str, pos: Pos) -> Result<(), Problem> {
    match yaml::plain_tag(key) {
        Tag::Str => Ok(()),
        _ => Err(Problem::at(
            pos,
            format!("the key `{key}` cannot be written as text by kustomize"),
        )
        .hint("choose a key that does not look like a number, a date, true, false or null")),
    }
}

fn set_metadata(object: &mut Node, field: &str, text: &str, pos: Pos) {
    let Some(metadata) = object.map_entry("metadata", pos) else {
        return;
    };
    set_field(metadata, field, text, pos);
}

/// Sets a field of a map to a text of no particular type, keeping its quotes.
pub(crate) fn set_field(map: &mut Map, field: &str, text: &str, pos: Pos) {
    let kept = map
        .get_mut(field)
        .and_then(|node| set_text(node, text.to_owned(), pos));
    if kept.is_none() {
        map.set(field, Node::untagged(text, pos));
    }
}
