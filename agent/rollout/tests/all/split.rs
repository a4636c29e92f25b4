//! Objects: what stands, what is added, what waits.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use krm::ObjectId;
use rollout::{
    Strategy, Wish,
    observe::Router,
    split::{Changed, Given, Object, Shape, Split, changed, overlay, said, shares},
    strategy::{Chaos, Flag, NameValue, Step, Testers, Traffic},
    wish::{Canary, Disturbance},
};
use serde_json::{Value, json};

use crate::world::{manifests, revision};

/// A shop as people write it: a route, a Service, an autoscaler, a budget, policies, config under a plain name and
/// under one with a hash.
const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 4
  selector: {matchLabels: {app: web, part-of: shop}}
  template:
    metadata: {labels: {app: web, part-of: shop}}
    spec:
      containers:
      - name: web
        image: web:1
        envFrom: [{configMapRef: {name: settings}}]
        env:
        - {name: KEY, valueFrom: {secretKeyRef: {name: key-5f6g7h8d9k, key: key}}}
      volumes:
      - {name: shared, configMap: {name: shared}}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: 10.0.0.7
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gateway}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /old}}]
    backendRefs: [{name: legacy, port: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shared}
data: {same: same}
---
apiVersion: v1
kind: Secret
metadata: {name: key-5f6g7h8d9k}
data: {key: b25l}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 2
  maxReplicas: 10
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: 8080}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: api, image: api:1}]}
";

const WEB: &str = "Deployment/shop/web";

/// The next revision: another image, another setting, another key, an API that changes along, a new worker, a closed
/// door that is new, and a Service that goes.
fn next() -> Vec<Object> {
    let text = SHOP
        .replace("web:1", "web:2")
        .replace("colour: red", "colour: blue")
        .replace("key-5f6g7h8d9k", "key-2b3c4d5f6g")
        .replace("api:1", "api:2");
    let mut objects = manifests(&text);
    objects.extend(manifests(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec: {selector: {matchLabels: {app: worker}}, template: {metadata: {labels: {app: worker}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: new-door}
spec: {podSelector: {}}
",
    ));
    objects
}

fn id(key: &str) -> ObjectId {
    let mut parts = key.split('/').map(str::to_owned);
    ObjectId {
        group: "apps".to_owned(),
        kind: parts.next().expect("kind/namespace/name"),
        namespace: parts.next().expect("kind/namespace/name"),
        name: parts.next().expect("kind/namespace/name"),
    }
}

fn wish(weight: u8, pods: u32) -> Wish {
    Wish {
        base: Some(revision("a")),
        canary: Some(Canary {
            revision: revision("b"),
            traffic: Traffic::Auto,
            weight,
            target: weight,
            pods: BTreeMap::from([(WEB.to_owned(), pods)]),
            floors: BTreeMap::from([(WEB.to_owned(), 4)]),
            testers: None,
        }),
        ..Wish::default()
    }
}

fn weights() -> Strategy {
    Strategy::of(vec![Step::Weight(25), Step::Weight(100)])
}

fn shaped(strategy: &Strategy, wish: &Wish) -> Shape {
    let (good, new) = (manifests(SHOP), next());
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    Split::new(given, &[id(WEB)], strategy)
        .expect("no fault")
        .shape(wish)
}

fn get<'a>(shape: &'a Shape, kind: &str, name: &str) -> &'a Value {
    let mut found = shape.objects.iter().map(|(object, _)| object);
    let found = found.find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind}/{name}"))
}

fn names(shape: &Shape) -> Vec<String> {
    let objects = shape.objects.iter();
    objects
        .map(|(object, _)| {
            format!(
                "{}/{}",
                object["kind"].as_str().expect("a text"),
                object["metadata"]["name"].as_str().expect("a text")
            )
        })
        .collect()
}

fn yaml(value: &Value, expected: &Expect) {
    expected.assert_eq(&serde_yaml::to_string(value).expect("writable"));
}

#[test]
fn a_changed_workload_is_one_whose_pods_change() {
    let good = manifests(SHOP);
    let change = |from: &str, to: &str| {
        let new = manifests(&SHOP.replace(from, to));
        let given = Given {
            good: &good,
            new: &new,
            namespace: "shop",
        };
        let ids = changed(&given)
            .into_iter()
            .map(|Changed { id, .. }| id.to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(change("web:1", "web:2"), [WEB]);
    assert_eq!(
        change("colour: red", "colour: blue"),
        [WEB],
        "config under its old name"
    );
    assert_eq!(change("data: {key: b25l}", "data: {key: dHdv}"), [WEB]);
    assert!(change("replicas: 4", "replicas: 5").is_empty());
    assert!(change("maxReplicas: 10", "maxReplicas: 12").is_empty());
}

#[test]
fn what_changed_waits_what_is_new_goes_first_and_what_is_gone_stays() {
    let shape = shaped(&weights(), &wish(0, 1));
    assert_eq!(
        get(&shape, "Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
    assert_eq!(
        get(&shape, "Deployment", "api")["spec"]["template"]["spec"]["containers"][0]["image"],
        "api:1"
    );
    assert_eq!(
        get(&shape, "ConfigMap", "settings")["data"]["colour"],
        "red"
    );
    let all = names(&shape);
    for there in [
        "Deployment/worker",
        "Secret/key-5f6g7h8d9k",
        "Secret/key-2b3c4d5f6g",
        "Deployment/web-canary",
        "ConfigMap/settings-canary",
    ] {
        assert!(all.iter().any(|name| name == there), "{there} in {all:?}");
    }
    assert!(
        !all.iter().any(|name| name == "NetworkPolicy/new-door"),
        "a new policy acts on what serves"
    );
    assert!(
        !all.iter().any(|name| name == "ConfigMap/shared-canary"),
        "what did not change needs no copy"
    );
    let deferred: Vec<_> = shape.deferred.iter().map(ToString::to_string).collect();
    assert_eq!(
        deferred,
        [
            WEB,
            "ConfigMap/shop/settings",
            "Secret/shop/key-5f6g7h8d9k",
            "Deployment/shop/api",
            "NetworkPolicy/shop/new-door",
        ]
    );
}

#[test]
fn the_sibling_is_the_new_revision_under_other_labels() {
    let shape = shaped(&weights(), &wish(25, 1));
    yaml(
        get(&shape, "Deployment", "web-canary"),
        &expect![[r"
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          labels:
            driftless.dev/version: canary
            tier: front
          name: web-canary
        spec:
          selector:
            matchLabels:
              app: web-canary
              driftless.dev/version: canary
              part-of: shop
          template:
            metadata:
              labels:
                app: web-canary
                driftless.dev/version: canary
                part-of: shop
            spec:
              containers:
              - env:
                - name: KEY
                  valueFrom:
                    secretKeyRef:
                      key: key
                      name: key-2b3c4d5f6g
                envFrom:
                - configMapRef:
                    name: settings-canary
                image: web:2
                name: web
              topologySpreadConstraints:
              - labelSelector:
                  matchLabels:
                    app: web-canary
                maxSkew: 1
                topologyKey: zone
                whenUnsatisfiable: ScheduleAnyway
              volumes:
              - configMap:
                  name: shared
                name: shared
    "]],
    );
}

#[test]
fn twins_pick_the_pods_of_the_canary_alone() {
    let shape = shaped(&weights(), &wish(25, 3));
    yaml(
        &get(&shape, "Service", "web-canary")["spec"],
        &expect![[r"
            ports:
            - name: http
              port: 80
              targetPort: 8080
            selector:
              app: web-canary
              driftless.dev/version: canary
              part-of: shop
            type: ClusterIP
        "]],
    );
    yaml(
        &get(&shape, "HorizontalPodAutoscaler", "web-canary")["spec"],
        &expect![[r"
            maxReplicas: 10
            minReplicas: 3
            scaleTargetRef:
              apiVersion: apps/v1
              kind: Deployment
              name: web-canary
        "]],
    );
    let canary = json!({"matchLabels": {"app": "web-canary"}});
    assert_eq!(
        get(&shape, "PodDisruptionBudget", "web-canary")["spec"]["selector"],
        canary
    );
    assert_eq!(
        get(&shape, "NetworkPolicy", "web-canary")["spec"]["podSelector"],
        canary
    );
    let peers = &get(&shape, "NetworkPolicy", "api")["spec"]["ingress"][0]["from"];
    assert_eq!(
        peers[1]["podSelector"], canary,
        "where web may go, the canary may"
    );
    assert!(
        !names(&shape).contains(&"NetworkPolicy/closed-canary".to_owned()),
        "it picks both"
    );
    assert_eq!(
        get(&shape, "HorizontalPodAutoscaler", "web")["spec"]["minReplicas"],
        4,
        "the floor"
    );
}

#[test]
fn a_weight_is_one_write_and_none_is_what_git_says() {
    let at = |weight| {
        let shape = shaped(&weights(), &wish(weight, 4));
        get(&shape, "HTTPRoute", "web").clone()
    };
    assert_eq!(at(0), manifests(SHOP)[2].0);
    yaml(
        &at(25)["spec"]["rules"],
        &expect![[r"
        - backendRefs:
          - name: web
            port: 80
            weight: 75
          - name: web-canary
            port: 80
            weight: 25
          matches:
          - path:
              type: PathPrefix
              value: /
        - backendRefs:
          - name: legacy
            port: 80
          matches:
          - path:
              type: PathPrefix
              value: /old
    "]],
    );
    assert_eq!(at(100)["spec"]["rules"][0]["backendRefs"][0]["weight"], 0);
    let shape = shaped(&weights(), &wish(25, 4));
    let routing: Vec<_> = shape.routing.iter().map(ToString::to_string).collect();
    assert_eq!(routing, ["HTTPRoute/shop/web"]);
}

#[test]
fn other_backends_of_a_rule_keep_their_share() {
    let text = SHOP.replace(
        "backendRefs: [{name: web, port: 80}]",
        "backendRefs: [{name: web, port: 80, weight: 3}, {name: legacy, port: 80, weight: 1}]",
    );
    let (good, new) = (manifests(&text), next());
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let shape = Split::new(given, &[id(WEB)], &weights())
        .unwrap()
        .shape(&wish(10, 1));
    let backends = get(&shape, "HTTPRoute", "web")["spec"]["rules"][0]["backendRefs"].clone();
    let weights: Vec<_> = backends
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["weight"].as_u64().unwrap())
        .collect();
    assert_eq!(weights, [270, 30, 100]);
}

#[test]
fn testers_get_a_rule_of_their_own() {
    let one = |name: &str, value: &str| NameValue {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let testers = Testers {
        headers: vec![one("x-canary", "yes")],
        cookies: vec![one("beta", "1.0")],
    };
    let mut wish = wish(0, 1);
    wish.canary.as_mut().unwrap().testers = Some(testers.clone());
    let mut strategy = weights();
    strategy.testers = Some(testers);
    let shape = shaped(&strategy, &wish);
    yaml(
        &get(&shape, "HTTPRoute", "web")["spec"]["rules"][0],
        &expect![[r"
            backendRefs:
            - name: web-canary
              port: 80
              weight: 1
            matches:
            - headers:
              - name: x-canary
                type: Exact
                value: yes
              path:
                type: PathPrefix
                value: /
            - headers:
              - name: Cookie
                type: RegularExpression
                value: (^|.*; *)beta=1\.0(;.*|$)
              path:
                type: PathPrefix
                value: /
        "]],
    );
    assert_eq!(
        get(&shape, "HTTPRoute", "web")["spec"]["rules"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn promotion_brings_everything_and_keeps_what_goes_until_the_end() {
    let mut wish = wish(100, 4);
    wish.base = Some(revision("b"));
    let shape = shaped(&weights(), &wish);
    let image = |name: &str| {
        get(&shape, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]["image"]
            .clone()
    };
    assert_eq!(
        (image("web"), image("api"), image("web-canary")),
        (json!("web:2"), json!("api:2"), json!("web:2"))
    );
    assert_eq!(
        get(&shape, "ConfigMap", "settings")["data"]["colour"],
        "blue"
    );
    assert_eq!(
        get(&shape, "ConfigMap", "settings-canary")["data"]["colour"],
        "blue"
    );
    assert!(names(&shape).contains(&"NetworkPolicy/new-door".to_owned()));
    assert!(names(&shape).contains(&"Secret/key-5f6g7h8d9k".to_owned()));
    let deferred: Vec<_> = shape.deferred.iter().map(ToString::to_string).collect();
    assert_eq!(deferred, ["Secret/shop/key-5f6g7h8d9k"]);
}

#[test]
fn by_the_number_of_pods_the_same_service_picks_both() {
    let strategy = Strategy {
        traffic: Traffic::Replicas,
        ..weights()
    };
    let shape = shaped(&strategy, &wish(0, 2));
    let sibling = get(&shape, "Deployment", "web-canary");
    let labels = &sibling["spec"]["template"]["metadata"]["labels"];
    assert_eq!(
        *labels,
        json!({"app": "web", "part-of": "shop", "driftless.dev/version": "canary"})
    );
    assert_eq!(sibling["spec"]["selector"]["matchLabels"], *labels);
    assert_eq!(sibling["spec"]["replicas"], 2);
    assert_eq!(get(&shape, "HTTPRoute", "web"), &manifests(SHOP)[2].0);
    assert!(!names(&shape).contains(&"HorizontalPodAutoscaler/web-canary".to_owned()));
}

#[test]
fn a_route_is_read_in_the_version_that_it_is_written_in() {
    let text = SHOP
        .replace(
            "gateway.networking.k8s.io/v1",
            "gateway.networking.k8s.io/v1alpha2",
        )
        .replace("kind: HTTPRoute", "kind: TCPRoute");
    let (good, new) = (manifests(&text), next());
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let split = Split::new(given, &[id(WEB)], &weights()).unwrap();
    let routes = split.routes(&split.tracks()[0]);
    let routes: Vec<_> = routes
        .iter()
        .map(|(gvk, id)| format!("{gvk} {id}"))
        .collect();
    assert_eq!(
        routes,
        ["gateway.networking.k8s.io/v1alpha2 TCPRoute TCPRoute/shop/web"]
    );
}

#[test]
fn without_a_route_a_switch_turns_the_service() {
    let text = SHOP.replace("gateway.networking.k8s.io/v1", "example.com/v1");
    let (good, new) = (manifests(&text), next());
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let strategy = rollout::strategy::builtin("blue-green").unwrap();
    let split = Split::new(given, &[id(WEB)], &strategy).unwrap();
    assert_eq!(split.tracks()[0].router, Router::Selector);
    let selector = |weight| {
        let shape = split.shape(&wish(weight, 4));
        get(&shape, "Service", "web")["spec"]["selector"].clone()
    };
    assert_eq!(selector(0), json!({"app": "web"}));
    assert_eq!(
        selector(100),
        json!({"app": "web-canary", "part-of": "shop", "driftless.dev/version": "canary"})
    );
}

#[test]
fn stateful_sets_and_daemon_sets_change_pod_by_pod() {
    let text = |kind: &str, image: &str| {
        format!(
            "
apiVersion: apps/v1
kind: {kind}
metadata: {{name: db}}
spec:
  selector: {{matchLabels: {{app: db}}}}
  updateStrategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 1}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: db, image: '{image}'}}]}}
"
        )
    };
    for kind in ["StatefulSet", "DaemonSet"] {
        let (good, new) = (
            manifests(&text(kind, "db:1")),
            manifests(&text(kind, "db:2")),
        );
        let given = Given {
            good: &good,
            new: &new,
            namespace: "shop",
        };
        let key = format!("{kind}/shop/db");
        let split = Split::new(given, &[id(&key)], &weights()).unwrap();
        let mut wish = wish(0, 0);
        let canary = wish.canary.as_mut().unwrap();
        canary.floors = BTreeMap::from([(key.clone(), 5)]);
        canary.pods = BTreeMap::from([(key.clone(), 0)]);
        assert_eq!(
            split.shape(&wish).objects,
            good,
            "before the first and after an abort"
        );
        wish.canary.as_mut().unwrap().pods.insert(key.clone(), 2);
        let shape = split.shape(&wish);
        let spec = &get(&shape, kind, "db")["spec"];
        assert_eq!(spec["template"]["spec"]["containers"][0]["image"], "db:2");
        if kind == "StatefulSet" {
            assert_eq!(
                spec["updateStrategy"]["rollingUpdate"],
                json!({"partition": 3, "maxUnavailable": 1})
            );
        } else {
            assert_eq!(spec["updateStrategy"], json!({"type": "OnDelete"}));
        }
        let labels = &get(&shape, kind, "db")["metadata"]["labels"];
        assert_eq!(labels["driftless.dev/rollout-toward"], "b");
        let mut by_hand = new.clone();
        by_hand[0].0["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
        let given = Given {
            new: &by_hand,
            ..given
        };
        let faults = Split::new(given, &[id(&key)], &weights()).unwrap_err();
        assert!(faults[0].message.contains("OnDelete"), "{faults:?}");
    }
}

#[test]
fn names_that_are_taken_are_told() {
    let mut good = manifests(SHOP);
    good.extend(manifests(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings-canary}}",
    ));
    let new = next();
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let faults = Split::new(given, &[id(WEB), id("Deployment/shop/gone")], &weights()).unwrap_err();
    let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "Deployment/shop/gone: is not in both revisions",
            "ConfigMap/shop/settings-canary: is in git, and its name is needed for the canary; rename it",
        ]
    );
}

#[test]
fn a_secret_is_in_no_debug() {
    let good = manifests(SHOP);
    let new = manifests(&SHOP.replace("b25l", "c2VjcmV0").replace("web:1", "web:2"));
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let split = Split::new(given, &[id(WEB)], &weights()).unwrap();
    let printed = format!("{split:?} {:?}", split.shape(&wish(10, 1)));
    assert!(
        !printed.contains("b25l") && !printed.contains("c2VjcmV0"),
        "{printed}"
    );
}

#[test]
fn a_disturbance_touches_the_canary_alone() {
    let chaos = Chaos {
        duration: rollout::Interval::seconds(60),
        kill: None,
        isolate: true,
        scale: None,
        objects: vec![json!({
            "apiVersion": "chaos-mesh.org/v1alpha1",
            "kind": "NetworkChaos",
            "metadata": {"name": "slow", "namespace": "{{namespace}}"},
            "spec": {"selector": {"labelSelectors": {"driftless.dev/version": "{{version}}"}}}
        })],
        also: Vec::new(),
    };
    let mut wish = wish(25, 1);
    wish.chaos = Some(Disturbance {
        id: "x".to_owned(),
        chaos,
        victims: Vec::new(),
        until: None,
    });
    let shape = shaped(&weights(), &wish);
    let policy = get(&shape, "NetworkPolicy", "web-canary-chaos");
    assert_eq!(
        policy["spec"]["podSelector"]["matchLabels"]["app"],
        "web-canary"
    );
    let mesh = get(&shape, "NetworkChaos", "slow");
    assert_eq!(mesh["metadata"]["namespace"], "shop");
    assert_eq!(
        mesh["spec"]["selector"]["labelSelectors"]["driftless.dev/version"],
        "canary"
    );
}

fn chaos(change: impl FnOnce(&mut Chaos)) -> Chaos {
    let mut chaos = Chaos {
        duration: rollout::Interval::seconds(60),
        kill: None,
        isolate: false,
        scale: None,
        objects: Vec::new(),
        also: Vec::new(),
    };
    change(&mut chaos);
    chaos
}

/// What is in the way of a chaos step.
fn chaos_faults(chaos: Chaos) -> Vec<String> {
    let (good, new) = (manifests(SHOP), manifests(&SHOP.replace("web:1", "web:2")));
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let mut strategy = weights();
    strategy.steps.push(Step::Chaos(chaos));
    let faults = Split::new(given, &[id(WEB)], &strategy).err();
    let faults = faults.unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn a_disturbance_of_others_is_refused_unless_it_names_them() {
    let policy = |selector: serde_json::Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny-{{workload}}"},
            "spec": {"podSelector": selector, "policyTypes": ["Ingress"]}
        })
    };
    let canary = json!({"matchLabels": {"driftless.dev/version": "{{version}}"}});
    assert_eq!(
        chaos_faults(chaos(|chaos| chaos.objects = vec![policy(canary)])),
        Vec::<String>::new()
    );
    let everybody = chaos_faults(chaos(|chaos| chaos.objects = vec![policy(json!({}))]));
    assert!(
        everybody
            .iter()
            .any(|fault| fault.contains("would cut off Deployment/shop/web")),
        "{everybody:?}"
    );
    assert!(
        everybody
            .iter()
            .any(|fault| fault.contains("does not say whom it disturbs")),
        "{everybody:?}"
    );
    let unknown = chaos_faults(chaos(|chaos| {
        chaos.kill = Some(50);
        chaos.also = vec!["Deployment/shop/gone".to_owned()];
    }));
    assert_eq!(
        unknown,
        [
            "Deployment/shop/gone: chaos names it, and git has no such workload; write for example Deployment/shop/api"
        ]
    );
    let taken = chaos_faults(chaos(|chaos| {
        chaos.objects = vec![json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "{{workload}}"}}
        })];
    }));
    assert_eq!(
        taken,
        ["Service/shop/web: is in git, and chaos makes one of that name; rename it"]
    );
}

#[test]
fn what_a_disturbance_makes_is_marked_and_listed() {
    let (good, new) = (manifests(SHOP), manifests(&SHOP.replace("web:1", "web:2")));
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let chaos = chaos(|chaos| {
        chaos.isolate = true;
        chaos.also = vec![WEB.to_owned()];
    });
    let split = Split::new(given, &[id(WEB)], &weights()).unwrap();
    let made: Vec<_> = split
        .disturbances(&chaos)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        made,
        [
            "NetworkPolicy/shop/web-canary-chaos",
            "NetworkPolicy/shop/web-chaos"
        ]
    );
    let mut wish = wish(25, 1);
    wish.chaos = Some(Disturbance {
        id: "x".to_owned(),
        chaos: chaos.clone(),
        victims: Vec::new(),
        until: None,
    });
    let shape = split.shape(&wish);
    let policy = get(&shape, "NetworkPolicy", "web-chaos");
    assert_eq!(
        policy["metadata"]["labels"]["driftless.dev/version"],
        "chaos"
    );
    let exposed: Vec<_> = split
        .exposed(&chaos)
        .into_iter()
        .map(|one| (one.workload, one.labels["app"].clone()))
        .collect();
    assert_eq!(
        exposed,
        [
            (
                "Deployment/shop/web-canary".to_owned(),
                "web-canary".to_owned()
            ),
            ("Deployment/shop/web".to_owned(), "web".to_owned())
        ]
    );
}

#[test]
fn a_flag_is_set_for_a_share_of_the_users() {
    let file = json!({"flags": {"checkout": {
        "state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"
    }}});
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags-2b3c4d5f6g"},
        "data": {"flags.json": file.to_string(), "other": "x"}
    });
    let flag = Flag {
        config_map: "flags".to_owned(),
        key: "flags.json".to_owned(),
        flag: "checkout".to_owned(),
        variant: "on".to_owned(),
        percent: 5,
        by: "targetingKey".to_owned(),
    };
    let mut objects = vec![(object, None)];
    let wish = Wish {
        flags: BTreeMap::from([(flag.id(), flag)]),
        ..Wish::default()
    };
    overlay(&mut objects, &wish);
    let text = objects[0].0["data"]["flags.json"].as_str().unwrap();
    let set: Value = serde_json::from_str(text).unwrap();
    let one = &set["flags"]["checkout"];
    assert_eq!(one["state"], "ENABLED");
    assert_eq!(one["targeting"]["fractional"][1], json!(["on", 5]));
    assert_eq!(one["targeting"]["fractional"][2], json!(["off", 95]));
}

/// What the next revision says of a flag counts: a flag that went up by steps can be switched off in git.
#[test]
fn a_flag_is_left_to_a_revision_that_says_something_else_of_it() {
    let revision = |state: &str, other: &str| {
        let file = json!({"flags": {
            "checkout": {
                "state": state, "variants": {"on": true, "off": false}, "defaultVariant": "off"
            },
            "other": { "state": other }
        }});
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"},
            "data": {"flags.json": file.to_string()}
        });
        vec![(object, None)]
    };
    let flag = Flag {
        config_map: "flags".to_owned(),
        key: "flags.json".to_owned(),
        flag: "checkout".to_owned(),
        variant: "on".to_owned(),
        percent: 100,
        by: "targetingKey".to_owned(),
    };
    let when_set = said(&revision("ENABLED", "ENABLED"), [&flag]);
    let wish = Wish {
        flags_in_git: BTreeMap::from([(flag.id(), when_set.into_values().collect())]),
        flags: BTreeMap::from([(flag.id(), flag)]),
        ..Wish::default()
    };
    let stands = |mut objects: Vec<Object>| {
        overlay(&mut objects, &wish);
        let text = objects[0].0["data"]["flags.json"].as_str().expect("text");
        serde_json::from_str::<Value>(text).expect("JSON")["flags"]["checkout"].clone()
    };
    let same = stands(revision("ENABLED", "DISABLED"));
    assert_eq!(same["targeting"]["fractional"][1], json!(["on", 100]));
    let off = stands(revision("DISABLED", "ENABLED"));
    assert_eq!(off["state"], "DISABLED");
    assert!(off["targeting"].is_null(), "{off}");
}

/// The only track of the way from `good` to `new`, and what `read` of routes says of it.
fn routed_as(good: &str, new: &str, read: &str) -> (Router, Option<u32>, Option<u8>) {
    let (good, new) = (manifests(good), manifests(new));
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let strategy = weights();
    let split = Split::new(given, &[id(WEB)], &strategy).expect("no fault");
    let [track] = split.tracks() else {
        panic!("not one track")
    };
    let routes = manifests(read).into_iter().map(|(object, _)| object);
    let live: Vec<_> = routes
        .filter(|object| object["kind"] == "HTTPRoute")
        .collect();
    assert!(!live.is_empty(), "there is a route in it");
    (track.router, track.most, shares::achieved(track, &live))
}

/// What a commit takes out of its route, or names otherwise, is led to by nobody once that is read.
#[test]
fn a_route_that_no_longer_divides_a_workload_gives_its_canary_nothing() {
    let next = SHOP.replace("web:1", "web:2");
    let renamed = next.replace("[{name: web, port", "[{name: front, port");
    assert_ne!(renamed, next, "the backend is written like this");
    assert_eq!(routed_as(SHOP, &next, &next).2, Some(0));
    assert_eq!(routed_as(SHOP, &next, &renamed).2, Some(0));
}

/// A backend for maintenance, say: its weight is 0 until it is needed.
#[test]
fn a_backend_of_weight_0_is_no_way_of_users() {
    let kept = SHOP.replace("[{name: web, port", "[{name: web, weight: 0, port");
    assert_ne!(kept, SHOP, "the backend is written like this");
    let next = kept.replace("web:1", "web:2");
    assert_eq!(routed_as(&kept, &next, &next).0, Router::Replicas);
    let next = SHOP.replace("web:1", "web:2");
    assert_eq!(routed_as(SHOP, &next, &next).0, Router::Route);
}

#[test]
fn the_most_pods_are_those_that_the_new_autoscaler_allows() {
    let next = SHOP
        .replace("web:1", "web:2")
        .replace("maxReplicas: 10", "maxReplicas: 5");
    assert_eq!(routed_as(SHOP, &next, &next).1, Some(5));
}
