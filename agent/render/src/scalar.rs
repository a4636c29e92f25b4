//! Changing a scalar in place, as kustomize does: the quotes stay, the text is new, and what a plain text means
//! is decided afresh.

use krm::{Kind, Map, Node, Pos, Scalar, Style, Tag, yaml};

/// Gives `node` a new text of no particular type. `None` if it is a map or list.
pub(crate) fn set_text(node: &mut Node, text: String, pos: Pos) -> Option<()> {
    let scalar = node.as_scalar_mut()?;
    scalar.tag = match scalar.style {
        Style::Plain => yaml::plain_tag(&text),
        _ => Tag::Str,
    };
    scalar.text = text;
    node.pos = pos;
    Some(())
}

/// Gives `node` a new text that is a string, whatever it looks like. `None` if it is a map or list.
pub(crate) fn set_string(node: &mut Node, text: &str, pos: Pos) -> Option<()> {
    node.as_scalar()?;
    node.kind = Kind::Scalar(Scalar {
        text: text.to_owned(),
        tag: Tag::Str,
        style: Style::Plain,
    });
    node.pos = pos;
    Some(())
}

/// Sets `metadata.name` to a text of no particular type.
pub(crate) fn set_name(object: &mut Node, name: &str, pos: Pos) {
    set_metadata(object, "name", name, pos);
}

/// Sets `metadata.namespace` likewise; the empty text takes it out.
pub(crate) fn set_namespace(object: &mut Node, namespace: &str, pos: Pos) {
    if !namespace.is_empty() {
        set_metadata(object, "namespace", namespace, pos);
    } else if let Some(metadata) = object.get_mut("metadata").and_then(Node::as_map_mut) {
        metadata.remove("namespace");
    }
}

/// A plain scalar whose type its text decides.
pub(crate) fn plain(text: &str, pos: Pos) -> Node {
    Node::scalar(text, yaml::plain_tag(text), Style::Plain, pos)
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
        map.set(field, plain(text, pos));
    }
}
