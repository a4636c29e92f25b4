//! Finds the items of a list in a set of fields.
//!
//! The API server names an item by its keys with defaults filled in,
//! `k:{"containerPort":80,"protocol":"TCP"}`, although git may say no protocol; by its value, `v:"red"`; or by
//! its place, `i:0`.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::entry::Fields;

/// The items one set of fields names at one list.
#[derive(Debug, Default)]
pub(super) struct Items<'a> {
    /// By their keys, normalised, to the key as written.
    keyed: BTreeMap<String, (Map<String, Value>, &'a str)>,
    /// The names of the keys.
    names: Vec<String>,
    fields: Option<&'a Fields>,
}

/// How an item is written in a path: `[name=web]`, `["red"]`, `[2]`.
pub(super) enum Label {
    Keys(Vec<(String, Value)>),
    Value(Value),
    Place(usize),
}

impl<'a> Items<'a> {
    /// The items named in `fields`.
    pub(super) fn read(fields: Option<&'a Fields>) -> Self {
        let mut items = Self {
            fields,
            ..Self::default()
        };
        for written in fields.into_iter().flat_map(Map::keys) {
            let Some(keys) = keys_of(written) else {
                continue;
            };
            if items.names.is_empty() {
                items.names = keys.keys().cloned().collect();
            }
            items.keyed.insert(normal(&keys), (keys, written));
        }
        items
    }

    /// The names of the keys that tell items apart, if it is such a list.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The key under which `item`, at `place` in git's list, is named.
    pub(super) fn find(&self, item: &Value, place: usize) -> Option<&'a str> {
        let fields = self.fields?;
        match item {
            Value::Object(item) => self.find_keyed(item),
            scalar => named(fields, &format!("v:{scalar}")),
        }
        .or_else(|| named(fields, &format!("i:{place}")))
    }

    fn find_keyed(&self, item: &Map<String, Value>) -> Option<&'a str> {
        let keys: Map<String, Value> = self
            .names
            .iter()
            .filter_map(|name| Some((name.clone(), item.get(name)?.clone())))
            .collect();
        if keys.is_empty() {
            return None;
        }
        if keys.len() == self.names.len() {
            return self.keyed.get(&normal(&keys)).map(|(_, written)| *written);
        }
        // Git leaves out a key that has a default: whatever the other keys fit.
        let fits = |full: &Map<String, Value>| keys.iter().all(|(k, v)| full.get(k) == Some(v));
        let mut fitting = self.keyed.values().filter(|(full, _)| fits(full));
        fitting.next().map(|(_, written)| *written)
    }
}

impl Label {
    /// For an item whose keys have these names.
    pub(super) fn new(item: &Value, place: usize, names: &[String]) -> Self {
        let fallback = ["name".to_owned()];
        let names = if names.is_empty() { &fallback } else { names };
        let keys = names
            .iter()
            .filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
        match (item, keys.collect::<Vec<_>>()) {
            (Value::Object(_), keys) if !keys.is_empty() => Self::Keys(keys),
            (Value::Object(_) | Value::Array(_), _) => Self::Place(place),
            (scalar, _) => Self::Value(scalar.clone()),
        }
    }

    /// For an item that is named `written` in a set of fields.
    pub(super) fn written(written: &str) -> Option<Self> {
        if let Some(keys) = keys_of(written) {
            return Some(Self::Keys(keys.into_iter().collect()));
        }
        let (kind, rest) = written.split_once(':')?;
        match kind {
            "v" => serde_json::from_str(rest).ok().map(Self::Value),
            "i" => rest.parse().ok().map(Self::Place),
            _ => None,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => write!(f, "[{place}]"),
            Self::Value(value) => write!(f, "[{value}]"),
            Self::Keys(keys) => {
                let keys = keys.iter().map(|(name, value)| match value {
                    Value::String(text) => format!("{name}={text}"),
                    other => format!("{name}={other}"),
                });
                write!(f, "[{}]", keys.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// True if `item` fits the keys, where git says them.
pub(super) fn fits(item: &Value, keys: &[(String, Value)]) -> bool {
    let said = |name: &String| item.get(name);
    keys.iter()
        .all(|(name, value)| said(name).is_none_or(|said| said == value))
        && keys.iter().any(|(name, _)| said(name).is_some())
}

fn keys_of(written: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(written.strip_prefix("k:")?).ok()
}

fn normal(keys: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = keys.iter().collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

fn named<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields.get_key_value(key).map(|(key, _)| key.as_str())
}
