//! Fields inside a text that is itself YAML or JSON, such as `data.config\.yaml.spec.replicas`.
//!
//! The text is read, changed and written anew. JSON keeps being on one line or on many; YAML comes out in
//! kustomize's own layout.

mod print;

use krm::{Node, Pos, json};

use super::{
    search::{self, Document, Place},
    setting::Setting,
};
use crate::field_path::{Way, follow, way_to};

/// Writes `value` into the text that `path` leads through. False, with nothing changed, if there is no such
/// text or no such field in it: then the path means the object itself.
pub(super) fn write(object: &mut Node, path: &[String], value: &Node, to: Setting<'_>) -> bool {
    let Some((way, document, rest)) = text_on_the_way(object, path) else {
        return false;
    };
    let Some(node) = follow(object, &way) else {
        return false;
    };
    let old = node.text().unwrap_or_default();
    let Some(new) = changed(old, document, rest, (value, to)) else {
        return false;
    };
    node.set_rule(Some(to.rule));
    if let Some(scalar) = node.as_scalar_mut() {
        scalar.set_text(new);
    }
    true
}

/// The first scalar on the path that is not at its end and reads as YAML.
fn text_on_the_way<'p>(object: &Node, path: &'p [String]) -> Option<(Way, Document, &'p [String])> {
    (1..path.len()).find_map(|length| {
        let (way, node) = way_to(object, &path[..length]).ok()??;
        match search::read_text(node.text()?) {
            Document::None => None,
            document => Some((way, document, &path[length..])),
        }
    })
}

/// The text with `value` at `path` of what it reads as.
fn changed(
    text: &str,
    document: Document,
    path: &[String],
    (value, to): (&Node, Setting<'_>),
) -> Option<String> {
    let mut document = match document {
        Document::Value(document) => document,
        Document::Null => Node::null(Pos::default()),
        _ => return None,
    };
    let places = search::find(&mut document, path, to.create(value)).ok()?;
    if places.is_empty() {
        return None;
    }
    for place in places {
        match place {
            Place::At(way) => to.set(follow(&mut document, &way), value).ok()?,
            Place::Aside(mut node) => to.set(Some(&mut node), value).ok()?,
        }
    }
    match text.trim_start().starts_with(['{', '[']) {
        true => as_json(&document, text),
        false if document.is_null() => Some(text.trim().to_owned()),
        false => Some(print::yaml(&document)),
    }
}

/// On many lines if the old text was.
fn as_json(document: &Node, old: &str) -> Option<String> {
    let value = json::to_value(document).ok()?;
    let compact = json::go_text(&value);
    match old.contains('\n') && old.contains("  ") {
        true => Some(print::indented(&compact)),
        false => Some(compact),
    }
}
