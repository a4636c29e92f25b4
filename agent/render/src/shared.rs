//! Values that stand in several places of one object at once.
//!
//! Where kustomize sets a label in metadata, in a selector and in a template by one setting, it puts the *same*
//! value there three times; whoever changes it in one place later, by a patch, another label or a replacement,
//! changes it everywhere. Users see this, so it is kept: [`Shared`] names the places of one object, and
//! [`Shared::sync`] carries a change from one to the others. A way through JSON ends it.

use krm::{Entry, Kind, Node, Pos, Scalar, SourceId, Style, Tag, yaml};

/// The way to a value by names; positions of items are written as numbers.
pub(crate) type Names = Vec<String>;

/// What is known about places in one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    groups: Vec<Group>,
}

/// Places that hold one value.
#[derive(Clone, Debug)]
struct Group {
    places: Vec<Names>,
    value: Node,
}

impl Shared {
    /// Finds the marked values of an object, gives them their real positions, and notes those that stand in more than
    /// one place.
    pub(crate) fn unmark(&mut self, object: &mut Node, positions: &[Pos]) {
        let mut found: Vec<Vec<(Names, Scalar)>> = vec![Vec::new(); positions.len()];
        collect(object, &mut Vec::new(), positions, &mut found);
        for places in found.into_iter().filter(|places| places.len() > 1) {
            let value = Node {
                kind: Kind::Scalar(places[0].1.clone()),
                pos: Pos::default(),
                note: None,
            };
            let places = places.into_iter().map(|(names, _)| names).collect();
            self.groups.push(Group { places, value });
        }
    }

    /// Carries what has changed in one place to the others. Of several changes the one furthest back counts, since
    /// kustomize goes through an object in the order of its keys.
    pub(crate) fn sync(&mut self, object: &mut Node) {
        self.carry(object, |_, _| {});
    }

    /// The same after a merge. It puts quotes around what it passes by, and so around a value that it has set before
    /// in another place.
    pub(crate) fn sync_merged(&mut self, object: &mut Node) {
        self.carry(object, |scalar, passed| {
            let bare = scalar.tag == Tag::Str && scalar.style == Style::Plain;
            if passed && bare && yaml::is_quoted_when_set(&scalar.text) {
                scalar.style = Style::DoubleQuoted;
            }
        });
    }

    /// `finish` is told of each value that changed whether other places of it come after the one that was set.
    fn carry(&mut self, object: &mut Node, finish: impl Fn(&mut Scalar, bool)) {
        for group in &mut self.groups {
            let node = &*object;
            group
                .places
                .retain(|names| scalar_at(node, names).is_some());
            let changed = group.places.iter().filter_map(|names| {
                let (scalar, pos) = scalar_at(node, names)?;
                // A merge may have put quotes around some of them; that is no change.
                let same = |old: &Scalar| old.text == scalar.text && old.tag == scalar.tag;
                let changed = !group.value.as_scalar().is_some_and(same);
                changed.then(|| (names, scalar.clone(), pos))
            });
            let Some((set, mut value, pos)) = changed.max_by(|(a, ..), (b, ..)| a.cmp(b)) else {
                continue;
            };
            finish(&mut value, group.places.iter().any(|place| place > set));
            group.value = Node {
                kind: Kind::Scalar(value),
                pos,
                note: None,
            };
            for names in &group.places {
                if let Some(place) = node_at(object, names) {
                    place.clone_from(&group.value);
                }
            }
        }
        self.groups.retain(|group| group.places.len() > 1);
    }

    /// Takes everything below a place out of what is shared.
    pub(crate) fn part(&mut self, below: &[&str]) {
        for group in &mut self.groups {
            group.places.retain(|names| {
                let start = names.iter().take(below.len());
                !start.eq(below.iter().copied())
            });
        }
    }
}

/// Marks a value that was just made and may be shared; no file has this number.
pub(crate) fn mark(number: usize) -> Pos {
    Pos {
        source: SourceId(u32::MAX),
        line: u32::try_from(number).unwrap_or(u32::MAX),
    }
}

/// One step on the way to a value; it becomes a name only if there is something at the end of the way.
#[derive(Clone, Copy)]
enum Step<'n> {
    Key(&'n str),
    Item(usize),
}

impl Step<'_> {
    fn name(self) -> String {
        match self {
            Self::Key(key) => key.to_owned(),
            Self::Item(at) => at.to_string(),
        }
    }
}

fn collect<'n>(
    node: &'n mut Node,
    way: &mut Vec<Step<'n>>,
    positions: &[Pos],
    found: &mut [Vec<(Names, Scalar)>],
) {
    let marked = node.pos.source == SourceId(u32::MAX);
    match &mut node.kind {
        Kind::Scalar(scalar) if marked => {
            let number = usize::try_from(node.pos.line).unwrap_or(usize::MAX);
            if let (Some(places), Some(pos)) = (found.get_mut(number), positions.get(number)) {
                let names = way.iter().map(|step| step.name()).collect();
                places.push((names, scalar.clone()));
                node.pos = *pos;
            }
        }
        Kind::Scalar(_) => {}
        Kind::Map(map) => {
            for Entry { key, value } in map.iter_mut() {
                way.push(Step::Key(key));
                collect(value, way, positions, found);
                way.pop();
            }
        }
        Kind::Seq(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                way.push(Step::Item(at));
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

    fn object() -> (Node, Shared) {
        let value = || Node::string("a", mark(0));
        let mut object = map(&[
            ("metadata", map(&[("app", value())])),
            ("spec", map(&[("app", value())])),
        ]);
        let mut shared = Shared::default();
        shared.unmark(&mut object, &[Pos::default()]);
        (object, shared)
    }

    #[test]
    fn a_merge_quotes_what_it_passes_by() {
        let styles = |set: &str| {
            let (mut object, mut shared) = object();
            let plain = Node::scalar("y", Tag::Str, Style::Plain, Pos::default());
            *object.at_mut(&[set, "app"]).expect("a label") = plain;
            shared.sync_merged(&mut object);
            ["metadata", "spec"].map(|part| {
                object
                    .at(&[part, "app"])
                    .unwrap()
                    .as_scalar()
                    .unwrap()
                    .style
            })
        };
        assert_eq!(styles("metadata"), [Style::DoubleQuoted; 2]);
        assert_eq!(styles("spec"), [Style::Plain; 2]);
    }

    #[test]
    fn a_change_in_one_place_reaches_the_other() {
        let (mut object, mut shared) = object();
        let place = object.at_mut(&["metadata", "app"]).expect("a label");
        *place = Node::string("b", Pos::default());
        shared.sync(&mut object);
        assert_eq!(object.text_at(&["spec", "app"]), Some("b"));
    }

    #[test]
    fn a_place_that_goes_leaves_the_other_alone() {
        let (mut object, mut shared) = object();
        let metadata = object.get_mut("metadata").expect("a map");
        metadata.as_map_mut().expect("a map").remove("app");
        shared.sync(&mut object);
        assert!(shared.groups.is_empty());
        assert_eq!(object.text_at(&["spec", "app"]), Some("a"));
    }

    #[test]
    fn marks_do_not_stay() {
        let (object, _) = object();
        let pos = object.at(&["spec", "app"]).map(|node| node.pos);
        assert_eq!(pos, Some(Pos::default()));
    }
}
