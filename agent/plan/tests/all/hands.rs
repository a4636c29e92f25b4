//! How managed fields have to be rewritten so that fields change hands.

use plan::{
    drift::{Author, foreign},
    fields::{FieldPath, OnePiece, Wish, handover, is_person, sources},
};
use serde_json::{Value, json};

fn path(text: &str) -> FieldPath {
    text.parse().expect("a path")
}

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-01T00:00:00Z", "fieldsV1": fields })
}

const WISH: Wish<'static> = Wish {
    manager: "driftless",
    keeper: "driftless-ignored",
    api_version: "apps/v1",
    take_over: false,
    leave: &[],
    take_out: &[],
};

#[test]
fn fields_of_tools_that_apply_come_to_us_and_the_rest_stays() {
    let hpa = entry(
        "kube-controller-manager",
        "Update",
        &json!({"f:spec": {"f:replicas": {}}}),
    );
    let mut status = entry("kubectl", "Update", &json!({"f:status": {}}));
    status["subresource"] = json!("status");
    let mut old = entry(
        "kubectl-client-side-apply",
        "Update",
        &json!({"f:spec": {"f:a": {}}}),
    );
    old["apiVersion"] = json!("extensions/v1beta1");
    let fields = json!([
        old,
        hpa,
        entry("driftless", "Apply", &json!({"f:spec": {"f:b": {}}})),
        entry("argocd-controller", "Apply", &json!({"f:data": {}})),
        status,
    ]);
    assert_eq!(
        sources(&fields),
        ["argocd-controller", "kubectl-client-side-apply"]
    );
    let wish = Wish {
        take_over: true,
        ..WISH
    };
    let done = handover(&fields, &wish).unwrap().unwrap();
    assert_eq!(
        done.from,
        ["argocd-controller", "kubectl-client-side-apply"]
    );
    let ours = entry(
        "driftless",
        "Apply",
        &json!({"f:spec": {"f:a": {}, "f:b": {}}, "f:data": {}}),
    );
    assert_eq!(done.managed_fields, json!([ours, hpa, status]));
    assert_eq!(handover(&done.managed_fields, &wish), Ok(None));
}

#[test]
fn never_wipes_the_record() {
    let wish = Wish {
        take_over: true,
        ..WISH
    };
    for fields in [
        json!([]),
        json!([{}]),
        Value::Null,
        json!([entry("driftless", "Apply", &json!({"f:a": {}}))]),
        json!([entry("kubectl", "Update", &json!({}))]),
        json!([entry("kubectl", "Update", &Value::Null)]),
    ] {
        assert_eq!(handover(&fields, &wish), Ok(None), "{fields}");
    }
}

#[test]
fn what_is_left_to_others_goes_to_the_keeper_and_comes_back() {
    let web = "k:{\"name\":\"web\"}";
    let ours = entry(
        "driftless",
        "Apply",
        &json!({
            "f:metadata": {"f:labels": {"f:x": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
                web: {".": {}, "f:name": {}, "f:image": {}, "f:resources": {"f:limits": {"f:cpu": {}}}},
            }}}},
        }),
    );
    let leave = [
        path("/spec/replicas"),
        path("/spec/template/spec/containers[name=web]/resources"),
    ];
    let wish = Wish {
        leave: &leave,
        ..WISH
    };
    let given = handover(&json!([ours]), &wish)
        .unwrap()
        .unwrap()
        .managed_fields;
    let keeper = entry(
        "driftless-ignored",
        "Update",
        &json!({
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
                web: {"f:resources": {"f:limits": {"f:cpu": {}}}},
            }}}},
        }),
    );
    assert_eq!(given[1], keeper);
    assert_eq!(
        given[0]["fieldsV1"]["f:spec"],
        json!({"f:template": {"f:spec": {"f:containers": {
            web: {".": {}, "f:name": {}, "f:image": {}},
        }}}})
    );
    assert_eq!(handover(&given, &wish), Ok(None), "once is enough");
    // One rule less: that field is ours again, the other stays with the keeper.
    let fewer = Wish {
        leave: &leave[1..],
        ..WISH
    };
    let back = handover(&given, &fewer).unwrap().unwrap().managed_fields;
    assert_eq!(back[0]["fieldsV1"]["f:spec"]["f:replicas"], json!({}));
    assert_eq!(back[1]["fieldsV1"]["f:spec"].get("f:replicas"), None);
    let all = handover(&back, &WISH).unwrap().unwrap().managed_fields;
    assert_eq!(all, json!([ours]));
}

#[test]
fn a_map_whose_last_field_is_given_away_is_not_kept_by_us() {
    let ours = entry(
        "driftless",
        "Apply",
        &json!({"f:metadata": {"f:labels": {"f:x": {}}},
        "f:data": {".": {}, "f:a": {}}}),
    );
    let leave = [path("/data/a")];
    let given = handover(
        &json!([ours]),
        &Wish {
            leave: &leave,
            ..WISH
        },
    )
    .unwrap()
    .unwrap();
    assert_eq!(
        given.managed_fields[0]["fieldsV1"],
        json!({"f:metadata": {"f:labels": {"f:x": {}}}})
    );
}

#[test]
fn what_the_api_server_keeps_as_one_piece_is_refused() {
    let ours = json!([entry(
        "driftless",
        "Apply",
        &json!({"f:spec": {"f:rules": {}, "f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:port": {}, "f:targetPort": {}}}}})
    )]);
    let refused = |text: &str| {
        let leave = [path(text)];
        handover(
            &ours,
            &Wish {
                leave: &leave,
                ..WISH
            },
        )
        .unwrap_err()
    };
    let whole = refused("/spec/rules[name=a]/verbs");
    assert!(
        matches!(&whole, OnePiece::Whole { piece, .. } if piece == "/spec/rules"),
        "{whole}"
    );
    let keys = refused("/spec/ports[name=http]/targetPort");
    assert_eq!(
        keys.to_string(),
        "/spec/ports[name=http]/targetPort selects items of /spec/ports by name; they are told apart by port, protocol"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn foreign_fields_come_to_us_one_by_one_and_only_theirs() {
    let desired =
        json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "web", "image": "x"}]}});
    let theirs = entry(
        "kubectl-edit",
        "Update",
        &json!({
            "f:metadata": {"f:annotations": {".": {}, "f:note": {}}, "f:finalizers": {"v:\"x\"": {}}},
            "f:spec": {"f:paused": {}, "f:replicas": {}, "f:containers": {
                "k:{\"name\":\"web\"}": {"f:image": {}},
                "k:{\"name\":\"debug\"}": {".": {}, "f:name": {}, "f:image": {}}}},
        }),
    );
    let fields = json!([
        entry("driftless", "Apply", &json!({"f:spec": {"f:x": {}}})),
        theirs
    ]);
    let found = foreign(&desired, &fields, &is_person);
    let told: Vec<_> = found
        .iter()
        .map(|field| (field.path.as_str(), field.lasting))
        .collect();
    assert_eq!(
        told,
        [
            ("metadata.annotations.note", false),
            ("metadata.finalizers", true),
            ("spec.containers[name=debug]", false),
            ("spec.paused", false),
            ("spec.replicas", true),
        ]
    );
    let share: Vec<(Author, Value)> = found
        .into_iter()
        .filter(|field| !field.lasting)
        .map(|field| (field.by, field.fields))
        .collect();
    let done = handover(
        &fields,
        &Wish {
            take_out: &share,
            ..WISH
        },
    )
    .unwrap()
    .unwrap();
    assert_eq!(done.from, ["kubectl-edit"]);
    assert_eq!(
        done.managed_fields[0]["fieldsV1"],
        json!({
            "f:metadata": {"f:annotations": {"f:note": {}}},
            "f:spec": {"f:x": {}, "f:paused": {}, "f:containers": {
                "k:{\"name\":\"debug\"}": {".": {}, "f:name": {}, "f:image": {}}}},
        })
    );
    assert_eq!(
        done.managed_fields[1]["fieldsV1"],
        json!({
            "f:metadata": {"f:finalizers": {"v:\"x\"": {}}},
            "f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}},
        })
    );
}

#[test]
fn notes_of_kubectl_and_what_controllers_set_are_not_foreign() {
    let desired = json!({"metadata": {"name": "a"}});
    let fields = json!([
        entry(
            "kubectl-client-side-apply",
            "Update",
            &json!({"f:metadata": {"f:annotations": {
            ".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}})
        ),
        entry(
            "kubectl-rollout",
            "Update",
            &json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
            ".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}}})
        ),
        entry(
            "kube-controller-manager",
            "Update",
            &json!({"f:spec": {"f:y": {}}})
        ),
        entry("cainjector", "Update", &json!({"f:webhooks": {}})),
    ]);
    let told: Vec<_> = foreign(&desired, &fields, &is_person)
        .into_iter()
        .map(|field| field.path)
        .collect();
    // Git has no template at all here, so that all of it is theirs.
    assert_eq!(told, ["spec"]);
    let templated = json!({"metadata": {"name": "a"}, "spec": {"template": {"metadata": {}}}});
    assert!(foreign(&templated, &fields, &is_person).is_empty());
}
