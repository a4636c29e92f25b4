//! Finds objects that are written more than once.

use std::collections::BTreeMap;

use krm::ObjectId;
use serde_json::Value;

use super::{Origin, RefusalReason, Target, faults::Fault, ready, scope::RenderedScopes};

/// What is to be said about objects that have a twin, by their place in the render.
pub(super) struct Twins(BTreeMap<usize, String>);

impl Twins {
    pub(super) fn find(
        objects: &[(Value, Option<Origin>)],
        target: &Target<'_>,
        scopes: &RenderedScopes<'_>,
    ) -> Self {
        let mut places: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
        for (place, (body, _)) in objects.iter().enumerate() {
            if let Some(id) = ready::id_in_target(body, target, scopes) {
                places.entry(id).or_default().push(place);
            }
        }
        let mut said = BTreeMap::new();
        for twins in places.into_values().filter(|places| places.len() > 1) {
            for place in &twins {
                let others = twins.iter().filter(|other| *other != place);
                let others: Vec<_> = others
                    .map(|at| whereabouts(objects[*at].1.as_ref()))
                    .collect();
                said.insert(*place, others.join(" and "));
            }
        }
        Self(said)
    }

    /// The fault of the object at `place`, if it has a twin.
    pub(super) fn of(&self, place: usize) -> Option<Fault> {
        let others = self.0.get(&place)?;
        let message = format!("is also written {others}; leave one of them");
        Some((RefusalReason::Duplicate, message))
    }
}

fn whereabouts(origin: Option<&Origin>) -> String {
    match origin {
        Some(origin) => format!("in {origin}"),
        None => "elsewhere in the render".to_owned(),
    }
}
