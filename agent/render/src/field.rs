//! Places in objects that transformers know of: a path such as `spec/template/spec/containers[]/image`, for
//! objects of some group, version and kind.
//!
//! A path is walked as it is read, without being split first: most paths end at the first or second step, and
//! every object meets dozens of them.

use std::borrow::Cow;

use krm::{Kind, Map, Node, Pos};

use crate::problem::Problem;

/// A path for objects of some type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    /// Empty for any.
    pub(crate) group: Cow<'static, str>,
    /// Empty for any.
    pub(crate) version: Cow<'static, str>,
    /// Empty for any.
    pub(crate) kind: Cow<'static, str>,
    /// Names joined by `/`; `\/` is a slash in a name, `[]` after a name says that a list is expected.
    pub(crate) path: Cow<'static, str>,
    /// Whether to make what is missing on the way.
    pub(crate) create: bool,
}

/// What a missing or null field is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    /// Nothing is made, whatever the spec says.
    Nothing,
    /// A scalar.
    Scalar,
    /// A map.
    Map,
}

impl FieldSpec {
    /// True if the object's type is one this spec is for.
    pub(crate) fn fits(&self, object: &Node) -> bool {
        if !self.kind.is_empty() && self.kind != object.object_kind() {
            return false;
        }
        if self.group.is_empty() && self.version.is_empty() {
            return true;
        }
        let (group, version) = krm::split_api_version(object.api_version());
        matches(&self.group, group) && matches(&self.version, version)
    }

    /// Calls `set` on every value at the path, if the spec is for this object. What is made on the way is made
    /// at `pos`.
    pub(crate) fn visit(
        &self,
        object: &mut Node,
        make: Make,
        pos: Pos,
        set: &mut dyn FnMut(&mut Node) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if !self.fits(object) {
            return Ok(());
        }
        let make = if self.create { make } else { Make::Nothing };
        self.walk(object, make, pos, set)
    }

    /// Calls `set` on every value that is at the path, whatever the object's type.
    pub(crate) fn visit_present(
        &self,
        object: &mut Node,
        set: &mut dyn FnMut(&mut Node) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.walk(object, Make::Nothing, Pos::default(), set)
    }

    fn walk(
        &self,
        object: &mut Node,
        make: Make,
        pos: Pos,
        set: &mut dyn FnMut(&mut Node) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut walk = Walk {
            spec: self,
            make,
            pos,
            set,
        };
        walk.step(object, Some(start(&self.path)))
    }
}

struct Walk<'a> {
    spec: &'a FieldSpec,
    make: Make,
    pos: Pos,
    set: &'a mut dyn FnMut(&mut Node) -> Result<(), Problem>,
}

impl Walk<'_> {
    fn step(&mut self, node: &mut Node, path: Option<&str>) -> Result<(), Problem> {
        let Some(path) = path else {
            return (self.set)(node);
        };
        let pos = node.pos;
        match &mut node.kind {
            Kind::Map(map) => self.field(map, path, pos),
            Kind::Seq(items) => items
                .iter_mut()
                .try_for_each(|item| self.step(item, Some(path))),
            Kind::Scalar(scalar) if scalar.tag == krm::Tag::Null => Ok(()),
            Kind::Scalar(_) => Err(Problem::at(
                pos,
                format!(
                    "a map or list is needed here, on the way to `{}`",
                    self.spec.path
                ),
            )),
        }
    }

    fn field(&mut self, map: &mut Map, path: &str, pos: Pos) -> Result<(), Problem> {
        let (name, rest) = split_first(path);
        let (name, is_list) = match name.strip_suffix("[]") {
            Some(shorter) => (Cow::Owned(shorter.to_owned()), true),
            None => (name, false),
        };
        if name.is_empty() {
            let text = format!("the field path `{}` has an empty part", self.spec.path);
            return Err(Problem::at(pos, text));
        }
        let make = match (self.make, is_list, rest) {
            (Make::Nothing, ..) | (_, true, _) => Make::Nothing,
            (make, _, None) => make,
            _ => Make::Map,
        };
        match map.get_mut(&name) {
            Some(value) if value.is_null() => {
                if is_list {
                    // A null where a list is expected becomes an empty list, even in the output.
                    value.kind = Kind::Seq(Vec::new());
                } else if let Some(made) = self.made(make) {
                    *value = made;
                }
                self.step(value, rest)
            }
            Some(value) => self.step(value, rest),
            None => match self.made(make) {
                Some(mut made) => {
                    self.step(&mut made, rest)?;
                    map.push(name, made);
                    Ok(())
                }
                None => Ok(()),
            },
        }
    }

    fn made(&self, make: Make) -> Option<Node> {
        match make {
            Make::Nothing => None,
            Make::Scalar => Some(Node::string("", self.pos)),
            Make::Map => Some(Node::map(Map::new(), self.pos)),
        }
    }
}

fn matches(wanted: &str, found: &str) -> bool {
    wanted.is_empty() || wanted == found
}

/// A leading slash is allowed.
fn start(path: &str) -> &str {
    match path.strip_prefix('/') {
        Some(rest) if !rest.is_empty() => rest,
        _ => path,
    }
}

/// The first name of a path and what follows it.
pub(crate) fn split_first(path: &str) -> (Cow<'_, str>, Option<&str>) {
    match path.split_once('/') {
        None => (Cow::Borrowed(path), None),
        Some((name, rest)) if !name.ends_with('\\') => (Cow::Borrowed(name), Some(rest)),
        Some((name, rest)) => {
            let (more, rest) = split_first(rest);
            let head = &name[..name.len() - 1];
            (Cow::Owned(format!("{head}/{more}")), rest)
        }
    }
}

/// An entry of a built-in table.
pub(crate) const fn spec(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    path: &'static str,
    create: bool,
) -> FieldSpec {
    FieldSpec {
        group: Cow::Borrowed(group),
        version: Cow::Borrowed(version),
        kind: Cow::Borrowed(kind),
        path: Cow::Borrowed(path),
        create,
    }
}
