//! Rewriting the managed fields of one object, so that fields change hands without their values changing.
//!
//! What they have to be is judged elsewhere. The object must not have changed since it was seen.

use http::Method;
use serde_json::{Value, json};

use crate::{
    ApplyError, CallError, Cluster, Facts, Live, Resource,
    answer::{Ask, Failure, METADATA, METADATA_ONLY},
    error::garbage,
    live::Part,
};

impl Cluster {
    /// Writes `managed_fields` to the object that was seen with `facts`, and returns it as it then is.
    ///
    /// [`ApplyError::Contended`] if the object has changed since.
    pub async fn reassign(
        &self,
        resource: &Resource,
        facts: &Facts,
        managed_fields: &Value,
    ) -> Result<Live, ApplyError> {
        let patch = json!([
            { "op": "test", "path": "/metadata/uid", "value": facts.uid },
            { "op": "replace", "path": "/metadata/managedFields", "value": managed_fields },
            { "op": "replace", "path": "/metadata/resourceVersion", "value": facts.resource_version },
        ]);
        let ask = Ask {
            method: Method::PATCH,
            path: resource.object_path(&facts.id.namespace, &facts.id.name),
            accept: if resource.is_secret() {
                METADATA_ONLY
            } else {
                METADATA
            },
            body: Some((
                "application/json-patch+json",
                patch.to_string().into_bytes(),
            )),
            about: &resource.gvk,
        };
        match self.ask(ask).await {
            Ok(answer) => {
                let object = answer.json().map_err(ApplyError::Call)?;
                let live = Live::read(resource, object, Part::Metadata)?;
                match live.facts.owner.is_some() {
                    true => Ok(live),
                    false => Err(garbage("the fields did not change hands").into()),
                }
            }
            // 409 by the version, 422 by the UID.
            Err(Failure::Refused(status)) if matches!(status.code, 409 | 422) => {
                Err(ApplyError::Contended)
            }
            Err(failure) => Err(CallError::into(failure.plain())),
        }
    }
}
