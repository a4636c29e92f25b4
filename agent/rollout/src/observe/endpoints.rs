//! Reads from EndpointSlices how many pods of a Service users can be led to: what gateways and kube-proxy go by.

use std::collections::BTreeSet;

use serde_json::Value;

/// Pods that are ready, each counted once, whatever the number of its addresses.
pub fn ready<'a>(slices: impl IntoIterator<Item = &'a Value>) -> u32 {
    let mut pods = BTreeSet::new();
    for slice in slices {
        let endpoints = slice["endpoints"].as_array();
        for endpoint in endpoints.into_iter().flatten().filter(|one| leads(one)) {
            let name = endpoint["targetRef"]["name"].as_str();
            pods.extend(name.or_else(|| endpoint["addresses"][0].as_str()));
        }
    }
    u32::try_from(pods.len()).unwrap_or(u32::MAX)
}

/// Unless it says otherwise, an endpoint is ready.
fn leads(endpoint: &Value) -> bool {
    let condition = |name: &str| endpoint["conditions"][name].as_bool();
    condition("ready").unwrap_or(true) && !condition("terminating").unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_counts_once_and_only_while_it_is_ready_and_stays() {
        let endpoint = |pod: &str, conditions: Value| json!({ "addresses": [pod], "conditions": conditions, "targetRef": { "name": pod } });
        let four = json!({ "addressType": "IPv4", "endpoints": [
            endpoint("a", json!({ "ready": true })),
            endpoint("b", json!({ "ready": false })),
            endpoint("c", json!({ "ready": true, "terminating": true })),
            endpoint("d", json!({})),
        ]});
        let six = json!({ "addressType": "IPv6", "endpoints": [endpoint("a", json!({ "ready": true }))] });
        let none = json!({ "addressType": "IPv4", "endpoints": null });
        assert_eq!(ready([&four, &six, &none]), 2);
    }
}
