//! What holds for every object and patch.

use krm::{Map, Node, Pos, SourceId, json, json6902::JsonPatch, merge, schema::Schema, yaml};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A Deployment whose lists have their keys, each once.
fn deployments() -> impl Strategy<Value = Value> {
    let env = btree_map("[A-D]", "[a-z]{0,4}", 0..4).prop_map(|env| {
        let pairs = env.into_iter();
        let items = pairs.map(|(name, value)| json!({"name": name, "value": value}));
        Value::Array(items.collect())
    });
    let ports = btree_map((80..84_u16, "TCP|UDP"), "[a-c]", 0..4).prop_map(|ports| {
        let items = ports.into_iter().map(|((port, protocol), name)| {
            json!({"containerPort": port, "protocol": protocol, "name": name})
        });
        Value::Array(items.collect())
    });
    let containers = btree_map("[w-z]", (env, ports, "[a-b]:1"), 0..4).prop_map(|containers| {
        let items = containers.into_iter().map(|(name, (env, ports, image))| {
            json!({"name": name, "env": env, "ports": ports, "image": image, "args": [image]})
        });
        Value::Array(items.collect())
    });
    let labels = btree_map("[a-d]", "[a-z]{1,3}", 0..4);
    (containers, labels, any::<bool>()).prop_map(|(containers, labels, paused)| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": labels},
            "spec": {"paused": paused, "template": {"spec": {"containers": containers}}},
        })
    })
}

/// Anything at all, in the words that mean something to a merge.
fn anything() -> impl Strategy<Value = Value> {
    let words = || {
        prop_oneof![
            Just("name"),
            Just("$patch"),
            Just("spec"),
            Just("containers"),
            Just("ports"),
            Just("containerPort"),
            Just("protocol"),
            Just("metadata"),
            Just("finalizers"),
            Just("kind"),
            Just("apiVersion"),
            Just("template"),
            Just("a"),
        ]
        .prop_map(str::to_owned)
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        Just(Value::from("delete")),
        Just(Value::from("replace")),
        Just(Value::from("merge")),
        Just(Value::from("apps/v1")),
        Just(Value::from("Deployment")),
        Just(Value::from("")),
    ];
    leaf.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(words(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object(mut value: Value) -> Node {
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".into(), "apps/v1".into());
        map.insert("kind".into(), "Deployment".into());
    }
    node(&value)
}

fn node(value: &Value) -> Node {
    json::from_value(value, Pos::default())
}

fn merged(target: &Node, patch: &Node) -> Node {
    let mut result = target.clone();
    let outcome = merge::merge(&mut result, patch, &Schema::BUILT_IN);
    assert_eq!(outcome.expect("it merges"), merge::Merged::Patched);
    result
}

fn operations(patch: &str) -> JsonPatch {
    let limits = yaml::Limits::default();
    let nodes = yaml::read_settings(patch.as_bytes(), SourceId(0), &limits).expect("YAML");
    JsonPatch::read(&nodes[0]).expect("a patch")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_empty_patch_changes_nothing(target in deployments()) {
        let target = node(&target);
        let empty = Node::map(Map::new(), Pos::default());
        prop_assert!(merged(&target, &empty) == target);
    }

    #[test]
    fn a_patch_with_itself_changes_nothing(target in deployments()) {
        let target = node(&target);
        prop_assert!(merged(&target, &target) == target);
    }

    #[test]
    fn a_second_time_changes_nothing_more(target in deployments(), patch in deployments()) {
        let (target, patch) = (node(&target), node(&patch));
        let once = merged(&target, &patch);
        prop_assert!(merged(&once, &patch) == once);
    }

    #[test]
    fn items_of_the_patch_come_first(target in deployments(), patch in deployments()) {
        let names = |node: &Node| -> Vec<String> {
            let list = node.at(&["spec", "template", "spec", "containers"]);
            let items = list.and_then(Node::as_seq).unwrap_or_default().iter();
            items.map(|item| item.text_at(&["name"]).unwrap_or_default().to_owned()).collect()
        };
        let (target, patch) = (node(&target), node(&patch));
        let (mut wanted, old) = (names(&patch), names(&target));
        wanted.extend(old.into_iter().filter(|name| !names(&patch).contains(name)));
        prop_assert_eq!(names(&merged(&target, &patch)), wanted);
    }

    #[test]
    fn merging_anything_ends(target in anything(), patch in anything()) {
        let mut target = object(target);
        let _ = merge::merge(&mut target, &object(patch), &Schema::BUILT_IN);
    }

    #[test]
    fn moving_there_and_back_changes_nothing(target in deployments()) {
        let target = node(&target);
        let there = "{op: move, from: /metadata/labels, path: /spec/l}";
        let back = "{op: move, from: /spec/l, path: /metadata/labels}";
        let mut moved = target.clone();
        operations(&format!("- {there}\n- {back}\n")).apply(&mut moved).expect("it applies");
        let mut same = target.clone();
        operations("[]").apply(&mut same).expect("nothing to do");
        prop_assert_eq!(json::to_value(&moved).ok(), json::to_value(&same).ok());
    }
}
