//! How an id is written in a stored inventory.

use krm::ObjectId;

/// A stored id that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form <group>/<kind>/<namespace>/<name>")]
pub struct BadKey(pub String);

/// `<group>/<kind>/<namespace>/<name>`; group and namespace may be empty.
pub fn key(id: &ObjectId) -> String {
    format!("{}/{}/{}/{}", id.group, id.kind, id.namespace, id.name)
}

/// Reads what [`key`] has written.
pub fn parse(text: &str) -> Result<ObjectId, BadKey> {
    let bad = || BadKey(text.to_owned());
    let mut parts = text.split('/').map(str::to_owned);
    let mut next = || parts.next().ok_or_else(bad);
    let (group, kind, namespace, name) = (next()?, next()?, next()?, next()?);
    if kind.is_empty() || name.is_empty() || parts.next().is_some() {
        return Err(bad());
    }
    Ok(ObjectId {
        group,
        kind,
        namespace,
        name,
    })
}
