//! Sentences as kube-apiserver 1.34 writes them.

use krm::Gvk;
use serde_json::{Value, json};

use super::*;

fn resource(api_version: &str, kind: &str) -> Resource {
    Resource {
        gvk: Gvk::new(api_version, kind),
        plural: "things".into(),
        namespaced: true,
        verbs: vec![],
    }
}

fn means(kind: &str, code: u16, reason: &str, message: &str, causes: &Value) -> ApplyError {
    let status = json!({ "status": "Failure", "code": code, "reason": reason, "message": message,
        "details": { "name": "web", "kind": "things", "causes": causes } });
    let status = serde_json::from_value(status).unwrap();
    error(&resource("v1", kind), Failure::Refused(Box::new(status)))
}

#[test]
fn a_conflict_names_fields_and_managers() {
    let error = means(
        "Deployment",
        409,
        "Conflict",
        "Apply failed with 1 conflict",
        &json!([
        { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using apps/v1",
          "field": ".spec.replicas" }]),
    );
    assert_eq!(
        error.to_string(),
        "spec.replicas is owned by \"kubectl-edit\""
    );
    assert!(!error.is_retryable());
    let contended = means(
        "Deployment",
        409,
        "Conflict",
        "the object has been modified",
        &json!([]),
    );
    assert!(matches!(contended, ApplyError::Contended) && contended.is_retryable());
}

#[test]
fn immutable_fields_are_named_and_told_from_invalid_ones() {
    let dump = format!(
        "Invalid value: v1.LabelSelector{{{}}}: field is immutable",
        "x".repeat(900)
    );
    let selector =
        json!({ "reason": "FieldValueInvalid", "message": dump, "field": "spec.selector" });
    match means(
        "Deployment",
        422,
        "Invalid",
        "…",
        &json!([selector.clone()]),
    ) {
        ApplyError::Immutable { field, message } => {
            assert_eq!(
                (field.as_deref(), &*message),
                (Some("spec.selector"), "field is immutable")
            );
        }
        other => panic!("{other:?}"),
    }
    let replicas = json!({ "reason": "FieldValueInvalid", "message": "Invalid value: -1: must be >= 0", "field": "spec.replicas" });
    assert!(
        matches!(means("Deployment", 422, "Invalid", "…", &json!([selector, replicas])), ApplyError::Invalid(faults) if faults.len() == 2)
    );
    for (message, field) in [
        (
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
            "spec",
        ),
        (
            "Invalid value: []string{\"10.0.0.2\"}: may not change once set",
            "spec.clusterIPs[0]",
        ),
        (
            "Forbidden: spec is immutable after creation except resources.requests",
            "spec",
        ),
        (
            "Invalid value: rbac.RoleRef{}: cannot change roleRef",
            "roleRef",
        ),
        (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
            "spec",
        ),
    ] {
        let causes =
            json!([{ "reason": "FieldValueForbidden", "message": message, "field": field }]);
        assert!(
            matches!(
                means("X", 422, "Invalid", "…", &causes),
                ApplyError::Immutable { .. }
            ),
            "{message}"
        );
    }
}

#[test]
fn unknown_fields_are_named_whatever_code_the_server_chooses() {
    let typed = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema";
    assert_eq!(
        means("Deployment", 500, "", typed, &json!([])).to_string(),
        "spec.replica: field not declared in schema"
    );
    let strict = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.foo\"";
    assert_eq!(
        means("Deployment", 400, "BadRequest", strict, &json!([])).to_string(),
        "spec.foo: field not declared in schema"
    );
    let decode = "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
    let error = means("Deployment", 400, "BadRequest", decode, &json!([]));
    assert!(
        error
            .to_string()
            .starts_with("json: cannot unmarshal string"),
        "{error}"
    );
    let broken = means(
        "Deployment",
        500,
        "InternalError",
        "etcdserver: request timed out",
        &json!([]),
    );
    assert!(broken.is_retryable(), "{broken:?}");
}

#[test]
fn whoever_refuses_is_named() {
    for (message, by) in [
        (
            "admission webhook \"check.example.com\" denied the request: no",
            "admission webhook \"check.example.com\"",
        ),
        (
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            "policy \"p\"",
        ),
        (
            "pods \"web\" is forbidden: violates PodSecurity \"restricted:latest\": no",
            "PodSecurity",
        ),
        ("ingresses \"web\" is forbidden: no", "admission control"),
    ] {
        match means("Deployment", 403, "Forbidden", message, &json!([])) {
            ApplyError::AdmissionDenied { by: found, message } => {
                assert_eq!(found, by);
                assert!(message.ends_with("no"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    let down = "Internal error occurred: failed calling webhook \"w.example.com\": failed to call webhook: Post \"https://w\": dial tcp: connect: connection refused";
    let down = means("Deployment", 500, "InternalError", down, &json!([]));
    assert!(
        matches!(&down, ApplyError::AdmissionFailed { webhook, .. } if webhook == "w.example.com")
    );
    assert!(down.is_retryable());
    let quota = means(
        "Pod",
        403,
        "Forbidden",
        "pods \"web\" is forbidden: exceeded quota: q, requested: pods=1",
        &json!([]),
    );
    assert_eq!(quota.to_string(), "exceeded quota: q, requested: pods=1");
    let ending = means(
        "ConfigMap",
        403,
        "Forbidden",
        "configmaps \"web\" is forbidden: unable to create new content in namespace shop because it is being terminated",
        &json!([{"reason": "NamespaceTerminating"}]),
    );
    assert!(matches!(&ending, ApplyError::NamespaceTerminating(name) if name == "shop"));
}

#[test]
fn no_text_about_a_secret_quotes_a_value() {
    let value = "hunter2";
    for (code, message, causes) in [
        (
            422,
            format!(
                "Secret \"web\" is invalid: type: Invalid value: \"{value}\": field is immutable"
            ),
            json!([{ "reason": "FieldValueInvalid", "message": format!("Invalid value: \"{value}\": field is immutable"), "field": "type" }]),
        ),
        (
            422,
            format!("Secret \"web\" is invalid: data[{value}]: bad"),
            json!([{ "reason": "FieldValueInvalid", "message": format!("Invalid value: \"{value}\""), "field": "data" }]),
        ),
        (
            500,
            format!(
                "failed to create typed patch object (a/b; v1, Kind=Secret): .data.password: expected string, got &value.valueUnstructured{{Value:\"{value}\"}}"
            ),
            json!([]),
        ),
        (
            400,
            format!("admission webhook \"w\" denied the request: {value}"),
            json!([]),
        ),
        (
            403,
            format!("secrets \"web\" is forbidden: {value}"),
            json!([]),
        ),
        (
            500,
            format!("Internal error occurred: failed calling webhook \"w\": {value}"),
            json!([]),
        ),
        (500, format!("something {value}"), json!([])),
    ] {
        let error = means("Secret", code, "", &message, &causes);
        let told = format!("{error} {error:?}");
        assert!(!told.contains(value), "{told}");
    }
}
