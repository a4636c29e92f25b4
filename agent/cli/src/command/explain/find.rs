//! Finds the object and the fields that the user names, or the names that are nearest.

use std::collections::BTreeSet;

use render::Object;

use super::fields::Leaf;
use crate::error::Explain;

/// How many near names are offered.
const OFFERED: usize = 3;

/// There is not exactly what was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum FindError {
    /// Not a name of an object.
    #[error("`{0}` does not name an object")]
    Malformed(String),
    /// No object has the name.
    #[error("{overlay} has no object {asked}")]
    NoObject {
        /// What was asked for.
        asked: String,
        /// Where.
        overlay: String,
        /// What it could have been.
        near: Vec<String>,
    },
    /// Several objects have the name.
    #[error("{asked} could be {} objects", .all.len())]
    Several {
        /// What was asked for.
        asked: String,
        /// Who has the name.
        all: Vec<String>,
    },
    /// The object has no such field.
    #[error("{object} has no field `{asked}`")]
    NoField {
        /// The object.
        object: String,
        /// What was asked for.
        asked: String,
        /// What it could have been.
        near: Vec<String>,
    },
}

impl Explain for FindError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Malformed(_) => {
                "say KIND/NAME, such as Deployment/web, or KIND/NAMESPACE/NAME".to_owned()
            }
            Self::NoObject { near, overlay, .. } if near.is_empty() => {
                format!("`driftless render {overlay}` prints its objects")
            }
            Self::NoField { near, object, .. } if near.is_empty() => {
                format!("without a field, `driftless explain {object}` tells all it has")
            }
            Self::NoObject { near, .. } | Self::NoField { near, .. } => {
                format!("did you mean {}?", listed(near, " or "))
            }
            Self::Several { all, .. } => format!("say which: {}", listed(all, ", ")),
        })
    }
}

/// The object called `asked`.
pub(super) fn object<'a>(
    objects: &'a [Object],
    asked: &str,
    overlay: &str,
) -> Result<&'a Object, FindError> {
    let parts: Vec<&str> = asked.split('/').collect();
    let (kind, namespace, name) = match parts[..] {
        [kind, name] => (kind, None, name),
        [kind, namespace, name] => (kind, Some(namespace), name),
        _ => return Err(FindError::Malformed(asked.to_owned())),
    };
    if parts.contains(&"") {
        return Err(FindError::Malformed(asked.to_owned()));
    }
    let mut found = objects.iter().filter(|object| {
        object.id.kind.eq_ignore_ascii_case(kind)
            && object.id.name == name
            && namespace.is_none_or(|namespace| object.id.namespace == namespace)
    });
    let asked = asked.to_owned();
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        (Some(one), Some(two)) => {
            let all = [one, two].into_iter().chain(found);
            let all = all.map(|object| object.id.to_string()).collect();
            Err(FindError::Several { asked, all })
        }
        (None, _) => Err(FindError::NoObject {
            near: near_objects(objects, kind, name),
            overlay: overlay.to_owned(),
            asked,
        }),
    }
}

/// The leaves that `asked` names: itself, or all that is below it.
pub(super) fn fields<'a>(
    leaves: Vec<Leaf<'a>>,
    asked: Option<&str>,
    object: &str,
) -> Result<Vec<Leaf<'a>>, FindError> {
    let Some(asked) = asked else {
        return Ok(leaves);
    };
    let found: Vec<_> = leaves
        .iter()
        .filter(|leaf| leaf.is_in(asked))
        .cloned()
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let all: BTreeSet<String> = leaves.iter().flat_map(Leaf::way).collect();
    let far = |field: &String| strsim::damerau_levenshtein(field, asked);
    Err(FindError::NoField {
        near: nearest(all.into_iter().map(|field| (far(&field), field)), asked),
        object: object.to_owned(),
        asked: asked.to_owned(),
    })
}

/// The objects whose kind and name are near. A name that prefixes, suffixes and hashes were put around is near, too.
fn near_objects(objects: &[Object], kind: &str, name: &str) -> Vec<String> {
    let asked = format!("{kind}/{name}").to_lowercase();
    let ranked = objects.iter().map(|object| {
        let full = format!("{}/{}", object.id.kind, object.id.name).to_lowercase();
        let same_kind = object.id.kind.eq_ignore_ascii_case(kind);
        let far = match object.id.name.contains(name) && same_kind {
            true => 0,
            false => strsim::damerau_levenshtein(&full, &asked),
        };
        (far, object.id.to_string())
    });
    nearest(ranked, &asked)
}

/// The nearest names, if any is near enough to be meant.
fn nearest(ranked: impl Iterator<Item = (usize, String)>, asked: &str) -> Vec<String> {
    let limit = 1 + asked.len() / 4;
    let mut near: Vec<_> = ranked.filter(|(far, _)| *far <= limit).collect();
    near.sort();
    near.truncate(OFFERED);
    near.into_iter().map(|(_, name)| name).collect()
}

fn listed(names: &[String], joint: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(joint)
}
