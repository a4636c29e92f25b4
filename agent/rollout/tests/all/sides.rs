//! Two namespaces that take turns: what stands in which, and whom the routes in front lead where.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use krm::Gvk;
use plan::desired::Scopes;
use rollout::{
    Strategy, Wish,
    split::{
        Object, Shape,
        sides::{self, Sides},
    },
    strategy::{NameValue, Step, Testers, Traffic},
    wish::{Canary, Other},
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::world::{WEB, revision};

/// A shop with a route, a gateway with a certificate, rights here and cluster-wide, and an object elsewhere.
const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web:1}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, clusterIP: 10.0.0.7, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: database, annotations: {driftless.dev/rollout: shared}}
spec: {clusterIP: None, selector: {app: database}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {minReplicas: 1, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: v1
kind: Secret
metadata: {name: certificate}
data: {key: b25l}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {listeners: [{name: web, tls: {certificateRefs: [{name: certificate}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - matches: [{path: {value: /}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}}]
    backendRefs: [{name: web, port: 80, weight: 3}, {name: database, port: 80}]
  - backendRefs: [{name: database, port: 80}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}, {kind: Group, name: all}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: board, namespace: monitoring}
data: {version: '1'}
";

struct Known;

impl Scopes for Known {
    fn namespaced(&self, gvk: &Gvk) -> Option<bool> {
        Some(!gvk.kind.starts_with("Cluster") && !gvk.kind.ends_with("WebhookConfiguration"))
    }
}

fn read(text: &str) -> Vec<Object> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| (Value::deserialize(document).expect("YAML"), None))
        .collect()
}

fn next() -> Vec<Object> {
    let text = SHOP
        .replace("web:1", "web:2")
        .replace("version: '1'", "version: '2'");
    let mut objects = read(&text);
    objects.extend(read(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: new}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: new}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: new}
spec: {rules: [{backendRefs: [{name: web, port: 80}]}]}
",
    ));
    objects
}

/// `a` serves from blue; `b` is on its way in green, with so many per cent.
fn wish(weight: u8) -> Wish {
    let pods = BTreeMap::from([(WEB.to_owned(), 4)]);
    Wish {
        base: Some(revision("a")),
        side: Some("blue".to_owned()),
        other: Some(Other {
            namespace: "green".to_owned(),
            revision: revision("b"),
            pods: pods.clone(),
        }),
        canary: Some(Canary {
            revision: revision("b"),
            traffic: Traffic::Auto,
            weight,
            target: weight,
            floors: pods.clone(),
            pods,
            testers: None,
        }),
        ..Wish::default()
    }
}

fn shape(base: &[Object], other: Option<&[Object]>, wish: &Wish) -> Shape {
    let sides = Sides {
        base,
        other,
        home: "shop",
        introduced: true,
    };
    sides::shape(&sides, wish, &Known)
}

fn at<'a>(shape: &'a Shape, kind: &str, name: &str, namespace: &str) -> &'a Value {
    let mut found = shape.objects.iter().map(|(object, _)| object);
    let found = found.find(|object| {
        let place = object["metadata"]["namespace"].as_str().unwrap_or("-");
        object["kind"] == kind && object["metadata"]["name"] == name && place == namespace
    });
    found.unwrap_or_else(|| panic!("no {kind}/{name} in {namespace}: {:?}", ids(shape)))
}

fn ids(shape: &Shape) -> Vec<String> {
    let objects = shape.objects.iter().map(|(object, _)| object);
    let mut ids: Vec<_> = objects
        .map(|object| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let metadata = &object["metadata"];
            format!(
                "{}/{} {}",
                text(&metadata["namespace"]),
                text(&object["kind"]),
                text(&metadata["name"])
            )
        })
        .collect();
    ids.sort();
    ids
}

/// `blue 300 web, green 0 web`, rule by rule.
fn led(route: &Value) -> Vec<String> {
    let rules = route["spec"]["rules"].as_array().into_iter().flatten();
    rules
        .map(|rule| {
            let backends = rule["backendRefs"].as_array().into_iter().flatten();
            let said: Vec<_> = backends
                .map(|one| {
                    let place = one["namespace"].as_str().unwrap_or("-");
                    let name = one["name"].as_str().unwrap_or("-");
                    format!("{place} {} {name}", one["weight"])
                })
                .collect();
            said.join(", ")
        })
        .collect()
}

fn check_ids(shape: &Shape, expected: &Expect) {
    expected.assert_eq(&ids(shape).join("\n"));
}

#[test]
fn each_side_has_its_revision_and_what_there_is_one_of_stays() {
    let (good, new) = (read(SHOP), next());
    let shape = shape(&good, Some(&new), &wish(0));
    check_ids(
        &shape,
        &expect![[r"
            -/ClusterRole new
            -/ClusterRoleBinding web
            -/Gateway gateway
            -/Secret certificate
            -/Service database
            blue/Deployment web
            blue/HorizontalPodAutoscaler web
            blue/ReferenceGrant driftless-shop
            blue/RoleBinding web
            blue/Secret certificate
            blue/Service web
            green/Deployment web
            green/HorizontalPodAutoscaler web
            green/ReferenceGrant driftless-shop
            green/RoleBinding web
            green/Secret certificate
            green/Service web
            monitoring/ConfigMap board
            shop/HTTPRoute web"]],
    );
    let image = |side| &at(&shape, "Deployment", "web", side)["spec"]["template"]["spec"];
    assert_eq!(image("blue")["containers"][0]["image"], "web:1");
    assert_eq!(image("green")["containers"][0]["image"], "web:2");
    let board = at(&shape, "ConfigMap", "board", "monitoring");
    assert_eq!(board["data"]["version"], "1", "as the serving one has it");
    let service = at(&shape, "Service", "web", "green");
    assert_eq!(service["spec"]["clusterIP"], Value::Null);
    assert_eq!(service["spec"]["ports"][0]["nodePort"], Value::Null);
    let waits: Vec<_> = shape.deferred.iter().map(ToString::to_string).collect();
    assert_eq!(
        waits,
        [
            "ConfigMap/monitoring/board",
            "ValidatingWebhookConfiguration/shop/new",
            "HTTPRoute/shop/new"
        ]
    );
}

#[test]
fn accounts_are_those_of_the_side_they_are_on() {
    let (good, new) = (read(SHOP), next());
    let both = shape(&good, Some(&new), &wish(0));
    let subject = |side| at(&both, "RoleBinding", "web", side)["subjects"][0]["namespace"].clone();
    assert_eq!(
        (subject("blue"), subject("green")),
        (json!("blue"), json!("green"))
    );
    let all = at(&both, "ClusterRoleBinding", "web", "-");
    let places: Vec<_> = all["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|subject| subject["namespace"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(places, ["blue", "green", "-"]);
    let mut alone = wish(0);
    (alone.other, alone.canary) = (None, None);
    let one = shape(&good, None, &alone);
    let all = at(&one, "ClusterRoleBinding", "web", "-")["subjects"].clone();
    assert_eq!(all[0]["namespace"], "blue");
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[test]
fn a_switch_changes_numbers_alone_and_a_promotion_nothing() {
    let (good, new) = (read(SHOP), next());
    let route = |shape: &Shape| at(shape, "HTTPRoute", "web", "shop").clone();
    let before = shape(&good, Some(&new), &wish(0));
    expect![[r"
        blue 300 web, green 0 web, - 100 database
        - null database"]]
    .assert_eq(&led(&route(&before)).join("\n"));
    assert_eq!(before.routing.len(), 1, "written first");
    let after = shape(&good, Some(&new), &wish(100));
    expect![[r"
        blue 0 web, green 300 web, - 100 database
        - null database"]]
    .assert_eq(&led(&route(&after)).join("\n"));
    let mirror = &route(&after)["spec"]["rules"][0]["filters"][0]["requestMirror"]["backendRef"];
    assert_eq!(mirror["namespace"], "green");
    assert_eq!(
        led(at(&after, "HTTPRoute", "new", "-")),
        ["blue 0 web, green 100 web"]
    );

    let settled = Wish {
        base: Some(revision("b")),
        side: Some("green".to_owned()),
        other: Some(Other {
            namespace: "blue".to_owned(),
            revision: revision("a"),
            pods: BTreeMap::new(),
        }),
        ..Wish::default()
    };
    let standby = shape(&new, Some(&good), &settled);
    assert_eq!(route(&standby), route(&after));
    assert_eq!(
        at(&standby, "Deployment", "web", "green")["spec"]["template"],
        at(&after, "Deployment", "web", "green")["spec"]["template"]
    );
    assert!(standby.routing.is_empty() && standby.deferred.is_empty());
    let alone = Wish {
        other: None,
        ..settled
    };
    let alone = shape(&new, None, &alone);
    assert_eq!(led(&route(&alone))[0], "green 300 web, - 100 database");
}

#[test]
fn a_share_goes_to_the_other_side_before_all_of_it_does() {
    let (good, new) = (read(SHOP), next());
    let shape = shape(&good, Some(&new), &wish(25));
    let route = at(&shape, "HTTPRoute", "web", "shop");
    assert_eq!(led(route)[0], "blue 225 web, green 75 web, - 100 database");
}

#[test]
fn a_side_is_named_only_once_it_is_there() {
    let (good, new) = (read(SHOP), next());
    let sides = Sides {
        base: &good,
        other: Some(&new),
        home: "shop",
        introduced: false,
    };
    let shape = sides::shape(&sides, &wish(0), &Known);
    let route = at(&shape, "HTTPRoute", "web", "shop");
    assert_eq!(led(route)[0], "blue 300 web, - 100 database");
}

#[test]
fn an_environment_moves_from_its_own_namespace_without_a_gap() {
    let (good, new) = (read(SHOP), next());
    let mut first = wish(0);
    first.side = None;
    let shape = shape(&good, Some(&new), &first);
    assert_eq!(
        at(&shape, "Deployment", "web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
    let route = at(&shape, "HTTPRoute", "web", "shop");
    assert_eq!(led(route)[0], "green 0 web, shop 300 web, - 100 database");
    assert!(!ids(&shape).contains(&"shop/ReferenceGrant driftless-shop".to_owned()));
}

#[test]
fn both_sides_keep_the_pods_that_everybody_takes() {
    let (good, new) = (read(SHOP), next());
    let shape = shape(&good, Some(&new), &wish(100));
    let least =
        |side| at(&shape, "HorizontalPodAutoscaler", "web", side)["spec"]["minReplicas"].clone();
    assert_eq!((least("blue"), least("green")), (json!(4), json!(4)));
    let pods = |side| at(&shape, "Deployment", "web", side)["spec"]["replicas"].clone();
    assert_eq!((pods("blue"), pods("green")), (json!(2), json!(4)));
}

#[test]
fn testers_reach_the_other_side_alone() {
    let (good, new) = (read(SHOP), next());
    let mut wish = wish(0);
    wish.canary.as_mut().unwrap().testers = Some(Testers {
        headers: vec![NameValue {
            name: "x-side".to_owned(),
            value: "new".to_owned(),
        }],
        cookies: Vec::new(),
    });
    let shape = shape(&good, Some(&new), &wish);
    let route = at(&shape, "HTTPRoute", "web", "shop");
    assert_eq!(
        led(route)[..2],
        ["green 1 web", "blue 300 web, green 0 web, - 100 database"]
    );
    assert_eq!(
        route["spec"]["rules"][0]["matches"][0]["headers"][0]["name"],
        "x-side"
    );
    assert_eq!(
        sides::achieved(std::slice::from_ref(route), ("blue", "green"), true),
        Some(0)
    );
}

#[test]
fn what_is_read_back_is_the_share_of_the_other_side() {
    let (good, new) = (read(SHOP), next());
    let achieved = |weight, status: Value, strict| {
        let shape = shape(&good, Some(&new), &wish(weight));
        let mut route = at(&shape, "HTTPRoute", "web", "shop").clone();
        route["metadata"]["generation"] = json!(3);
        route["status"] = json!({ "parents": [{ "conditions": [status] }] });
        sides::achieved(&[route], ("blue", "green"), strict)
    };
    let condition = |seen: i64, word: &str| json!({ "type": "ResolvedRefs", "status": word, "observedGeneration": seen });
    for weight in [0, 25, 100] {
        assert_eq!(achieved(weight, condition(3, "True"), true), Some(weight));
    }
    assert_eq!(
        achieved(100, condition(2, "True"), false),
        None,
        "not taken up"
    );
    assert_eq!(
        achieved(0, condition(3, "False"), true),
        None,
        "it cannot lead there"
    );
    assert_eq!(
        achieved(0, condition(3, "False"), false),
        Some(0),
        "on the way back"
    );
    assert_eq!(sides::achieved(&[], ("blue", "green"), false), None);
}

#[test]
fn what_two_namespaces_cannot_do_is_said_by_name() {
    let strategy = Strategy::of(vec![Step::Weight(100)]);
    assert_eq!(sides::check(&read(SHOP), "shop", &strategy, &Known), []);
    let objects = read(
        "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: cache, annotations: {driftless.dev/rollout: side}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: database}
spec: {volumeClaimTemplates: [{metadata: {name: data}}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: queue, annotations: {driftless.dev/rollout: shared}}
spec: {volumeClaimTemplates: [{metadata: {name: data}}]}
",
    );
    let faults = sides::check(&objects, "shop", &strategy, &Known);
    let said: Vec<_> = faults.iter().map(|fault| fault.object.as_str()).collect();
    assert_eq!(
        said,
        [
            "Ingress/shop/web",
            "PersistentVolumeClaim/shop/data",
            "StatefulSet/shop/database",
            "namespace shop"
        ]
    );
}

#[test]
fn what_is_there_once_makes_no_new_side() {
    let good = read(SHOP);
    let once = read(&SHOP.replace("version: '1'", "version: '2'"));
    assert!(!sides::differ(&good, &once, "shop", &Known));
    assert!(sides::differ(&good, &next(), "shop", &Known));
    let workloads = sides::workloads(&good, "shop", &Known);
    assert_eq!(workloads.len(), 1);
}

#[test]
fn hooks_run_on_the_side_of_the_revision_that_is_on_its_way() {
    let hook = "
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {driftless.dev/hook: before}}
";
    let (mut good, mut new) = (read(SHOP), next());
    good.extend(read(hook));
    new.extend(read(hook));
    let jobs = |shape: &Shape| {
        let all = ids(shape).into_iter();
        all.filter(|id| id.contains("/Job ")).collect::<Vec<_>>()
    };
    assert_eq!(
        jobs(&shape(&good, Some(&new), &wish(0))),
        ["green/Job migrate"]
    );
    let mut kept = wish(0);
    kept.canary = None;
    assert_eq!(jobs(&shape(&good, Some(&new), &kept)), ["blue/Job migrate"]);
}

/// A hook on each side, and one that there is one of.
fn with_hooks(mut objects: Vec<Object>, tag: &str) -> Vec<Object> {
    let text = "
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {driftless.dev/hook: before}}
spec: {template: {spec: {containers: [{name: main, image: 'migrate:TAG'}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, annotations: {driftless.dev/hook: before, driftless.dev/rollout: shared}}
spec: {template: {spec: {containers: [{name: main, image: 'once:TAG'}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: tell, annotations: {driftless.dev/hook: failed}}
spec: {template: {spec: {containers: [{name: main, image: 'tell:TAG'}]}}}
";
    objects.extend(read(&text.replace("TAG", tag)));
    objects
}

fn images(objects: &[Object]) -> Vec<String> {
    let jobs = objects.iter().filter(|(object, _)| object["kind"] == "Job");
    let mut told: Vec<String> = jobs
        .map(|(job, _)| {
            let image = &job["spec"]["template"]["spec"]["containers"][0]["image"];
            let place = job["metadata"]["namespace"].as_str().unwrap_or("-");
            format!("{place} {}", image.as_str().unwrap_or_default())
        })
        .collect();
    told.sort();
    told
}

#[test]
fn hooks_are_those_of_the_side_on_its_way_and_then_of_what_serves() {
    let (good, new) = (with_hooks(read(SHOP), "1"), with_hooks(next(), "2"));
    let under_way = shape(&good, Some(&new), &wish(0));
    assert_eq!(
        images(&under_way.objects),
        ["- once:2", "green migrate:2", "green tell:2"]
    );
    // Promoted: what stands by is of the release before.
    let mut kept = wish(0);
    kept.canary = None;
    let kept = shape(&good, Some(&new), &kept);
    assert_eq!(
        images(&kept.objects),
        ["- once:1", "blue migrate:1", "blue tell:1"]
    );
    let failed = sides::hooks(&new, ("shop", "blue"), plan::point::Point::Failed, &Known);
    assert_eq!(images(&failed), ["blue tell:2"]);
}
