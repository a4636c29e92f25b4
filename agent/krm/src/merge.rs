//! Strategic merge: a patch in the shape of an object, laid over it.
//!
//! The rules are kustomize's (kyaml's `merge2` and `walk`), not the API server's: items a patch names come
//! first, in the patch's order; `$setElementOrder` and its kind are ordinary fields; and a list without a
//! merge key is replaced. A value from the patch keeps the patch's position, all else its own; what a patch
//! only repeats, such as the names it finds its target by, was not set by it. Which object a patch is meant
//! for is not known here.

mod directive;
mod element;
mod fault;
mod keyed;
#[cfg(test)]
mod tests;

pub use fault::{MergeError, MergeProblem};

use crate::{
    Kind, Map, Node, Pos, Scalar, Style, Tag,
    schema::{ListMerge, Schema, Told, Type},
    yaml,
};
use directive::Directive;
use keyed::Source;

/// What became of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Merged {
    /// The patch is in it.
    Patched,
    /// The patch asks for the whole object to go.
    Deleted,
}

/// Lays `patch` over `target`. After an error `target` may be half patched.
pub fn merge(target: &mut Node, patch: &Node, schema: &Schema) -> Result<Merged, MergeError> {
    let told = Told::default();
    let walk = Walk {
        schema,
        told: &told,
    };
    match walk.both(target, patch, None)? {
        // `$patch: replace` for a whole object: kustomize makes the new object and then forgets it.
        Outcome::Kept | Outcome::New(_) => Ok(Merged::Patched),
        Outcome::Gone => Ok(Merged::Deleted),
    }
}

/// What a step makes of the value that was there.
enum Outcome {
    /// It stays, changed in place.
    Kept,
    /// Another takes its place.
    New(Node),
    /// It goes.
    Gone,
}

/// How a value that comes from the patch alone is read.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// The outermost value: an unknown directive is left in, a list's is not looked for.
    Outer,
    /// Anything below.
    Inner,
}

#[derive(Clone, Copy)]
struct Walk<'s> {
    schema: &'s Schema,
    told: &'s Told,
}

impl<'s> Walk<'s> {
    fn step(
        self,
        target: &mut Node,
        patch: Option<&Node>,
        known: Option<Type<'s>>,
    ) -> Result<Outcome, MergeError> {
        match patch {
            Some(patch) => self.both(target, patch, known),
            None => self.keep(target, known),
        }
    }

    fn both(
        self,
        target: &mut Node,
        patch: &Node,
        known: Option<Type<'s>>,
    ) -> Result<Outcome, MergeError> {
        let known = self.told(target).or_else(|| self.told(patch)).or(known);
        if target.is_null() {
            return self.adopt_copy(patch, known);
        }
        if patch.is_null() {
            return Ok(Outcome::Gone);
        }
        let known = known
            .or_else(|| self.embedded(target))
            .or_else(|| self.embedded(patch));
        match (&mut target.kind, &patch.kind) {
            (Kind::Map(target), Kind::Map(fields)) => self.maps(target, (patch, fields), known),
            (Kind::Seq(target), Kind::Seq(items)) => self.lists(target, (patch, items), known),
            (Kind::Scalar(before), Kind::Scalar(after)) => {
                let mut value = patch.clone();
                if before.text == after.text && before.tag == after.tag {
                    value.pos = target.pos;
                }
                Ok(Outcome::New(value))
            }
            _ => Err(MergeError::shapes(target, patch)),
        }
    }

    fn maps(
        self,
        target: &mut Map,
        (patch, fields): (&Node, &Map),
        known: Option<Type<'s>>,
    ) -> Result<Outcome, MergeError> {
        match directive::of_map(fields).map_err(|problem| MergeError::here(patch.pos, problem))? {
            Some(Directive::Delete) => Ok(Outcome::Gone),
            Some(Directive::Replace) => {
                let mut fields = fields.clone();
                fields.remove(directive::KEY);
                self.settle_fields(&mut fields, known)?;
                Ok(Outcome::New(Node::map(fields, patch.pos)))
            }
            Some(Directive::Merge) => {
                let mut fields = fields.clone();
                fields.remove(directive::KEY);
                self.merge_fields(target, &fields, known)?;
                Ok(Outcome::Kept)
            }
            None => {
                self.merge_fields(target, fields, known)?;
                Ok(Outcome::Kept)
            }
        }
    }

    fn lists(
        self,
        target: &mut Vec<Node>,
        (patch, items): (&Node, &[Node]),
        known: Option<Type<'s>>,
    ) -> Result<Outcome, MergeError> {
        let Some(list) = Merging::of(known) else {
            return Ok(Outcome::New(patch.clone()));
        };
        let found =
            directive::of_list(items).map_err(|problem| MergeError::here(patch.pos, problem))?;
        let Some((directive, word)) = found else {
            keyed::merge(self, target, Source::Other(items), &list)?;
            return Ok(Outcome::Kept);
        };
        let mut items = items.to_vec();
        directive::elide(&mut items, &word);
        match directive {
            Directive::Delete => Ok(Outcome::Gone),
            Directive::Replace => {
                keyed::merge(self, &mut items, Source::Same, &list)?;
                Ok(Outcome::New(Node::seq(items, patch.pos)))
            }
            Directive::Merge => {
                keyed::merge(self, target, Source::Other(&items), &list)?;
                Ok(Outcome::Kept)
            }
        }
    }

    fn merge_fields(
        self,
        target: &mut Map,
        patch: &Map,
        known: Option<Type<'s>>,
    ) -> Result<(), MergeError> {
        let mut added: Vec<_> = patch
            .iter()
            .filter(|entry| !target.contains(&entry.key))
            .collect();
        added.sort_by(|a, b| a.key.cmp(&b.key));
        each_field(target, |name, value| {
            self.step(value, patch.get(name), field_type(known, name))
        })?;
        for entry in added {
            let known = field_type(known, &entry.key);
            let outcome = self.adopt_copy(&entry.value, known);
            if let Outcome::New(mut value) = outcome.map_err(|error| error.within(&entry.key))? {
                // A comment beside the key is not taken along.
                if let Some(note) = &mut value.note {
                    note.types = None;
                }
                target.push(entry.key.clone(), value);
            }
        }
        Ok(())
    }

    /// A value the patch does not mention. It is walked all the same: a blank null goes, and lists lose items
    /// that share their keys with another.
    fn keep(self, value: &mut Node, known: Option<Type<'s>>) -> Result<Outcome, MergeError> {
        let known = self.told(value).or(known);
        let known = known.or_else(|| self.embedded(value));
        match &mut value.kind {
            Kind::Scalar(scalar) if is_null(scalar) && scalar.text.is_empty() => {
                return Ok(Outcome::Gone);
            }
            Kind::Scalar(scalar) => quote(scalar),
            Kind::Map(map) => {
                each_field(map, |name, value| self.keep(value, field_type(known, name)))?;
            }
            Kind::Seq(items) => {
                if let Some(list) = Merging::of(known) {
                    keyed::merge(self, items, Source::Nothing, &list)?;
                }
            }
        }
        Ok(Outcome::Kept)
    }

    fn adopt_copy(self, patch: &Node, known: Option<Type<'s>>) -> Result<Outcome, MergeError> {
        let mut value = patch.clone();
        match self.settle(&mut value, known, Reading::Outer)? {
            true => Ok(Outcome::New(value)),
            false => Ok(Outcome::Gone),
        }
    }

    /// Makes a value out of a piece of patch: nulls and directives go. False if nothing is left of it.
    fn settle(
        self,
        value: &mut Node,
        known: Option<Type<'s>>,
        reading: Reading,
    ) -> Result<bool, MergeError> {
        let known = self.told(value).or(known);
        let known = known.or_else(|| self.embedded(value));
        let pos = value.pos;
        match &mut value.kind {
            Kind::Scalar(scalar) => {
                quote(scalar);
                Ok(!is_null(scalar))
            }
            Kind::Map(fields) => {
                let found = match (directive::of_map(fields), reading) {
                    (Err(_), Reading::Outer) => None,
                    (found, _) => found.map_err(|problem| MergeError::here(pos, problem))?,
                };
                if found.is_some() {
                    fields.remove(directive::KEY);
                }
                self.settle_fields(fields, known)?;
                Ok(found != Some(Directive::Delete))
            }
            Kind::Seq(items) => self.settle_list((items, pos), known, reading),
        }
    }

    fn settle_list(
        self,
        (items, pos): (&mut Vec<Node>, Pos),
        known: Option<Type<'s>>,
        reading: Reading,
    ) -> Result<bool, MergeError> {
        let Some(list) = Merging::of(known) else {
            return Ok(true);
        };
        if reading == Reading::Inner
            && let Some((directive, word)) =
                directive::of_list(items).map_err(|problem| MergeError::here(pos, problem))?
        {
            directive::elide(items, &word);
            if directive == Directive::Delete {
                return Ok(false);
            }
        }
        keyed::merge(self, items, Source::Same, &list)?;
        Ok(true)
    }

    fn settle_fields(self, fields: &mut Map, known: Option<Type<'s>>) -> Result<(), MergeError> {
        each_field(fields, |name, value| {
            let left = self.settle(value, field_type(known, name), Reading::Inner)?;
            Ok(if left { Outcome::Kept } else { Outcome::Gone })
        })
    }

    /// The type that a comment beside the value tells.
    fn told(self, value: &Node) -> Option<Type<'s>> {
        let types = value.note.as_ref()?.types.as_ref()?;
        Some(self.told.read(types))
    }

    /// The type of an object that stands where the type says nothing.
    fn embedded(self, value: &Node) -> Option<Type<'s>> {
        let (version, kind) = (value.api_version(), value.object_kind());
        if version.is_empty() || kind.is_empty() {
            return None;
        }
        self.schema.object(version, kind)
    }
}

/// A list type whose lists merge.
struct Merging<'s> {
    /// None if items are told apart by value.
    keys: Vec<&'s str>,
    items: Option<Type<'s>>,
}

impl<'s> Merging<'s> {
    fn of(known: Option<Type<'s>>) -> Option<Self> {
        let known = known?;
        let items = known.items();
        match known.list_merge() {
            ListMerge::Replace => None,
            ListMerge::Values => Some(Self {
                keys: Vec::new(),
                items,
            }),
            ListMerge::Keyed(keys) => Some(Self { keys, items }),
        }
    }
}

fn each_field(
    map: &mut Map,
    mut step: impl FnMut(&str, &mut Node) -> Result<Outcome, MergeError>,
) -> Result<(), MergeError> {
    let mut gone = Vec::new();
    for entry in map.iter_mut() {
        let outcome = step(&entry.key, &mut entry.value);
        match outcome.map_err(|error| error.within(&entry.key))? {
            Outcome::Kept => {}
            Outcome::New(value) => replace(&mut entry.value, value),
            Outcome::Gone => gone.push(entry.key.clone()),
        }
    }
    if !gone.is_empty() {
        map.retain(|entry| !gone.contains(&entry.key));
    }
    Ok(())
}

fn field_type<'s>(known: Option<Type<'s>>, name: &str) -> Option<Type<'s>> {
    known?.field(name)
}

fn is_null(scalar: &Scalar) -> bool {
    scalar.tag == Tag::Null && !scalar.untagged
}

/// What setting a text does to its style, if it has none: quotes, where YAML 1.1 would read something else.
fn quote(scalar: &mut Scalar) {
    let bare = scalar.is_text() && scalar.style == Style::Plain;
    if bare && yaml::is_quoted_when_set(&scalar.text) {
        scalar.set_style(Style::DoubleQuoted);
    }
}

/// Sets a field that is there already. kustomize keeps the *style* of the old scalar: a number laid over a
/// quoted text becomes a quoted text.
fn replace(old: &mut Node, mut new: Node) {
    if let (Some(before), Kind::Scalar(scalar)) = (old.as_scalar(), &mut new.kind) {
        scalar.set_style(before.style);
        if scalar.style != Style::Plain && scalar.tag != Tag::Binary {
            scalar.tag = Tag::Str;
        }
    }
    old.put(new);
}
