//! What a check takes from the cluster: values of headers and the certificates of an authority. Read when a check begins;
//! after it failed, the metadata of what was read, and all of it anew only if that says it was changed.

use std::collections::BTreeMap;

use cluster::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt as _, core::PartialObjectMeta};
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
    /// What it was read from.
    read: Vec<Source>,
}

/// A Secret or ConfigMap, as it was when it was read.
#[derive(Clone)]
struct Source {
    kind: Kind,
    name: String,
    version: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    ConfigMap,
}

/// Reads Secrets and ConfigMaps of one namespace, each once.
struct Reader<'p> {
    cluster: &'p Cluster,
    namespace: &'p str,
    secrets: BTreeMap<String, Secret>,
    read: Vec<Source>,
}

impl Held {
    /// True if nothing differs.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.headers, &self.authority) == (&other.headers, &other.authority)
    }

    /// True if nothing that it was read from has been changed since. No body is read for that.
    pub(super) async fn is_fresh(&self, probe: &Probe) -> bool {
        let same = self.read.iter().map(|source| source.is_unchanged(probe));
        futures::future::join_all(same)
            .await
            .into_iter()
            .all(|same| same)
    }

    /// Reads everything that `check` wants.
    pub(super) async fn read(probe: &Probe, check: &HttpCheck) -> Result<Self, String> {
        let mut reader = Reader {
            cluster: &probe.cluster,
            namespace: &probe.key.namespace,
            secrets: BTreeMap::new(),
            read: Vec::new(),
        };
        let headers = reader.values(&check.headers).await?;
        let Some(ca) = &check.ca else {
            return Ok(Self {
                headers,
                authority: None,
                client: probe.visitor.client.clone(),
                read: reader.read,
            });
        };
        let (place, pem) = reader.certificates(ca).await?;
        let trusted = Certificate::from_pem_bundle(&pem).ok();
        let trusted = trusted.filter(|all| !all.is_empty());
        let trusted = trusted.ok_or_else(|| format!("{place} holds no PEM certificate"))?;
        let client = probe.visitor.trusting(trusted);
        let client = client.map_err(|_| format!("{place} holds a certificate of no use"))?;
        Ok(Self {
            headers,
            authority: Some(pem),
            client,
            read: reader.read,
        })
    }
}

/// True if `check` takes anything that can change.
pub(super) fn takes_any(check: &HttpCheck) -> bool {
    check.ca.is_some() || check.headers.iter().any(|header| header.secret.is_some())
}

impl Source {
    async fn is_unchanged(&self, probe: &Probe) -> bool {
        let (client, namespace) = (probe.cluster.client(), &probe.key.namespace);
        let version = match self.kind {
            Kind::Secret => {
                let secrets: Api<Secret> = Api::namespaced(client, namespace);
                secrets.get_metadata_opt(&self.name).await.map(version)
            }
            Kind::ConfigMap => {
                let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
                maps.get_metadata_opt(&self.name).await.map(version)
            }
        };
        version.is_ok_and(|version| version.is_some() && version == self.version)
    }
}

fn version<K>(found: Option<PartialObjectMeta<K>>) -> Option<String> {
    found.and_then(|found| found.metadata.resource_version)
}

impl Reader<'_> {
    /// The values of headers that are in Secrets.
    async fn values(&mut self, headers: &[Header]) -> Result<Values, String> {
        let mut values = Values::new();
        for wanted in headers.iter().filter_map(|header| header.secret.as_ref()) {
            let value = self.secret(&wanted.name, &wanted.key).await?;
            values.insert(wanted.clone(), value);
        }
        Ok(values)
    }

    /// Where certificates are, for people, and what stands there.
    async fn certificates(&mut self, ca: &Authority) -> Result<(String, Vec<u8>), String> {
        let namespace = self.namespace;
        let told = |kind: &str, at: &AuthorityKey| {
            format!("{kind} {namespace}/{}: key {:?}", at.name, at.key)
        };
        match (&ca.secret, &ca.config_map) {
            (Some(at), _) => {
                let pem = self.secret(&at.name, &at.key).await?;
                Ok((told("Secret", at), pem))
            }
            (None, Some(at)) => {
                let pem = self.config_map(at).await?;
                Ok((told("ConfigMap", at), pem))
            }
            (None, None) => Err("ca names neither a Secret nor a ConfigMap".to_owned()),
        }
    }

    async fn secret(&mut self, name: &str, key: &str) -> Result<Vec<u8>, String> {
        let place = self.namespace;
        let said = |what: &str| format!("Secret {place}/{name}: {what}");
        if !self.secrets.contains_key(name) {
            let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), place);
            let found = secrets.get_opt(name).await;
            let found = found.map_err(|error| said(&unread::why(&error, "secrets", place)))?;
            let found = found.ok_or_else(|| said("does not exist"))?;
            self.note(Kind::Secret, name, found.resource_version());
            self.secrets.insert(name.to_owned(), found);
        }
        let data = self.secrets.get(name).and_then(|found| found.data.as_ref());
        let value = data.and_then(|data| data.get(key));
        value
            .map(|value| value.0.clone())
            .ok_or_else(|| said(&format!("has no key {key:?}")))
    }

    async fn config_map(&mut self, at: &AuthorityKey) -> Result<Vec<u8>, String> {
        let (place, AuthorityKey { name, key }) = (self.namespace, at);
        let said = |what: &str| format!("ConfigMap {place}/{name}: {what}");
        let maps: Api<ConfigMap> = Api::namespaced(self.cluster.client(), place);
        let found = maps.get_opt(name).await;
        let found = found.map_err(|error| said(&unread::why(&error, "configmaps", place)))?;
        let found = found.ok_or_else(|| said("does not exist"))?;
        self.note(Kind::ConfigMap, name, found.resource_version());
        let text = found.data.and_then(|mut data| data.remove(key));
        let bytes = found.binary_data.and_then(|mut data| data.remove(key));
        text.map(String::into_bytes)
            .or_else(|| bytes.map(|bytes| bytes.0))
            .ok_or_else(|| said(&format!("has no key {key:?}")))
    }

    fn note(&mut self, kind: Kind, name: &str, version: Option<String>) {
        self.read.push(Source {
            kind,
            name: name.to_owned(),
            version,
        });
    }
}
