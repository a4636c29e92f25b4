//! Taking over an object that another way of applying has made.
//!
//! Fields first set by `kubectl apply`, Flux or Argo CD stay owned by them beside us, so that they survive when they leave
//! git. Once, and only when adoption was asked for, their entries in `managedFields` are merged into ours; the next apply
//! then removes what git does not mention.

use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    ApplyError, CallError, Cluster, Facts, Resource,
    answer::{Ask, Failure, METADATA, METADATA_ONLY},
    error::garbage,
    ownership::is_ours,
};

/// Managers whose fields become ours, each a tool that applies whole manifests.
pub const MANAGERS: [&str; 9] = [
    "kubectl-client-side-apply",
    "before-first-apply",
    "kubectl",
    "kubectl-create",
    "kustomize-controller",
    "helm-controller",
    "argocd-controller",
    "argocd-application-controller",
    "helm",
];

/// What a migration changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// Whose fields become ours, for the plan and the record.
    pub from: Vec<String>,
    /// The entries as they are to be.
    managed_fields: Vec<Value>,
}

/// What of `managed_fields` would become ours; none if there is nothing to migrate.
pub fn migration(managed_fields: &Value) -> Option<Migration> {
    let entries = managed_fields.as_array()?;
    let (old, mut kept): (Vec<&Value>, Vec<&Value>) =
        entries.iter().partition(|entry| is_another_applier(entry));
    let first = old.first()?;
    let own = kept
        .iter()
        .position(|entry| is_ours(entry))
        .map(|at| kept.remove(at));
    let mut merged = own.unwrap_or(first).clone();
    let mut fields = Map::new();
    for entry in own.iter().chain(&old) {
        if let Some(Value::Object(more)) = entry.get("fieldsV1") {
            merge(&mut fields, more);
        }
    }
    // An entry without fields would wipe the record.
    if fields.is_empty() {
        return None;
    }
    merged["manager"] = api::names::FIELD_MANAGER.into();
    merged["operation"] = "Apply".into();
    merged["fieldsV1"] = Value::Object(fields);
    let mut from: Vec<_> = old
        .iter()
        .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
        .collect();
    from.sort_unstable();
    from.dedup();
    let managed_fields = std::iter::once(merged)
        .chain(kept.into_iter().cloned())
        .collect();
    Some(Migration {
        from,
        managed_fields,
    })
}

impl Cluster {
    /// Makes the fields of other appliers ours on an object seen with `facts` and `managed_fields`. Returns whose they
    /// were; none means there was nothing to do and nothing was sent.
    ///
    /// [`ApplyError::Contended`] if the object has changed since.
    pub async fn adopt(
        &self,
        resource: &Resource,
        facts: &Facts,
        managed_fields: &Value,
    ) -> Result<Vec<String>, ApplyError> {
        let Some(Migration {
            from,
            managed_fields,
        }) = migration(managed_fields)
        else {
            return Ok(Vec::new());
        };
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
                let now = Facts::read(resource, &object)
                    .map_err(|field| garbage(&format!("no valid {field}")))?;
                match now.owner.is_some() {
                    true => Ok(from),
                    false => Err(garbage("the fields were not taken over").into()),
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

fn is_another_applier(entry: &Value) -> bool {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    MANAGERS.contains(&text("manager"))
        && matches!(text("operation"), "Update" | "Apply")
        && text("subresource").is_empty()
}

/// The union of two sets of fields.
fn merge(into: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields })
    }

    #[test]
    fn merges_what_appliers_own_and_leaves_the_rest() {
        let hpa = entry(
            "kube-controller-manager",
            "Update",
            &json!({"f:spec": {"f:replicas": {}}}),
        );
        let mut status = entry("kubectl", "Update", &json!({"f:status": {}}));
        status["subresource"] = json!("status");
        let fields = json!([
            entry(
                "kubectl-client-side-apply",
                "Update",
                &json!({"f:spec": {"f:a": {}}})
            ),
            hpa,
            entry("driftless", "Apply", &json!({"f:spec": {"f:b": {}}})),
            entry("argocd-controller", "Apply", &json!({"f:data": {}})),
            status,
        ]);
        let migration = migration(&fields).unwrap();
        assert_eq!(
            migration.from,
            ["argocd-controller", "kubectl-client-side-apply"]
        );
        let ours = entry(
            "driftless",
            "Apply",
            &json!({"f:spec": {"f:a": {}, "f:b": {}}, "f:data": {}}),
        );
        assert_eq!(migration.managed_fields, [ours, hpa, status]);
    }

    #[test]
    fn never_wipes_the_record() {
        for fields in [
            json!([]),
            json!([{}]),
            Value::Null,
            json!([entry("driftless", "Apply", &json!({"f:a": {}}))]),
            json!([entry("kubectl", "Update", &json!({}))]),
            json!([entry("kubectl", "Update", &Value::Null)]),
        ] {
            assert_eq!(migration(&fields), None, "{fields}");
        }
    }
}
