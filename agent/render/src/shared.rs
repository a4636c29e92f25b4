//! Values that stand in several places of one object at once.
//!
//! Where kustomize sets a label in metadata, in a selector and in a template by one setting, it puts the *same*
//! value there three times; whoever changes it in one place later, by a patch, another label or a replacement,
//! changes it everywhere. Users see this, so it is kept: a [`Shared`] names the places, and [`sync`] carries a
//! change from one to the others. A way through JSON ends it.

use krm::{Kind, Node, Pos, Scalar, SourceId, Style, Tag, yaml};

use crate::resource::Resource;

/// The way to a value by names; positions of items are written as numbers.
pub(crate) type Names = Vec<String>;

/// Places that hold one value.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    places: Vec<Names>,
    value: Node,
}

/// Marks a value that was just made and may be shared; no file has this number.
pub(crate) fn mark(number: usize) -> Pos {
    Pos {
        source: SourceId(u32::MAX),
        line: u32::try_from(number).unwrap_or(u32::MAX),
    }
}

/// Finds the marked values of an object, gives them their real positions, and notes those that stand in more than
/// one place.
pub(crate) fn unmark(resource: &mut Resource, positions: &[Pos]) {
    let mut found: Vec<Vec<(Names, Scalar)>> = vec![Vec::new(); positions.len()];
    collect(&mut resource.node, &mut Vec::new(), positions, &mut found);
    for places in found.into_iter().filter(|places| places.len() > 1) {
        let value = Node {
            kind: Kind::Scalar(places[0].1.clone()),
            pos: Pos::default(),
        };
        let places = places.into_iter().map(|(names, _)| names).collect();
        resource.shared.push(Shared { places, value });
    }
}

/// Carries what has changed in one place to the others. Of several changes the one furthest back counts, since
/// kustomize goes through an object in the order of its keys.
pub(crate) fn sync(resource: &mut Resource) {
    if resource.shared.is_empty() {
        return;
    }
    let mut groups = std::mem::take(&mut resource.shared);
    for group in &mut groups {
        let node = &resource.node;
        group
            .places
            .retain(|names| scalar_at(node, names).is_some());
        let changed = group.places.iter().filter_map(|names| {
            let (scalar, pos) = scalar_at(node, names)?;
            (Some(scalar) != group.value.as_scalar()).then(|| (names, scalar.clone(), pos))
        });
        let Some((_, value, pos)) = changed.max_by(|(a, ..), (b, ..)| a.cmp(b)) else {
            continue;
        };
        group.value = Node {
            kind: Kind::Scalar(value),
            pos,
        };
        for names in &group.places {
            if let Some(place) = node_at(&mut resource.node, names) {
                place.clone_from(&group.value);
            }
        }
    }
    groups.retain(|group| group.places.len() > 1);
    resource.shared = groups;
}

/// Takes everything below a place out of what is shared.
pub(crate) fn part(resource: &mut Resource, below: &[&str]) {
    for group in &mut resource.shared {
        group.places.retain(|names| {
            let start = names.iter().take(below.len());
            !start.eq(below.iter().copied())
        });
    }
}

/// What a merge does to scalars without a type: what looks like a number or the like gets quotes, and with them a
/// type.
pub(crate) fn quote_untagged(resource: &mut Resource) {
    let mut untagged = std::mem::take(&mut resource.untagged);
    untagged.retain(|names| {
        let Some(node) = node_at(&mut resource.node, names) else {
            return false;
        };
        let Some(scalar) = node.as_scalar_mut() else {
            return false;
        };
        if !yaml::is_quoted_when_set(&scalar.text) {
            return true;
        }
        scalar.tag = Tag::Str;
        scalar.style = Style::DoubleQuoted;
        false
    });
    resource.untagged = untagged;
}

/// Lets scalars without a type pass for strings while `work` looks for those. What it does not replace is as before.
pub(crate) fn untagged_as_text<T>(
    resource: &mut Resource,
    work: impl FnOnce(&mut Resource) -> T,
) -> T {
    /// Nothing else gives a scalar this style on purpose here, and `work` makes plain ones.
    const WAITING: Style = Style::Folded;
    let untagged = std::mem::take(&mut resource.untagged);
    for names in &untagged {
        if let Some(scalar) = node_at(&mut resource.node, names).and_then(Node::as_scalar_mut) {
            (scalar.tag, scalar.style) = (Tag::Str, WAITING);
        }
    }
    let done = work(resource);
    for names in untagged {
        let scalar = node_at(&mut resource.node, &names).and_then(Node::as_scalar_mut);
        if let Some(scalar) = scalar.filter(|scalar| scalar.style == WAITING) {
            (scalar.tag, scalar.style) = (yaml::plain_tag(&scalar.text), Style::Plain);
            resource.untagged.push(names);
        }
    }
    done
}

/// Whether there is a scalar at a place.
pub(crate) fn has(root: &Node, names: &[String]) -> bool {
    scalar_at(root, names).is_some()
}

/// The names on the way to a value.
pub(crate) fn names(root: &Node, way: &[usize]) -> Names {
    let mut node = Some(root);
    let name = |position: &usize| {
        let here = node?;
        let (name, next) = match &here.kind {
            Kind::Map(map) => map
                .iter()
                .nth(*position)
                .map(|entry| (entry.key.clone(), &entry.value))?,
            Kind::Seq(items) => (position.to_string(), items.get(*position)?),
            Kind::Scalar(_) => return None,
        };
        node = Some(next);
        Some(name)
    };
    way.iter().map_while(name).collect()
}

fn collect(
    node: &mut Node,
    way: &mut Names,
    positions: &[Pos],
    found: &mut [Vec<(Names, Scalar)>],
) {
    let marked = node.pos.source == SourceId(u32::MAX);
    match &mut node.kind {
        Kind::Scalar(scalar) if marked => {
            let number = usize::try_from(node.pos.line).unwrap_or(usize::MAX);
            if let (Some(places), Some(pos)) = (found.get_mut(number), positions.get(number)) {
                places.push((way.clone(), scalar.clone()));
                node.pos = *pos;
            }
        }
        Kind::Scalar(_) => {}
        Kind::Map(map) => {
            for entry in map.iter_mut() {
                way.push(entry.key.clone());
                collect(&mut entry.value, way, positions, found);
                way.pop();
            }
        }
        Kind::Seq(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                way.push(at.to_string());
                collect(item, way, positions, found);
                way.pop();
            }
        }
    }
}

fn scalar_at<'n>(root: &'n Node, names: &[String]) -> Option<(&'n Scalar, Pos)> {
    let node = names.iter().try_fold(root, |node, name| match &node.kind {
        Kind::Map(map) => map.get(name),
        Kind::Seq(items) => items.get(name.parse::<usize>().ok()?),
        Kind::Scalar(_) => None,
    })?;
    Some((node.as_scalar()?, node.pos))
}

fn node_at<'n>(root: &'n mut Node, names: &[String]) -> Option<&'n mut Node> {
    names
        .iter()
        .try_fold(root, |node, name| match &mut node.kind {
            Kind::Map(map) => map.get_mut(name),
            Kind::Seq(items) => items.get_mut(name.parse::<usize>().ok()?),
            Kind::Scalar(_) => None,
        })
}

#[cfg(test)]
mod tests {
    use krm::{Map, Pos};

    use super::*;

    fn map(entries: &[(&str, Node)]) -> Node {
        let mut map = Map::new();
        for (key, value) in entries {
            map.push(*key, value.clone());
        }
        Node::map(map, Pos::default())
    }

    fn resource() -> Resource {
        let value = || Node::string("a", mark(0));
        let mut resource = Resource::new(map(&[
            ("metadata", map(&[("app", value())])),
            ("spec", map(&[("app", value())])),
        ]));
        unmark(&mut resource, &[Pos::default()]);
        resource
    }

    #[test]
    fn a_change_in_one_place_reaches_the_other() {
        let mut resource = resource();
        let place = resource.node.at_mut(&["metadata", "app"]).expect("a label");
        *place = Node::string("b", Pos::default());
        sync(&mut resource);
        assert_eq!(resource.node.text_at(&["spec", "app"]), Some("b"));
    }

    #[test]
    fn a_place_that_goes_leaves_the_other_alone() {
        let mut resource = resource();
        let metadata = resource.node.get_mut("metadata").expect("a map");
        metadata.as_map_mut().expect("a map").remove("app");
        sync(&mut resource);
        assert!(resource.shared.is_empty());
        assert_eq!(resource.node.text_at(&["spec", "app"]), Some("a"));
    }

    #[test]
    fn marks_do_not_stay() {
        let resource = resource();
        let pos = resource.node.at(&["spec", "app"]).map(|node| node.pos);
        assert_eq!(pos, Some(Pos::default()));
    }
}
