//! What keeps an environment from having two sides.

use plan::desired::Scopes;
use serde_json::Value;

use super::{Place, Placed, front};
use crate::{
    split::{Fault, Object, id_of, route},
    strategy::Strategy,
    words,
};

/// Everything about a revision that is in the way of two namespaces.
pub fn check(
    objects: &[Object],
    home: &str,
    strategy: &Strategy,
    scopes: &impl Scopes,
) -> Vec<Fault> {
    let placed = Placed::new(objects, home, scopes);
    let mut faults = Vec::new();
    let mut add = |object: &Value, message: &str| {
        faults.push(Fault {
            object: id_of(object, home).to_string(),
            message: message.to_owned(),
        });
    };
    for (object, _) in placed.at(Place::is_sided) {
        if object["kind"] == "Ingress" {
            add(
                object,
                "cannot lead to another namespace, so that nothing can be switched; use an HTTPRoute",
            );
        }
        if keeps_data(object) && object["metadata"]["annotations"][words::ROLLOUT] != words::SIDE {
            add(
                object,
                "keeps data, which the other side would begin without; annotate it with driftless.dev/rollout: shared to have one for both, or side if each may have its own",
            );
        }
    }
    let services = placed.services();
    let mut routes = placed.at(|place| place == Place::Route);
    let leads = |(object, _): &Object| front::leads_to(object, home, &services);
    if !routes.any(leads) {
        faults.push(Fault {
            object: format!("namespace {home}"),
            message: "has no route of the Gateway API that leads to one of its Services, so that nothing can be switched; choose another strategy".to_owned(),
        });
    }
    if let Some(testers) = &strategy.testers {
        for (object, _) in placed.at(|place| place == Place::Route) {
            let mut rules = front::tester_rules(object, testers, &|one| Some(one.clone()));
            rules.extend(
                object["spec"]["rules"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default(),
            );
            if route::is_overfull(&rules) {
                faults.push(route::overfull(object, home));
            }
        }
    }
    faults
}

fn keeps_data(object: &Value) -> bool {
    let claims = object["spec"]["volumeClaimTemplates"].as_array();
    let kept = object["kind"] == "StatefulSet" && claims.is_some_and(|claims| !claims.is_empty());
    kept || (object["apiVersion"] == "v1" && object["kind"] == "PersistentVolumeClaim")
}
