//! What an environment may not touch, whatever the API server would let it.
//!
//! With a service account of its own, that account's rights decide. Without one it borrows the agent's, which
//! reach far; so then it keeps to its target namespace and to what lives in none.

use krm::ObjectId;

use super::{Desired, Desires, Refusal, RefusalReason, words};

/// How far an environment reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// As far as the rights that it was given.
    Given,
    /// These namespaces, of which the first is the target, and objects without one.
    Namespaces(&'a [String]),
}

/// Moves objects that are out of reach to the refused ones.
pub fn restrict(desires: &mut Desires, reach: Reach<'_>) {
    let mut far = split(&mut desires.objects, reach);
    let hooks = split(&mut desires.hooks, reach);
    desires.lacks_hooks |= !hooks.is_empty();
    far.extend(hooks);
    let refusals = far.iter().filter_map(|object| {
        let message = beyond(&object.id, reach)?;
        Some(Refusal::of(object, (RefusalReason::OutOfReach, message)))
    });
    desires.refused.extend(refusals);
}

/// Takes out what is out of reach.
fn split(objects: &mut Vec<Desired>, reach: Reach<'_>) -> Vec<Desired> {
    let (near, far) = std::mem::take(objects)
        .into_iter()
        .partition(|object| beyond(&object.id, reach).is_none());
    *objects = near;
    far
}

fn beyond(id: &ObjectId, reach: Reach<'_>) -> Option<String> {
    if id.group == words::GROUP && id.kind == "Inventory" {
        return Some(
            "is the agent's own record of what it has made; take it out of git".to_owned(),
        );
    }
    match reach {
        Reach::Namespaces(all) if !id.namespace.is_empty() && !all.contains(&id.namespace) => {
            let target = all.first().map_or("", String::as_str);
            let message = format!(
                "is in namespace {}, and the target is {target}; to reach further, name a service account with the rights for it in spec.target.serviceAccountName",
                id.namespace
            );
            Some(message)
        }
        Reach::Namespaces(_) | Reach::Given => None,
    }
}
