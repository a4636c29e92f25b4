//! Fields that are left to others: how they are written, and how they are taken out of what is applied.

use plan::{
    desired::{ApplyMode, Desires, RefusalReason, Target, desire, words},
    fields::{FieldPath, IgnoreRule, Pattern, take_out},
};
use serde_json::{Value, json};

use crate::sample::{HERE, Usual, annotated, config, object, ready};

fn path(text: &str) -> FieldPath {
    text.parse().expect("a path")
}

fn web() -> Value {
    let mut web = object("apps/v1 Deployment", "web");
    web["spec"] = json!({
        "replicas": 2,
        "template": { "spec": { "containers": [
            { "name": "web", "image": "web:1", "resources": { "limits": { "cpu": "1" } } },
            { "name": "side", "image": "side:1" },
        ] } },
    });
    web
}

fn desired(objects: Vec<Value>, ignore: &[IgnoreRule]) -> Desires {
    let target = Target {
        environment: HERE,
        namespace: "shop",
        ignore,
    };
    desire(
        objects.into_iter().map(|object| (object, None)),
        &target,
        &Usual,
    )
}

fn rule(kind: &str, fields: &[&str]) -> IgnoreRule {
    IgnoreRule {
        kinds: vec![Pattern::new(kind)],
        fields: fields.iter().map(|field| path(field)).collect(),
        ..IgnoreRule::default()
    }
}

#[test]
fn says_what_is_wrong_with_every_bad_path() {
    for (text, hint) in [
        ("spec/replicas", "write /spec/replicas"),
        (".spec.replicas", "write /spec/replicas"),
        ("", "begin with"),
        ("/", "empty part"),
        ("/spec//a", "empty part"),
        ("/spec/", "empty part"),
        ("/a~b", "~1"),
        ("/spec/list[name=web", "without `]`"),
        ("/spec/list[web]", "[name=web]"),
        ("/spec/list[name=web]x", "write `/` there"),
        ("/status/x", "never applied"),
        ("/kind", "what the object is"),
        ("/metadata", "annotation or label"),
        ("/metadata/name", "which object"),
        ("/metadata/managedFields", "API server's"),
        ("/spec/list[name=web]/name", "tells the item apart"),
    ] {
        let bad = text.parse::<FieldPath>().unwrap_err().to_string();
        assert!(bad.contains(hint), "{text}: {bad}");
        assert!(bad.contains(&format!("{text:?}")), "{bad}");
    }
    for good in [
        "/spec/replicas",
        "/metadata/annotations/example.com~1note",
        "/spec/template/spec/containers[name=web]/ports[containerPort=80,protocol=TCP]",
        "/spec/list[*]/a",
        "/metadata/finalizers[=example.com/keep]",
    ] {
        assert_eq!(path(good).to_string(), good);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one row per case")]
fn takes_out_fields_items_and_what_is_left_empty() {
    for (path_text, before, after, found) in [
        (
            "/data/a",
            json!({"data": {"a": 1, "b": 2}}),
            json!({"data": {"b": 2}}),
            true,
        ),
        (
            "/data/a",
            json!({"kind": "X", "data": {"a": 1}}),
            json!({"kind": "X"}),
            true,
        ),
        (
            "/data/c",
            json!({"data": {"a": 1}}),
            json!({"data": {"a": 1}}),
            false,
        ),
        (
            "/data/c/d",
            json!({"data": {"c": null}}),
            json!({"data": {"c": null}}),
            false,
        ),
        (
            "/data/c/d",
            json!({"data": {"c": "x"}}),
            json!({"data": {"c": "x"}}),
            false,
        ),
        (
            "/l[n=a]/v",
            json!({"l": [{"n": "a", "v": 1}, {"n": "b", "v": 1}]}),
            json!({"l": [{"n": "a"}, {"n": "b", "v": 1}]}),
            true,
        ),
        (
            "/l[*]/v",
            json!({"l": [{"n": "a", "v": 1}, {"n": "b", "v": 1}]}),
            json!({"l": [{"n": "a"}, {"n": "b"}]}),
            true,
        ),
        (
            "/l[n=a]",
            json!({"x": 1, "l": [{"n": "a"}]}),
            json!({"x": 1}),
            true,
        ),
        (
            "/l[p=80,protocol=TCP]/v",
            json!({"l": [{"p": 80, "v": 1}, {"p": 80, "protocol": "UDP", "v": 1}]}),
            json!({"l": [{"p": 80}, {"p": 80, "protocol": "UDP", "v": 1}]}),
            true,
        ),
        (
            "/l[=a]",
            json!({"l": ["a", "b"]}),
            json!({"l": ["b"]}),
            true,
        ),
        (
            "/a~1b/c~0d",
            json!({"a/b": {"c~d": 1, "e": 1}}),
            json!({"a/b": {"e": 1}}),
            true,
        ),
    ] {
        let mut body = before;
        assert_eq!(
            take_out(&mut body, &path(path_text)),
            Ok(found),
            "{path_text}"
        );
        assert_eq!(body, after, "{path_text}");
    }
}

#[test]
fn an_object_is_applied_without_what_is_left_to_others_and_made_with_it() {
    let rules = [rule(
        "Deployment",
        &[
            "/spec/replicas",
            "/spec/template/spec/containers[name=web]/resources",
        ],
    )];
    let desires = desired(vec![web(), config("a", "1")], &rules);
    assert_eq!(desires.refused, []);
    let [_, web] = &desires.objects[..] else {
        panic!("two objects");
    };
    assert_eq!(web.body["spec"].get("replicas"), None);
    assert_eq!(
        web.body["spec"]["template"]["spec"]["containers"][0],
        json!({"name": "web", "image": "web:1"})
    );
    assert_eq!(web.whole()["spec"]["replicas"], 2);
    assert_eq!(web.left.len(), 2);
}

#[test]
fn the_digest_knows_the_rules_and_not_the_values_they_leave_out() {
    let digest = |replicas: u32, rules: &[IgnoreRule]| {
        let mut web = web();
        web["spec"]["replicas"] = json!(replicas);
        desired(vec![web], rules).objects[0].digest.clone()
    };
    let rules = [rule("Deployment", &["/spec/replicas"])];
    assert_eq!(digest(1, &rules), digest(9, &rules));
    assert_ne!(digest(1, &rules), digest(1, &[]));
    // A rule that finds nothing in git changes nothing.
    assert_eq!(
        digest(1, &[rule("Deployment", &["/spec/paused"])]),
        digest(1, &[])
    );
    assert_eq!(
        digest(1, &[rule("Job", &["/spec/replicas"])]),
        digest(1, &[])
    );
}

#[test]
fn the_annotation_in_git_counts_beside_the_rules() {
    let web = annotated(
        web(),
        words::IGNORE,
        "/spec/replicas\n  /spec/template/spec/containers[name=side]",
    );
    let web = &ready(vec![web])[0];
    assert_eq!(web.body["spec"].get("replicas"), None);
    assert_eq!(
        web.body["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_path_that_does_not_fit_refuses_the_object_by_name() {
    for (fields, hint) in [
        (
            "/spec/template/spec/containers/0/image",
            "containers[name=…]",
        ),
        (
            "/spec/template/spec/containers/web/image",
            "containers[name=…]",
        ),
        ("/spec/template[name=x]/spec", "which is no list"),
        ("/metadata/labels", "name single labels"),
        (
            "/metadata/labels/driftless.dev~1environment",
            "name single labels",
        ),
    ] {
        let refused = desired(vec![web()], &[rule("Deployment", &[fields])]).refused;
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].reason, RefusalReason::BadIgnore);
        assert_eq!(refused[0].object, "Deployment/shop/web");
        assert!(refused[0].message.contains(hint), "{}", refused[0].message);
    }
    let bad = annotated(web(), words::IGNORE, "/spec/replicas spec.x");
    let refused = desired(vec![bad], &[]).refused;
    assert!(
        refused[0].message.contains("driftless.dev/ignore")
            && refused[0].message.contains("write /spec/x"),
        "{refused:?}"
    );
}

#[test]
fn reads_how_an_object_is_applied() {
    let mode = |pairs: &[(&str, &str)]| {
        let start = config("a", "1");
        let object = pairs
            .iter()
            .fold(start, |object, (key, value)| annotated(object, key, value));
        let desires = desired(vec![object], &[]);
        match desires.objects.first() {
            Some(object) => Ok((object.apply, object.keep)),
            None => Err(desires.refused[0].message.clone()),
        }
    };
    let flux = |word: &'static str| format!("kustomize.toolkit.fluxcd.io/{word}");
    assert_eq!(mode(&[]), Ok((ApplyMode::Always, false)));
    for (value, expected) in [
        ("once", ApplyMode::Once),
        ("merge", ApplyMode::Merge),
        ("never", ApplyMode::Never),
    ] {
        assert_eq!(mode(&[(words::APPLY, value)]), Ok((expected, false)));
    }
    for (value, expected) in [
        ("IfNotPresent", ApplyMode::Once),
        ("merge", ApplyMode::Merge),
        ("Ignore", ApplyMode::Never),
        ("Override", ApplyMode::Always),
    ] {
        assert_eq!(mode(&[(&flux("ssa"), value)]), Ok((expected, false)));
    }
    assert_eq!(
        mode(&[(&flux("reconcile"), "disabled"), (&flux("ssa"), "Merge")]),
        Ok((ApplyMode::Never, false))
    );
    assert_eq!(
        mode(&[(&flux("prune"), "disabled")]),
        Ok((ApplyMode::Always, true))
    );
    assert_eq!(
        mode(&[(&flux("ssa"), "Ignore"), (words::APPLY, "once")]),
        Ok((ApplyMode::Once, false))
    );
    assert_eq!(
        mode(&[(words::RECONCILE, "disabled"), (words::APPLY, "never")]),
        Ok((ApplyMode::Never, false))
    );
    let bad = mode(&[(words::APPLY, "Once")]).unwrap_err();
    assert!(
        bad.contains("driftless.dev/apply")
            && bad.contains("\"Once\"")
            && bad.contains("\"merge\""),
        "{bad}"
    );
    let both = mode(&[(words::RECONCILE, "disabled"), (words::APPLY, "once")]).unwrap_err();
    assert!(both.contains("different things"), "{both}");
}
