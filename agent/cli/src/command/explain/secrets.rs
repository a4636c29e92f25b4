//! Which values are secret.

use std::collections::BTreeSet;

use krm::{Node, Pos};
use render::Object;

use super::fields::{self, Leaf};

/// What stands for a secret.
pub(super) const MASK: &str = "***";
/// What `kubectl apply` writes; it holds the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The places that secrets are from: a replacement may have copied one into an object that is none.
pub(super) struct Secrets(BTreeSet<Pos>);

impl Secrets {
    /// The values of all Secrets among `objects`.
    pub(super) fn of(objects: &[Object]) -> Self {
        let secrets = objects.iter().filter(|object| is_secret(&object.node));
        let leaves = secrets.flat_map(|object| fields::leaves(&object.node));
        let values = leaves.filter(is_value).map(|leaf| leaf.node.pos);
        Self(values.filter(|pos| pos.line > 0).collect())
    }

    /// Whether this value of `object` is one of them.
    pub(super) fn hold(&self, object: &Node, leaf: &Leaf<'_>) -> bool {
        match is_secret(object) {
            true => is_value(leaf),
            false => self.0.contains(&leaf.node.pos),
        }
    }
}

fn is_secret(object: &Node) -> bool {
    object.object_kind() == "Secret"
}

fn is_value(leaf: &Leaf<'_>) -> bool {
    let mut names = leaf.names();
    match names.next() {
        Some("data" | "stringData") => true,
        Some("metadata") => names.eq(["annotations", LAST_APPLIED]),
        _ => false,
    }
}
