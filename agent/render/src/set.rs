//! The objects of a layer, in order, with an index by id.
//!
//! Order is the order of reading and reaches the output. The index only answers "who is called that"; it is
//! built when first asked, grows with [`ObjectSet::append`], and is dropped by every change in place.

use std::collections::{HashMap, hash_map::Entry};

use krm::schema::Schema;

use crate::{
    problem::{Outcome, Problem},
    resource::{Id, Resource},
};

/// An ordered set of objects; no two have the same current id.
#[derive(Debug, Default)]
pub(crate) struct ObjectSet {
    items: Vec<Resource>,
    index: Option<Index>,
}

#[derive(Debug, Default)]
struct Index {
    current: HashMap<Key, usize>,
    /// Current and former ids; each object at most once under a key. Made when first asked for.
    any: Option<HashMap<Key, Vec<usize>>>,
}

/// An id in one string.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key(String);

impl ObjectSet {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.items.iter()
    }

    /// The objects, to be changed in place. Ids may change.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Resource> {
        self.items_mut().iter_mut()
    }

    pub(crate) fn as_slice(&self) -> &[Resource] {
        &self.items
    }

    /// The objects as they stand. Whoever changes ids calls [`ObjectSet::check_unique`] where kustomize does.
    pub(crate) fn items_mut(&mut self) -> &mut Vec<Resource> {
        self.index = None;
        &mut self.items
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> &mut Resource {
        &mut self.items_mut()[at]
    }

    pub(crate) fn into_vec(self) -> Vec<Resource> {
        self.items
    }

    /// Adds an object at the end; its id must be new.
    pub(crate) fn append(&mut self, resource: Resource, schema: &Schema) -> Outcome {
        let at = self.items.len();
        let index = self.index(schema);
        let taken = match index.current.entry(Key::of(resource.id(schema))) {
            Entry::Vacant(vacant) => {
                vacant.insert(at);
                None
            }
            Entry::Occupied(other) => Some(*other.get()),
        };
        if let Some(other) = taken {
            return Err(clash(&resource, &self.items[other], schema).into());
        }
        if let Some(any) = index.any.as_mut() {
            add_any(any, at, &resource, schema);
        }
        self.items.push(resource);
        Ok(())
    }

    /// Adds objects at the end; their ids must be new.
    pub(crate) fn append_all(
        &mut self,
        resources: impl IntoIterator<Item = Resource>,
        schema: &Schema,
    ) -> Outcome {
        resources
            .into_iter()
            .try_for_each(|resource| self.append(resource, schema))
    }

    /// The objects that have or had this id, in order.
    pub(crate) fn find_any(&mut self, id: Id<'_>, schema: &Schema) -> &[usize] {
        self.index(schema);
        let items = &self.items;
        let index = self.index.get_or_insert_default();
        let any = index.any.get_or_insert_with(|| {
            let mut any = HashMap::new();
            for (at, resource) in items.iter().enumerate() {
                add_any(&mut any, at, resource, schema);
            }
            any
        });
        any.get(&Key::of(id)).map_or(&[], Vec::as_slice)
    }

    /// Puts `resource` in the place of another.
    pub(crate) fn replace(&mut self, at: usize, resource: Resource) {
        self.items_mut()[at] = resource;
    }

    /// Drops objects that patches have deleted.
    pub(crate) fn drop_gone(&mut self) {
        if self.items.iter().any(Resource::is_gone) {
            self.items_mut().retain(|resource| !resource.is_gone());
        }
    }

    /// That no two objects have the same current id.
    pub(crate) fn check_unique(&mut self, schema: &Schema) -> Outcome {
        self.index = None;
        let mut seen = HashMap::with_capacity(self.items.len());
        for resource in &self.items {
            if let Some(other) = seen.insert(resource.id(schema), resource) {
                return Err(clash(resource, other, schema).into());
            }
        }
        Ok(())
    }

    fn index(&mut self, schema: &Schema) -> &mut Index {
        let items = &self.items;
        self.index.get_or_insert_with(|| {
            let keys = items.iter().map(|resource| Key::of(resource.id(schema)));
            Index {
                current: keys.zip(0..).collect(),
                any: None,
            }
        })
    }
}

fn add_any(any: &mut HashMap<Key, Vec<usize>>, at: usize, resource: &Resource, schema: &Schema) {
    for id in resource.all_ids(schema) {
        let found = any.entry(Key::of(id)).or_default();
        if found.last() != Some(&at) {
            found.push(at);
        }
    }
}

impl Key {
    fn of(id: Id<'_>) -> Self {
        let parts = [id.group, id.version, id.kind, id.namespace, id.name];
        Self(parts.join("\0"))
    }
}

fn clash(resource: &Resource, other: &Resource, schema: &Schema) -> Problem {
    let id = resource.id(schema).describe();
    let line = other.pos().line;
    let same_file = resource.pos().source == other.pos().source;
    let place = match (same_file, line) {
        (_, 0) => "by a generator".to_owned(),
        (true, line) => format!("on line {line}"),
        (false, _) => "in another file".to_owned(),
    };
    Problem::at(
        resource.pos(),
        format!("{id} is already there, defined {place}"),
    )
    .hint("rename one of the two, or change the first by a patch instead of a second definition")
}
