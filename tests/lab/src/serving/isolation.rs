//! Network policies as far as the lab keeps to them: one that lets nothing in cuts the pods that it picks off.
//!
//! A pod that is cut off closes every connection without an answer, as behind a network that rejects; probes reach it
//! still. Everything else about network policies is not here.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::AGAIN;
use crate::control_plane::{Api, ApiError};

/// The collection followed.
const POLICIES: &str = "/apis/networking.k8s.io/v1/networkpolicies";

/// Which pods are cut off now.
#[derive(Debug, Default)]
pub(super) struct Isolation {
    /// By UID: the namespace, and the labels of the pods that are picked.
    policies: RwLock<BTreeMap<String, (String, Value)>>,
}

impl Isolation {
    /// Follows the policies for ever.
    pub(super) async fn run(self: Arc<Self>, api: Arc<Api>) {
        loop {
            // Begun anew whenever the watch ends, which it does every minute.
            if self.follow(&api).await.is_err() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Whether `pod` is cut off.
    pub(super) fn cuts_off(&self, pod: &Value) -> bool {
        let (namespace, labels) = (&pod["metadata"]["namespace"], &pod["metadata"]["labels"]);
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        policies.values().any(|(place, picked)| {
            let picked = picked.as_object().into_iter().flatten();
            *namespace == place.as_str()
                && picked.into_iter().all(|(key, value)| labels[key] == *value)
        })
    }

    async fn follow(&self, api: &Api) -> Result<(), ApiError> {
        let list = api.get(POLICIES).await?;
        self.policies
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        for policy in list["items"].as_array().into_iter().flatten() {
            self.saw(policy, false);
        }
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or("0");
        let mut events = api.watch(POLICIES, version).await?;
        while let Some(event) = events.next().await {
            self.saw(&event["object"], event["type"] == "DELETED");
        }
        Ok(())
    }

    fn saw(&self, policy: &Value, gone: bool) {
        let metadata = &policy["metadata"];
        let (Some(uid), Some(namespace)) =
            (metadata["uid"].as_str(), metadata["namespace"].as_str())
        else {
            return;
        };
        let types = policy["spec"]["policyTypes"].as_array();
        let closed = types.is_some_and(|types| types.contains(&"Ingress".into()))
            && policy["spec"]["ingress"]
                .as_array()
                .is_none_or(Vec::is_empty);
        let mut policies = self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if closed && !gone {
            let labels = policy["spec"]["podSelector"]["matchLabels"].clone();
            policies.insert(uid.to_owned(), (namespace.to_owned(), labels));
        } else {
            policies.remove(uid);
        }
    }
}
