//! How a pod behaves: read from its container's environment, ConfigMaps included, as a kubelet would.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::control_plane::{Api, ApiError};

/// What one pod does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Behaviour {
    /// `VERSION`, or the image's tag.
    pub(super) version: String,
    /// `FAIL_PERCENT`: so many of a hundred requests are answered 500.
    pub(super) fail_percent: u32,
    /// `LATENCY_MS`: how long an answer takes.
    pub(super) latency_ms: u32,
    /// `CRASH_AFTER`: ends after so many requests.
    pub(super) crash_after: Option<u32>,
    /// `READY=never`: listens, and is never ready.
    pub(super) never_ready: bool,
    /// The first container port, or 8080.
    pub(super) port: u16,
}

impl Behaviour {
    /// Reads it for `pod`; fails while a ConfigMap it needs is missing.
    pub(super) async fn of(api: &Api, pod: &Value) -> Result<Self, ApiError> {
        let container = &pod["spec"]["containers"][0];
        let environment = environment(api, pod, container).await?;
        let number = |name: &str| environment.get(name).and_then(|text| text.parse().ok());
        let image = container["image"].as_str().unwrap_or_default();
        let tag = image.rsplit(':').next().unwrap_or_default();
        let version = environment.get("VERSION").map_or(tag, String::as_str);
        let port = container["ports"][0]["containerPort"].as_u64();
        Ok(Self {
            version: version.to_owned(),
            fail_percent: number("FAIL_PERCENT").unwrap_or(0),
            latency_ms: number("LATENCY_MS").unwrap_or(0),
            crash_after: number("CRASH_AFTER"),
            never_ready: environment
                .get("READY")
                .is_some_and(|ready| ready == "never"),
            port: port
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(8080),
        })
    }
}

async fn environment(
    api: &Api,
    pod: &Value,
    container: &Value,
) -> Result<BTreeMap<String, String>, ApiError> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut all = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        if let Some(name) = source["configMapRef"]["name"].as_str() {
            all.extend(config_map(api, namespace, name).await?);
        }
    }
    for entry in container["env"].as_array().into_iter().flatten() {
        let Some(name) = entry["name"].as_str() else {
            continue;
        };
        let from = &entry["valueFrom"]["configMapKeyRef"];
        let value = match from["name"].as_str() {
            Some(map) => {
                let key = from["key"].as_str().unwrap_or_default();
                config_map(api, namespace, map).await?.remove(key)
            }
            None => entry["value"].as_str().map(str::to_owned),
        };
        all.insert(name.to_owned(), value.unwrap_or_default());
    }
    Ok(all)
}

async fn config_map(
    api: &Api,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
    let map = api.get(&path).await?;
    let entries = map["data"].as_object().into_iter().flatten();
    Ok(entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect())
}
