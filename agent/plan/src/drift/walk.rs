//! Walks what git asks for beside our set of fields and everybody else's.

use serde_json::{Map, Value};

use super::{
    Author, LostField,
    cursor::Cursor,
    entry::{Entry, newest_after},
    items::{Items, Label},
    path::{Field, Path},
};

/// What is being walked.
struct Walk<'a> {
    others: &'a [&'a Entry<'a>],
    own_time: Option<&'a str>,
    path: Path,
    lost: Vec<LostField>,
}

/// Where a walk stands in our set and, in the order of the entries, in the others'.
struct Place<'a> {
    own: Cursor<'a>,
    others: Vec<Cursor<'a>>,
}

/// The fields of `desired` that `own` no longer has.
pub(super) fn lost(
    desired: &Value,
    own: Option<&Entry<'_>>,
    others: &[&Entry<'_>],
) -> Vec<LostField> {
    let Some(object) = desired.as_object() else {
        return Vec::new();
    };
    let mut walk = Walk {
        others,
        own_time: own.and_then(|own| own.author.time.as_deref()),
        path: Path::default(),
        lost: Vec::new(),
    };
    let place = Place {
        own: own.map_or(Cursor::Nothing, |own| Cursor::Here(own.fields)),
        others: others.iter().map(|e| Cursor::Here(e.fields)).collect(),
    };
    for (key, value) in object {
        match (key.as_str(), value) {
            // What an object is called is nobody's field.
            ("apiVersion" | "kind", _) => {}
            ("metadata", Value::Object(metadata)) => {
                walk.metadata(metadata, &place.down("f:metadata"));
            }
            _ => walk.field(key, value, &place),
        }
    }
    walk.lost
}

impl<'a> Walk<'a> {
    fn metadata(&mut self, metadata: &Map<String, Value>, place: &Place<'a>) {
        self.step(&Field("metadata"), |walk| {
            for (key, value) in metadata {
                if !matches!(key.as_str(), "name" | "namespace") {
                    walk.field(key, value, place);
                }
            }
        });
    }

    fn field(&mut self, key: &str, value: &Value, place: &Place<'a>) {
        let below = place.down(&format!("f:{key}"));
        self.step(&Field(key), |walk| walk.value(value, &below));
    }

    fn value(&mut self, value: &Value, place: &Place<'a>) {
        match value {
            _ if place.is_lost_whole(value) => self.note(place),
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.field(key, value, place);
                }
            }
            Value::Array(items) if !items.is_empty() => self.items(items, place),
            _ if place.is_lost(value) => self.note(place),
            _ => {}
        }
    }

    fn items(&mut self, items: &[Value], place: &Place<'a>) {
        if place.own.is_leaf() || matches!(place.own, Cursor::Above) {
            return;
        }
        let own = Items::read(place.own.fields());
        let others: Vec<_> = place
            .others
            .iter()
            .map(|o| Items::read(o.fields()))
            .collect();
        let all = std::iter::once(&own).chain(&others);
        let names = all.map(Items::names).find(|names| !names.is_empty());
        for (at, item) in items.iter().enumerate() {
            let label = match own.find(item, at).and_then(Label::written) {
                Some(label) => label,
                None => Label::new(item, at, names.unwrap_or_default()),
            };
            let pairs = place.others.iter().zip(&others);
            let below = Place {
                own: place.own.item(own.find(item, at)),
                others: pairs.map(|(o, keys)| o.item(keys.find(item, at))).collect(),
            };
            let set_member = !item.is_object() && own.find(item, at).is_some();
            if !set_member {
                self.step(&label, |walk| walk.value(item, &below));
            }
        }
    }

    fn step(&mut self, step: &dyn std::fmt::Display, walk: impl FnOnce(&mut Self)) {
        let mut path = std::mem::take(&mut self.path);
        path.inside(step, |path| {
            self.path = std::mem::take(path);
            walk(self);
            *path = std::mem::take(&mut self.path);
        });
        self.path = path;
    }

    fn note(&mut self, place: &Place<'_>) {
        let path = self.path.text();
        let by = self.author(place).cloned();
        self.lost.push(LostField { path, by });
    }

    /// Whoever owns the place; the newest if several do.
    fn author(&self, place: &Place<'_>) -> Option<&'a Author> {
        let all = self.others.iter().zip(&place.others);
        let owners: Vec<_> = all
            .filter(|(_, cursor)| !matches!(cursor, Cursor::Nothing))
            .map(|(entry, _)| *entry)
            .collect();
        let owner = owners.iter().map(|entry| &entry.author);
        owner
            .max_by_key(|author| author.time.as_deref())
            .or_else(|| newest_after(self.others, self.own_time))
    }
}

impl Place<'_> {
    fn down(&self, key: &str) -> Self {
        Self {
            own: self.own.down(key),
            others: self.others.iter().map(|other| other.down(key)).collect(),
        }
    }

    /// True for a branch of which nothing is ours and that needs no closer look: somebody owns it as one
    /// piece, or nobody owns any of it.
    fn is_lost_whole(&self, value: &Value) -> bool {
        let size = match value {
            Value::Object(map) => map.len(),
            Value::Array(items) => items.len(),
            _ => return false,
        };
        let piece = self.others.iter().any(|other| other.is_leaf());
        let nobody = !self.others.iter().any(|other| other.is_here());
        matches!(self.own, Cursor::Nothing) && size > 0 && (piece || nobody && size > 1)
    }

    fn is_lost(&self, value: &Value) -> bool {
        let theirs = self.others.iter().any(|other| other.is_here());
        match self.own {
            Cursor::Here(_) => false,
            // One piece would have no owners below it: so it is not, and this part is theirs.
            Cursor::Above => theirs,
            // The API server may not keep what says nothing, so that it was never ours.
            Cursor::Nothing => theirs || !is_empty(value),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
