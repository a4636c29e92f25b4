//! Values of headers that are in Secrets: read when a check begins and after it failed, never while all is well.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rollout::synthetic::{Header, SecretKey};

use super::Probe;

/// Values by where they are. Never printed.
pub(super) type Values = BTreeMap<SecretKey, Vec<u8>>;

/// Reads everything that `headers` want.
pub(super) async fn read(probe: &Probe, headers: &[Header]) -> Result<Values, String> {
    let place = &probe.key.namespace;
    let secrets: Api<Secret> = Api::namespaced(probe.cluster.client(), place);
    let mut values = Values::new();
    for wanted in headers.iter().filter_map(|header| header.secret.as_ref()) {
        let said = |what: &str| format!("Secret {place}/{}: {what}", wanted.name);
        let found = secrets.get_opt(&wanted.name).await;
        let found = found.map_err(|_| said("cannot be read"))?;
        let data = found.ok_or_else(|| said("does not exist"))?.data;
        let value = data.and_then(|mut data| data.remove(&wanted.key));
        let value = value.ok_or_else(|| said(&format!("has no key {:?}", wanted.key)))?;
        values.insert(wanted.clone(), value.0);
    }
    Ok(values)
}
