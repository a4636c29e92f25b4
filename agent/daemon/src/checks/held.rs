//! What a check takes from the cluster: values of headers and the certificates of an authority. Read when a check begins and
//! after it failed, never while all is well.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use reqwest::{Certificate, Client};
use rollout::synthetic::{Authority, AuthorityKey, Header, HttpCheck, SecretKey};

use super::Probe;
use crate::unread;

/// Values of headers by where they are. Never printed.
pub(super) type Values = BTreeMap<SecretKey, Vec<u8>>;

/// What one check has taken.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) headers: Values,
    /// Certificates to trust, as PEM.
    authority: Option<Vec<u8>>,
    /// Asks, and trusts those.
    pub(super) client: Client,
}

impl Held {
    /// True if nothing differs.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.headers, &self.authority) == (&other.headers, &other.authority)
    }

    /// Reads everything that `check` wants.
    pub(super) async fn read(probe: &Probe, check: &HttpCheck) -> Result<Self, String> {
        let headers = values(probe, &check.headers).await?;
        let Some(ca) = &check.ca else {
            let (authority, client) = (None, probe.visitor.client.clone());
            return Ok(Self {
                headers,
                authority,
                client,
            });
        };
        let (place, pem) = certificates(probe, ca).await?;
        let trusted = Certificate::from_pem_bundle(&pem).ok();
        let trusted = trusted.filter(|all| !all.is_empty());
        let trusted = trusted.ok_or_else(|| format!("{place} holds no PEM certificate"))?;
        let client = probe.visitor.trusting(trusted);
        let client = client.map_err(|_| format!("{place} holds a certificate of no use"))?;
        Ok(Self {
            headers,
            authority: Some(pem),
            client,
        })
    }
}

/// True if `check` takes anything that can change.
pub(super) fn takes_any(check: &HttpCheck) -> bool {
    check.ca.is_some() || check.headers.iter().any(|header| header.secret.is_some())
}

/// The values of headers that are in Secrets.
async fn values(probe: &Probe, headers: &[Header]) -> Result<Values, String> {
    let mut values = Values::new();
    for wanted in headers.iter().filter_map(|header| header.secret.as_ref()) {
        let value = secret(probe, &wanted.name, &wanted.key).await?;
        values.insert(wanted.clone(), value);
    }
    Ok(values)
}

/// Where certificates are, for people, and what stands there.
async fn certificates(probe: &Probe, ca: &Authority) -> Result<(String, Vec<u8>), String> {
    let namespace = &probe.key.namespace;
    let told =
        |kind: &str, at: &AuthorityKey| format!("{kind} {namespace}/{}: key {:?}", at.name, at.key);
    match (&ca.secret, &ca.config_map) {
        (Some(at), _) => {
            let pem = secret(probe, &at.name, &at.key).await?;
            Ok((told("Secret", at), pem))
        }
        (None, Some(at)) => {
            let pem = config_map(probe, at).await?;
            Ok((told("ConfigMap", at), pem))
        }
        (None, None) => Err("ca names neither a Secret nor a ConfigMap".to_owned()),
    }
}

async fn secret(probe: &Probe, name: &str, key: &str) -> Result<Vec<u8>, String> {
    let place = &probe.key.namespace;
    let said = |what: &str| format!("Secret {place}/{name}: {what}");
    let secrets: Api<Secret> = Api::namespaced(probe.cluster.client(), place);
    let found = secrets.get_opt(name).await;
    let found = found.map_err(|error| said(&unread::why(&error, "secrets", place)))?;
    let data = found.ok_or_else(|| said("does not exist"))?.data;
    let value = data.and_then(|mut data| data.remove(key));
    value
        .map(|value| value.0)
        .ok_or_else(|| said(&format!("has no key {key:?}")))
}

async fn config_map(probe: &Probe, at: &AuthorityKey) -> Result<Vec<u8>, String> {
    let (place, AuthorityKey { name, key }) = (&probe.key.namespace, at);
    let said = |what: &str| format!("ConfigMap {place}/{name}: {what}");
    let maps: Api<ConfigMap> = Api::namespaced(probe.cluster.client(), place);
    let found = maps.get_opt(name).await;
    let found = found.map_err(|error| said(&unread::why(&error, "configmaps", place)))?;
    let found = found.ok_or_else(|| said("does not exist"))?;
    let text = found.data.and_then(|mut data| data.remove(key));
    let bytes = found.binary_data.and_then(|mut data| data.remove(key));
    text.map(String::into_bytes)
        .or_else(|| bytes.map(|bytes| bytes.0))
        .ok_or_else(|| said(&format!("has no key {key:?}")))
}
