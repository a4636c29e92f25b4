//! `ValueAddTransformer`: one text into fields of chosen objects, or into paths inside such fields.

use krm::{Kind, Map, Node};

use super::{
    Context,
    namespace::{self, NamespaceSpec, Subjects},
};
use crate::{
    field::split_first,
    model::{Selector, Text},
    problem::{Outcome, Problem},
    scalar,
    selector::Matcher,
    set::ObjectSet,
};

/// A value and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct ValueAddSpec {
    pub(crate) value: Text,
    pub(crate) targets: Vec<Target>,
}

/// A field of the chosen objects.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// All objects if absent.
    pub(crate) selector: Option<Selector>,
    pub(crate) field_path: Text,
    /// If positive, the field holds a file path, and the value becomes its part of this number.
    pub(crate) file_path_position: i64,
}

pub(crate) fn apply(spec: &ValueAddSpec, set: &mut ObjectSet, cx: &Context<'_>) -> Outcome {
    for target in &spec.targets {
        let matcher = target.selector.as_ref().map(Matcher::new).transpose()?;
        for resource in set.iter_mut() {
            let is_meant = matcher
                .as_ref()
                .is_none_or(|matcher| matcher.matches(resource, &cx.schema));
            if !is_meant {
                continue;
            }
            if target.field_path.value == "metadata/namespace" {
                let is_cluster_scoped = resource.is_cluster_scoped(&cx.schema);
                let spec = NamespaceSpec {
                    namespace: spec.value.clone(),
                    fields: std::borrow::Cow::Borrowed(&[]),
                    unset_only: false,
                    subjects: Subjects::Default,
                };
                namespace::in_object(&spec, resource, is_cluster_scoped)?;
            } else {
                let path = Some(target.field_path.value.as_str());
                put((spec, target), &mut resource.node, path)?;
                resource.shared.sync(&mut resource.node);
            }
        }
    }
    Ok(())
}

/// Writes the value at `path` below `node`.
fn put(
    (spec, target): (&ValueAddSpec, &Target),
    node: &mut Node,
    path: Option<&str>,
) -> Result<(), Problem> {
    let (pos, value_pos) = (node.pos, spec.value.pos);
    let wrong = |needed: &str| {
        let text = format!(
            "{needed} is needed here, on the way to `{}`",
            target.field_path.value
        );
        Problem::at(pos, text)
    };
    let Some(path) = path else {
        let old = node.text().ok_or_else(|| wrong("text"))?;
        let text = match target.file_path_position {
            1.. => insert_part(old, target.file_path_position, &spec.value.value),
            _ => spec.value.value.clone(),
        };
        scalar::set_text(node, text, value_pos);
        return Ok(());
    };
    let (name, rest) = split_first(path);
    if name.is_empty() {
        return put((spec, target), node, rest);
    }
    if let Kind::Seq(items) = &mut node.kind {
        let at = list_item(items, &name).ok_or_else(|| wrong("such an item"))?;
        return put((spec, target), &mut items[at], rest);
    }
    let map = node.as_map_mut().ok_or_else(|| wrong("a map"))?;
    if map.get(&name).is_none_or(Node::is_null) {
        let made = match rest {
            Some(_) => Node::map(Map::new(), value_pos),
            None => Node::string("", value_pos),
        };
        map.set(name.clone().into_owned(), made);
    }
    match map.get_mut(&name) {
        Some(next) => put((spec, target), next, rest),
        None => Ok(()),
    }
}

/// The position of the item that is meant by `[name=nginx]` or a number.
fn list_item(items: &[Node], part: &str) -> Option<usize> {
    if let Ok(at) = part.parse::<usize>() {
        return (at < items.len()).then_some(at);
    }
    let (key, value) = part.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
    items
        .iter()
        .position(|item| item.text_at(&[key]) == Some(value))
}

/// Puts `part` into `path` as its part of number `position`, counted from 1; at the end if there are fewer.
fn insert_part(path: &str, position: i64, part: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let at = usize::try_from(position - 1)
        .unwrap_or(usize::MAX)
        .min(parts.len());
    parts.insert(at, part);
    let joined = parts.join("/");
    match absolute {
        true => format!("/{joined}"),
        false => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in kustomize's documentation of this transformer.
    #[test]
    fn inserts_a_part() {
        let cases = [
            ("", 1, "PEACH"),
            ("/", 1, "/PEACH"),
            ("pie", 1, "PEACH/pie"),
            ("/pie", 1, "/PEACH/pie"),
            ("raw", 2, "raw/PEACH"),
            ("/raw", 2, "/raw/PEACH"),
            ("a/nice/warm/pie", 4, "a/nice/warm/PEACH/pie"),
            ("/a/nice/warm/pie", 4, "/a/nice/warm/PEACH/pie"),
            ("a/b", 9999, "a/b/PEACH"),
        ];
        for (path, position, expected) in cases {
            assert_eq!(insert_part(path, position, "PEACH"), expected);
        }
    }
}
