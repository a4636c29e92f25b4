//! Reads a path as people write it, and says what is wrong with one that is none.

use std::str::FromStr;

use super::path::{FieldPath, Select, Step};

/// Why a text is no path to a field that can be left to others. Says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {fault}")]
pub struct BadPath {
    text: String,
    fault: String,
}

/// The metadata that tells one object from another, or that only a server writes.
const IDENTITY: &[&str] = &[
    "creationTimestamp",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

impl FromStr for FieldPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        steps(text)
            .and_then(|steps| check(&steps).map(|()| steps))
            .map(|steps| Self::new(text.to_owned(), steps))
            .map_err(|fault| BadPath {
                text: text.to_owned(),
                fault,
            })
    }
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let Some(mut rest) = text.strip_prefix('/') else {
        let slashed = text.trim_start_matches(['.', '$']).replace('.', "/");
        return Err(format!("does not begin with `/`; write /{slashed}"));
    };
    let mut steps = Vec::new();
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        steps.push(Step::Field(unescaped(name)?));
        rest = after;
        while let Some(inside) = rest.strip_prefix('[') {
            let (select, after) = selector(inside)?;
            steps.push(Step::Items(select));
            rest = after;
        }
        rest = match rest.strip_prefix('/') {
            Some(below) => below,
            None if rest.is_empty() => return Ok(steps),
            None => return Err(format!("goes on with {rest:?} after `]`; write `/` there")),
        };
    }
}

fn unescaped(name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("has an empty part; take one `/` out".to_owned());
    }
    let tildes = name.match_indices('~');
    for (at, _) in tildes {
        if !matches!(name.as_bytes().get(at + 1), Some(b'0' | b'1')) {
            let hint = "write ~1 for a `/` in a name, and ~0 for a `~`";
            return Err(format!("has a `~` alone; {hint}"));
        }
    }
    Ok(name.replace("~1", "/").replace("~0", "~"))
}

/// The selector that `text` begins with, and what follows its `]`.
fn selector(text: &str) -> Result<(Select, &str), String> {
    const HINT: &str = "write [name=web], [=value] or [*]";
    let Some((inside, after)) = text.split_once(']') else {
        return Err(format!("has a `[` without `]`; {HINT}"));
    };
    let select = match inside {
        "*" => Select::All,
        _ if inside.starts_with('=') => Select::Value(inside[1..].to_owned()),
        _ => {
            let keys = inside.split(',').map(|pair| {
                let (name, value) = pair.split_once('=')?;
                let (name, value) = (name.trim(), value.trim().trim_matches('"'));
                (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
            });
            let keys = keys.collect::<Option<Vec<_>>>();
            Select::Keys(keys.ok_or_else(|| format!("has [{inside}] in it; {HINT}"))?)
        }
    };
    Ok((select, after))
}

/// Refuses what is never applied, and what an object could not be kept by without.
fn check(steps: &[Step]) -> Result<(), String> {
    let names: Vec<&str> = steps
        .iter()
        .map_while(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Items(_) => None,
        })
        .collect();
    match *names.as_slice() {
        ["status", ..] => Err("is never applied; take it out".to_owned()),
        ["apiVersion" | "kind", ..] => Err("tells what the object is; take it out".to_owned()),
        ["metadata"] => {
            Err("takes in what the object is called; name the annotation or label".to_owned())
        }
        ["metadata", name, ..] if IDENTITY.contains(&name) => {
            Err("tells which object it is, or is the API server's; take it out".to_owned())
        }
        _ => last_is_no_key(steps),
    }
}

/// The key of a list item cannot be left out: without it nobody knows which item is meant.
fn last_is_no_key(steps: &[Step]) -> Result<(), String> {
    let [.., Step::Items(Select::Keys(keys)), Step::Field(last)] = steps else {
        return Ok(());
    };
    match keys.iter().any(|(name, _)| name == last) {
        true => Err(format!(
            "is what tells the item apart; leave /{last} out to mean all of the item"
        )),
        false => Ok(()),
    }
}
