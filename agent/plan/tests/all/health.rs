//! Health of recorded and made-up objects, one file each.

use std::fmt::Write as _;

use expect_test::expect_file;
use krm::Gvk;
use plan::health::{HealthStatus, assess, has_health, missing};
use serde_json::json;

use crate::sample::files;

#[test]
fn judges_every_case() {
    let mut told = String::new();
    for (name, object) in files("health") {
        let text = |key: &str| object[key].as_str().unwrap().to_owned();
        let health = assess(&Gvk::new(&text("apiVersion"), &text("kind")), &object);
        writeln!(told, "{name}: {} {:?}", health.status, health.message).unwrap();
    }
    expect_file!["../health/expected.txt"].assert_eq(&told);
}

#[test]
fn watches_no_bodies_of_kinds_without_health() {
    let without = [
        "v1 Secret",
        "v1 ConfigMap",
        "rbac.authorization.k8s.io/v1 Role",
        "networking.k8s.io/v1 Ingress",
    ];
    for kind in without {
        assert!(!has_health(&gvk(kind)), "{kind}");
    }
    for kind in [
        "apps/v1 Deployment",
        "v1 Service",
        "example.com/v1 Widget",
        "batch/v1 CronJob",
    ] {
        assert!(has_health(&gvk(kind)), "{kind}");
    }
}

#[test]
fn worst_is_the_greatest() {
    use HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended, Unknown};
    let order = [Healthy, Suspended, Progressing, Missing, Degraded, Unknown];
    assert!(order.is_sorted());
    assert!(Suspended.is_fine() && !Progressing.is_fine() && missing().status == Missing);
}

#[test]
fn keeps_only_the_beginning_of_long_messages() {
    let message = "é".repeat(10_000);
    let status = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "R", "message": message}]});
    let health = assess(&gvk("example.com/v1 Widget"), &json!({"status": status}));
    assert!(health.message.len() < 1_000 && health.message.ends_with('…'));
}

fn gvk(text: &str) -> Gvk {
    let (version, kind) = text.split_once(' ').expect("version and kind");
    Gvk::new(version, kind)
}
