//! What git asks for: what goes on, what comes off, what is refused.

use plan::desired::{
    ApplyMode, RefusalReason,
    reach::{Reach, restrict},
    words,
};
use serde_json::{Value, json};

use crate::sample::{HERE, annotated, config, desires, object, ready};

#[test]
fn puts_on_label_and_namespace() {
    let objects = ready(vec![config("web", "1"), object("v1 Namespace", "shop")]);
    let config = &objects[1];
    assert_eq!(
        config.body["metadata"]["labels"][words::ENVIRONMENT_LABEL],
        HERE
    );
    assert_eq!(config.body["metadata"]["namespace"], "shop");
    assert_eq!(config.id.to_string(), "ConfigMap/shop/web");
    assert_eq!(objects[0].body["metadata"].get("namespace"), None);
    assert_eq!(objects[0].id.to_string(), "Namespace/shop");
}

#[test]
fn takes_the_namespace_off_what_lives_in_none() {
    let mut role = object("rbac.authorization.k8s.io/v1 ClusterRole", "reader");
    role["metadata"]["namespace"] = json!("shop");
    let role = &ready(vec![role])[0];
    assert_eq!(role.id.namespace, "");
    assert_eq!(role.body["metadata"].get("namespace"), None);
}

#[test]
fn takes_off_what_only_a_server_writes() {
    let mut web = config("web", "1");
    let clean = ready(vec![web.clone()]);
    web["status"] = json!({"x": 1});
    for field in [
        "managedFields",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "selfLink",
    ] {
        web["metadata"][field] = json!("x");
    }
    let dirty = ready(vec![web]);
    assert_eq!(dirty[0].body, clean[0].body);
    assert_eq!(dirty[0].digest, clean[0].digest);
}

#[test]
fn digest_tells_values_apart_and_not_the_order_of_keys() {
    let digest = |text: &str| {
        let object: Value = serde_json::from_str(text).unwrap();
        ready(vec![object])[0].digest.clone()
    };
    let a = digest(
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","y":"2"}}"#,
    );
    let b = digest(
        r#"{"data":{"y":"2","x":"1"},"metadata":{"name":"a"},"kind":"ConfigMap","apiVersion":"v1"}"#,
    );
    let c = digest(
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","y":"3"}}"#,
    );
    assert_eq!((a.len(), &a), (32, &b));
    assert_ne!(a, c);
}

#[test]
fn folds_string_data_of_secrets() {
    let mut secret = object("v1 Secret", "web");
    secret["data"] = json!({"a": "b2xk", "keep": "a2VlcA=="});
    secret["stringData"] = json!({"a": "new", "b": "ü"});
    let body = &ready(vec![secret])[0].body;
    assert_eq!(
        body["data"],
        json!({"a": "bmV3", "b": "w7w=", "keep": "a2VlcA=="})
    );
    assert_eq!(body.get("stringData"), None);
}

#[test]
fn reads_the_annotations() {
    let mut web = config("web", "1");
    for (key, value) in [
        (words::WAVE, "-3"),
        (words::PRUNE, "disabled"),
        (words::RECONCILE, "disabled"),
        (words::RECREATE, "allowed"),
        (words::ADOPT, "allowed"),
        (words::STRATEGY, "canary"),
        (words::ROLLOUT, "first"),
    ] {
        web = annotated(web, key, value);
    }
    let web = &ready(vec![web])[0];
    assert_eq!(web.wave.wave, -3);
    assert!(web.keep && web.recreate && web.adopt);
    assert_eq!(web.apply, ApplyMode::Never);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row per fault")]
fn names_the_fault_of_every_bad_object() {
    use RefusalReason::{
        BadAnnotation, BadData, DuplicateKey, GeneratedName, Nameless, TooLarge, UnknownKind,
    };
    let with = |mut object: Value, field: &str, value: Value| {
        object[field] = value;
        object
    };
    let pod = |list: &str, items: Value| {
        let mut web = object("apps/v1 Deployment", "web");
        web["spec"]["template"]["spec"]["containers"] = json!([{"name": "a", list: items}]);
        web
    };
    let secret = || object("v1 Secret", "web");
    let cases = [
        (json!("text"), Nameless, "begin with apiVersion and kind"),
        (
            json!({"kind": "ConfigMap", "metadata": {"name": "a"}}),
            Nameless,
            "no apiVersion",
        ),
        (
            json!({"apiVersion": "v1", "metadata": {"name": "a"}}),
            Nameless,
            "no kind",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap"}),
            Nameless,
            "no metadata.name",
        ),
        (config("a/../../b", "1"), Nameless, "no API server takes"),
        (config("..", "1"), Nameless, "no API server takes"),
        (
            with(
                config("a", "1"),
                "metadata",
                json!({"name": "a", "namespace": "a/b"}),
            ),
            Nameless,
            "metadata.namespace",
        ),
        (
            with(config("a", "1"), "metadata", json!({"generateName": "a-"})),
            GeneratedName,
            "write metadata.name",
        ),
        (
            object("example.com/v1 Gadget", "a"),
            UnknownKind,
            "example.com/v1 Gadget",
        ),
        (
            annotated(config("a", "1"), words::WAVE, "soon"),
            BadAnnotation,
            "whole number from -1000 to 1000",
        ),
        (
            annotated(config("a", "1"), words::WAVE, "1001"),
            BadAnnotation,
            "whole number",
        ),
        (
            annotated(config("a", "1"), words::PRUNE, "false"),
            BadAnnotation,
            "\"disabled\"",
        ),
        (
            annotated(config("a", "1"), words::ROLLOUT, "last"),
            BadAnnotation,
            "one of first, promotion, shared, side",
        ),
        (
            annotated(config("a", "1"), "driftless.dev/prun", "disabled"),
            BadAnnotation,
            "not known",
        ),
        (
            with(
                config("a", "1"),
                "metadata",
                json!({"name": "a", "annotations": {"n": 1}}),
            ),
            BadAnnotation,
            "in quotes",
        ),
        (
            with(
                config("a", "1"),
                "metadata",
                json!({"name": "a", "labels": ["n"]}),
            ),
            BadAnnotation,
            "not a map",
        ),
        (
            with(secret(), "data", json!({"key": "not base64!"})),
            BadData,
            "\"key\" is not base64",
        ),
        (
            with(secret(), "data", json!({"key": "YQ"})),
            BadData,
            "\"key\" is not base64",
        ),
        (
            with(secret(), "stringData", json!({"port": 80})),
            BadData,
            "\"port\" is not text",
        ),
        (with(secret(), "data", json!("x")), BadData, "not a map"),
        (
            with(config("a", "1"), "data", json!({"port": 80})),
            BadData,
            "\"port\" is not text",
        ),
        (config("a", &"x".repeat(5 << 20)), TooLarge, "5.0 MiB"),
        (
            with(
                object("apps/v1 Deployment", "a"),
                "spec",
                json!({"x": "x".repeat(2 << 20)}),
            ),
            TooLarge,
            "at most 1.5 MiB",
        ),
        (
            pod(
                "ports",
                json!([{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]),
            ),
            DuplicateKey,
            "containerPort=80,protocol=TCP in spec.template.spec.containers[0].ports",
        ),
        (
            pod("env", json!([{"name": "A"}, {"name": "B"}, {"name": "A"}])),
            DuplicateKey,
            "name=A in",
        ),
    ];
    for (object, reason, words) in cases {
        let result = desires(vec![object]);
        let [refusal] = &result.refused[..] else {
            panic!("{reason:?} {words}: {:?}", result.refused);
        };
        assert_eq!(refusal.reason, reason, "{refusal:?}");
        assert!(refusal.message.contains(words), "{refusal:?}");
        assert_eq!(refusal.origin.as_ref().unwrap().to_string(), "0.yaml:1");
        assert!(result.objects.is_empty());
    }
}

#[test]
fn names_all_faults_of_one_object() {
    let mut web = annotated(object("v1 Secret", "web"), words::WAVE, "x");
    web["data"] = json!({"a": "!", "b": "!"});
    let reasons: Vec<_> = desires(vec![web])
        .refused
        .iter()
        .map(|r| r.reason)
        .collect();
    assert_eq!(
        reasons,
        [
            RefusalReason::BadAnnotation,
            RefusalReason::BadData,
            RefusalReason::BadData
        ]
    );
}

#[test]
fn never_tells_a_value_of_a_secret() {
    let mut secret = object("v1 Secret", "web");
    secret["data"] = json!({"key": "canary!"});
    secret["stringData"] = json!({"other": ["canary"]});
    let refused = desires(vec![secret]);
    let mut good = object("v1 Secret", "good");
    good["stringData"] = json!({"key": "canary"});
    let told = format!("{refused:?} {:?}", ready(vec![good]));
    assert!(
        told.contains("other") && !told.contains("canary") && !told.contains("Y2FuYXJ5"),
        "{told}"
    );
}

#[test]
fn accepts_what_only_looks_double() {
    let mut web = object("apps/v1 Deployment", "web");
    web["spec"]["template"]["spec"]["containers"] = json!([
        {"name": "a", "ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]},
        {"name": "b", "ports": [{"containerPort": 53}], "args": ["x", "x"]},
    ]);
    assert_eq!(ready(vec![web]).len(), 1);
}

#[test]
fn refuses_twins_and_names_both_places() {
    let mut other = config("web", "2");
    other["metadata"]["namespace"] = json!("shop");
    let result = desires(vec![config("web", "1"), config("fine", "1"), other]);
    let told: Vec<_> = result
        .refused
        .iter()
        .map(|r| (r.reason, r.message.as_str()))
        .collect();
    let fault = |place| format!("is also written in {place}.yaml:1; leave one of them");
    assert_eq!(
        told,
        [
            (RefusalReason::Duplicate, fault(2).as_str()),
            (RefusalReason::Duplicate, fault(0).as_str())
        ]
    );
    assert_eq!(result.objects.len(), 1);
}

#[test]
fn learns_scopes_from_rendered_definitions() {
    let mut definition = object(
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        "widgets.example.com",
    );
    definition["spec"] =
        json!({"group": "example.com", "scope": "Cluster", "names": {"kind": "Widget"}});
    let objects = ready(vec![object("example.com/v1 Widget", "one"), definition]);
    assert_eq!(objects[1].id.to_string(), "Widget/one");
}

#[test]
fn sorts_by_wave_then_by_kind() {
    let objects = ready(vec![
        object("networking.k8s.io/v1 Ingress", "web"),
        object("apps/v1 Deployment", "web"),
        annotated(config("late", "1"), words::WAVE, "2"),
        config("web", "1"),
        object("rbac.authorization.k8s.io/v1 RoleBinding", "web"),
        object("rbac.authorization.k8s.io/v1 Role", "web"),
        annotated(object("v1 ServiceAccount", "early"), words::WAVE, "-1"),
        object("v1 Namespace", "shop"),
    ]);
    let order: Vec<_> = objects.iter().map(|object| object.id.to_string()).collect();
    let wanted = [
        // Lifted into the first wave: the account lives in it.
        "Namespace/shop",
        "ServiceAccount/shop/early",
        "Role/shop/web",
        "ConfigMap/shop/web",
        "RoleBinding/shop/web",
        "Deployment/shop/web",
        "Ingress/shop/web",
        "ConfigMap/shop/late",
    ];
    assert_eq!(order, wanted);
}

#[test]
fn without_a_service_account_it_keeps_to_its_namespace() {
    let mut far = config("far", "1");
    far["metadata"]["namespace"] = json!("kube-system");
    let objects = || {
        let record = object("driftless.dev/v1alpha1 Inventory", "shop.x-0");
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "inventories.driftless.dev"},
            "spec": {"group": "driftless.dev", "scope": "Namespaced", "names": {"kind": "Inventory"}}});
        let near = config("near", "1");
        desires(vec![
            near,
            far.clone(),
            object("v1 Namespace", "other"),
            definition,
            record,
        ])
    };
    let refused = |reach| {
        let mut desires = objects();
        restrict(&mut desires, reach);
        let names = desires.refused.iter().map(|refusal| refusal.object.clone());
        (names.collect::<Vec<_>>(), desires.refused)
    };
    let record = "Inventory/shop/shop.x-0".to_owned();
    let near = ["shop".to_owned()];
    let (names, refusals) = refused(Reach::Namespaces(&near));
    assert_eq!(names, ["ConfigMap/kube-system/far", &record]);
    let message = &refusals[0].message;
    assert!(
        message.contains("serviceAccountName") && message.contains("shop"),
        "{message}"
    );
    assert!(refusals[0].origin.is_some());
    assert_eq!(
        refused(Reach::Given).0,
        [record],
        "the rights decide, but not over the record"
    );
}

/// A route is written before anything else while users are led about, and goes before the pods all the same.
#[test]
fn what_is_put_first_goes_when_git_says() {
    let mut objects = ready(vec![
        config("web", "1"),
        object("networking.k8s.io/v1 Ingress", "web"),
    ]);
    let route = objects[1].id.clone();
    for _ in 0..2 {
        plan::desired::put_first(&mut objects, std::slice::from_ref(&route));
        assert_eq!(objects[0].id, route);
        assert!(objects[0].wave.wave < objects[1].wave.wave);
        assert_eq!(objects[0].wave_in_git(), 0);
        assert_eq!(objects[1].wave_in_git(), 0);
    }
}
