//! Fields change hands around an apply: from other tools to us, from us to whoever they are left to, and from
//! people away.

use api::names;
use cluster::{Applied, ApplyError, Live, Resource};
use plan::{
    desired::{ApplyMode, Desired},
    drift::Author,
    fields::{Handover, Wish, handover},
};
use serde_json::Value;

use super::{Carrier, How};
use crate::chain;

/// How often a handover is tried anew when somebody changes the object in the same moment: controllers do so
/// right after an object is made.
const TRIES: usize = 5;

/// What was found and done before an apply.
#[derive(Default)]
pub(super) struct Ahead {
    /// Whether the object is there; only known where it matters.
    pub(super) exists: bool,
    /// Whose fields became ours.
    pub(super) from: Vec<String>,
}

impl Carrier<'_> {
    /// Takes over what other tools own, and gives away what is left to others, on an object that is there.
    pub(super) async fn hand_ahead(
        &self,
        resource: &Resource,
        object: &Desired,
        adopt: bool,
    ) -> Result<Ahead, String> {
        if !adopt && object.left.is_empty() {
            return Ok(Ahead::default());
        }
        let Some(live) = self.see(resource, object).await? else {
            return Ok(Ahead::default());
        };
        let api_version = object.gvk.api_version();
        let wish = Wish {
            // What others added is theirs where git is only merged into it.
            take_over: adopt && object.apply != ApplyMode::Merge,
            ..wish(object, &api_version)
        };
        let (_, from) = self.hand(resource, object, live, &wish).await?;
        if adopt {
            tracing::info!(object = %object.id, from = from.join(", "), "taken over");
        }
        Ok(Ahead { exists: true, from })
    }

    /// Gives away what was only set because the object was made, and takes back what is no longer left to others.
    pub(super) async fn hand_after(
        &self,
        resource: &Resource,
        object: &Desired,
        applied: Applied,
    ) -> Result<Applied, String> {
        let api_version = object.gvk.api_version();
        let wish = wish(object, &api_version);
        if told(handover(&applied.managed_fields, &wish))?.is_none() {
            return Ok(applied);
        }
        let seen = Live {
            facts: applied.facts.clone(),
            body: None,
            managed_fields: applied.managed_fields.clone(),
        };
        let (live, _) = self.hand(resource, object, seen, &wish).await?;
        if applied.created {
            return Ok(Applied {
                facts: live.facts,
                managed_fields: live.managed_fields,
                ..applied
            });
        }
        // What came back goes, or gets git's value.
        let again = self.send(resource, object, &object.body, How::Force).await;
        again.map_err(|error| chain::text(&error))
    }

    /// Takes fields that others own and git does not mention out of the object.
    pub(in super::super) async fn take_out(
        &self,
        object: &Desired,
        share: &[(Author, Value)],
    ) -> Result<Applied, String> {
        self.fence()?;
        let resource = self.resource(&object.gvk).await?;
        let Some(live) = self.see(&resource, object).await? else {
            return Err("is no longer there".to_owned());
        };
        let api_version = object.gvk.api_version();
        let wish = Wish {
            take_out: share,
            ..wish(object, &api_version)
        };
        self.hand(&resource, object, live, &wish).await?;
        let applied = self.send(&resource, object, &object.body, How::Force).await;
        applied.map_err(|error| chain::text(&error))
    }

    /// Rewrites the managed fields as wished; the object as it then is, and whose fields became ours.
    async fn hand(
        &self,
        resource: &Resource,
        object: &Desired,
        mut live: Live,
        wish: &Wish<'_>,
    ) -> Result<(Live, Vec<String>), String> {
        for _ in 0..TRIES {
            let Some(Handover {
                managed_fields,
                from,
            }) = told(handover(&live.managed_fields, wish))?
            else {
                return Ok((live, Vec::new()));
            };
            self.fence()?;
            let done = self
                .cluster
                .reassign(resource, &live.facts, &managed_fields);
            match done.await {
                Ok(live) => return Ok((live, from)),
                Err(ApplyError::Contended) => {}
                Err(error) => {
                    return Err(format!(
                        "its fields cannot change hands: {}",
                        chain::text(&error)
                    ));
                }
            }
            let Some(seen) = self.see(resource, object).await? else {
                return Err("was deleted a moment ago".to_owned());
            };
            live = seen;
        }
        Err(chain::text(&ApplyError::Contended))
    }

    async fn see(&self, resource: &Resource, object: &Desired) -> Result<Option<Live>, String> {
        let (namespace, name) = (&object.id.namespace, &object.id.name);
        let found = self.cluster.look(resource, namespace, name).await;
        found.map_err(|error| chain::text(&error))
    }
}

fn wish<'a>(object: &'a Desired, api_version: &'a str) -> Wish<'a> {
    Wish {
        manager: names::FIELD_MANAGER,
        keeper: names::KEEPER,
        api_version,
        take_over: false,
        leave: &object.left,
        take_out: &[],
    }
}

fn told<T>(result: Result<T, plan::fields::OnePiece>) -> Result<T, String> {
    result.map_err(|piece| format!("cannot ignore a field: {piece}"))
}
