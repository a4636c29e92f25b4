//! Who changed what, on managed fields recorded from a real API server 1.34.
//!
//! Each file holds what was applied as `driftless` and what the API server recorded after one act by somebody
//! else, which the file's name tells.

use std::fmt::Write as _;

use expect_test::expect_file;
use plan::{
    drift::{Author, foreign, lost},
    fields::is_controller,
};
use serde_json::{Value, json};

use crate::sample::files;

#[test]
fn names_field_and_author_of_every_recorded_act() {
    let mut told = String::new();
    for (name, case) in files("managed_fields") {
        let (desired, fields) = (&case["desired"], &case["managedFields"]);
        writeln!(told, "{name}").unwrap();
        for field in lost(desired, fields, "driftless") {
            writeln!(told, "  lost {:?} {}", field.path, by(field.by.as_ref())).unwrap();
        }
        for field in foreign(desired, fields, &anybody) {
            writeln!(told, "  foreign {:?} {}", field.path, by(Some(&field.by))).unwrap();
        }
    }
    expect_file!["../managed_fields/expected.txt"].assert_eq(&told);
}

#[test]
fn never_tells_a_value() {
    let secret = json!({"kind": "Secret", "data": {"password": "Y2FuYXJ5", "old": "Y2FuYXJ5"}});
    let theirs = json!([
        {"manager": "driftless", "operation": "Apply", "fieldsV1": {"f:metadata": {}}},
        {"manager": "vi", "operation": "Update", "fieldsV1": {"f:data": {"f:password": {}, "f:more": {}}}},
    ]);
    let told = format!(
        "{:?} {:?}",
        lost(&secret, &theirs, "driftless"),
        foreign(&secret, &theirs, &anybody)
    );
    assert!(
        told.contains("data.password") && told.contains("data.more"),
        "{told}"
    );
    assert!(!told.contains("Y2FuYXJ5"), "{told}");
}

#[test]
fn survives_fields_of_any_shape() {
    let desired = json!({"spec": {"a": [1, {"name": "x"}], "b": null}});
    for odd in [
        json!(null),
        json!("x"),
        json!([{}]),
        json!([null, 3]),
        json!([{"manager": "driftless", "operation": "Apply", "fieldsV1": []}]),
        json!([{"manager": "driftless", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {"k:{bad": {}, "k:3": {}, "v:{": {}, "i:x": {}, "z": 1}}}}]),
        json!([{"manager": "vi", "operation": "Update", "fieldsV1": {"f:spec": {"f:a": {"k:{bad": {}, "": {}}, "f:b": 7}}}]),
    ] {
        let _ = lost(&desired, &odd, "driftless");
        let _ = foreign(&desired, &odd, &anybody);
    }
    assert_eq!(lost(&Value::Null, &json!([]), "driftless").len(), 1);
}

/// Whoever is neither us nor part of Kubernetes.
fn anybody(manager: &str) -> bool {
    manager != "driftless" && !is_controller(manager)
}

fn by(author: Option<&Author>) -> String {
    match author {
        None => "by nobody known".to_owned(),
        Some(author) if author.subresource.is_empty() => {
            format!("by {} ({})", author.manager, author.operation)
        }
        Some(author) => format!(
            "by {} ({} of {})",
            author.manager, author.operation, author.subresource
        ),
    }
}
