use cluster::{Apply, ApplyError};
use serde_json::{Value, json};

use crate::world::{Place, plane};

fn deployment(replicas: u32, app: &str) -> Value {
    json!({ "spec": {
        "replicas": replicas,
        "selector": { "matchLabels": { "app": app } },
        "template": {
            "metadata": { "labels": { "app": app } },
            "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
        },
    } })
}

#[tokio::test]
async fn creates_updates_and_leaves_alone() {
    let place = Place::of("v1", "ConfigMap").await;
    let made = place
        .apply("x", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap();
    assert!(made.created && made.changed && made.body.is_none());
    assert_eq!(
        made.facts.id.to_string(),
        format!("ConfigMap/{}/x", place.namespace)
    );
    assert!(made.facts.owner.is_some());

    let same = place
        .apply("x", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap();
    assert!(!same.created);
    assert_eq!(same.facts.resource_version, made.facts.resource_version);
    assert_eq!(same.facts.owner, made.facts.owner);

    let moved = place
        .apply("x", &json!({ "data": { "b": "2" } }))
        .await
        .unwrap();
    assert!(moved.changed && !moved.created);
    assert_ne!(moved.facts.resource_version, made.facts.resource_version);
    assert_eq!(place.get("x").await["data"], json!({ "b": "2" }));
}

#[tokio::test]
async fn an_apply_without_effect_is_told_from_a_change_once_a_moment_has_passed() {
    let place = Place::of("v1", "ConfigMap").await;
    let body = json!({ "data": { "a": "1" } });
    place.apply("x", &body).await.unwrap();
    let unchanged = || async {
        let again = place
            .apply("x", &body)
            .await
            .map_err(|error| error.to_string())?;
        (!again.changed)
            .then_some(())
            .ok_or_else(|| "still fresh".to_owned())
    };
    lab::eventually(crate::world::PATIENCE, unchanged)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_dry_run_shows_the_whole_object_and_changes_nothing() {
    let place = Place::of("apps/v1", "Deployment").await;
    let body = place.body("web", &deployment(2, "web"));
    let (resource, namespace) = (&place.resource, place.namespace.as_str());
    let apply = Apply {
        resource,
        namespace,
        name: "web",
        body: &body,
        force: true,
        dry_run: true,
    };
    let would = place.cluster.apply(apply).await.unwrap();
    assert_eq!(
        would.body.unwrap()["spec"]["strategy"]["type"],
        "RollingUpdate"
    );
    assert!(would.created && place.look("web").await.is_none());
}

#[tokio::test]
async fn the_server_sends_no_body_back() {
    let place = Place::of("v1", "ConfigMap").await;
    place
        .apply("quiet", &json!({ "data": { "a": "1" } }))
        .await
        .unwrap();
    let entries = plane()
        .await
        .audit()
        .entries()
        .unwrap()
        .within(&place.namespace)
        .named("quiet");
    let answer = entries.iter().find(|entry| entry.verb == "patch").unwrap();
    assert_eq!(answer.manager, "driftless");
    assert_eq!(
        answer
            .response
            .as_ref()
            .map_or("none", |r| r["kind"].as_str().unwrap()),
        "PartialObjectMetadata"
    );
}

#[tokio::test]
async fn unknown_fields_are_refused_by_name() {
    let place = Place::of("apps/v1", "Deployment").await;
    let mut body = deployment(1, "web");
    body["spec"]["replica"] = json!(3);
    let error = place.apply("web", &body).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Invalid(faults) if faults[0].field == "spec.replica"),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "spec.replica: field not declared in schema"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn invalid_values_are_named_all_of_them() {
    let place = Place::of("apps/v1", "Deployment").await;
    let mut body = deployment(1, "web");
    body["spec"]["replicas"] = json!(-1);
    body["spec"]["template"]["metadata"]["labels"] = json!({ "app": "other" });
    let error = place.apply("web", &body).await.unwrap_err();
    let ApplyError::Invalid(faults) = &error else {
        panic!("{error:?}")
    };
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["spec.replicas", "spec.template.metadata.labels"]);
    let error = place
        .apply("web", &json!({ "spec": "x" }))
        .await
        .unwrap_err();
    assert!(matches!(&error, ApplyError::Invalid(_)), "{error:?}");
}

#[tokio::test]
async fn a_conflict_names_field_and_manager_and_force_takes_it() {
    let place = Place::of("apps/v1", "Deployment").await;
    place.apply("web", &deployment(1, "web")).await.unwrap();
    place
        .edit("kubectl-edit", "web", &json!({ "spec": { "replicas": 5 } }))
        .await;
    let error = place
        .apply_as(&place.cluster, "web", &deployment(1, "web"), false)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec.replicas is owned by \"kubectl-edit\""
    );
    place.apply("web", &deployment(1, "web")).await.unwrap();
    assert_eq!(place.get("web").await["spec"]["replicas"], 1);
}

#[tokio::test]
async fn immutable_fields_are_named() {
    let place = Place::of("apps/v1", "Deployment").await;
    place.apply("web", &deployment(1, "web")).await.unwrap();
    let error = place
        .apply("web", &deployment(1, "other"))
        .await
        .unwrap_err();
    let ApplyError::Immutable { field, message } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (field.as_deref(), message.as_str()),
        (Some("spec.selector"), "field is immutable")
    );

    let place = Place::of("batch/v1", "Job").await;
    let job = |image: &str| {
        json!({ "spec": { "template": { "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "m", "image": image }] } } } })
    };
    place.apply("migrate", &job("m:1")).await.unwrap();
    let error = place.apply("migrate", &job("m:2")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec.template cannot be changed once set: field is immutable"
    );

    let place = Place::of("apps/v1", "StatefulSet").await;
    let mut set = deployment(1, "db");
    set["spec"]["serviceName"] = json!("one");
    place.apply("db", &set).await.unwrap();
    set["spec"]["serviceName"] = json!("two");
    let error = place.apply("db", &set).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Immutable { field: Some(field), .. } if field == "spec"),
        "{error:?}"
    );
}

#[tokio::test]
async fn missing_and_ending_namespaces_are_named() {
    let place = Place::of("v1", "ConfigMap").await;
    let nowhere = Place {
        namespace: "no-such-namespace".into(),
        ..Place::of("v1", "ConfigMap").await
    };
    let error = nowhere.apply("x", &json!({})).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::NamespaceMissing(name) if name == "no-such-namespace"),
        "{error:?}"
    );
    assert!(error.is_retryable());

    // Without a controller manager it stays like this.
    let path = format!("/api/v1/namespaces/{}", place.namespace);
    plane().await.api().unwrap().delete(&path).await.unwrap();
    let ending = || async {
        match place.apply("x", &json!({})).await {
            Err(ApplyError::NamespaceTerminating(name)) => Ok(name),
            other => Err(format!("{other:?}")),
        }
    };
    assert_eq!(
        lab::eventually(crate::world::PATIENCE, ending)
            .await
            .unwrap(),
        place.namespace
    );
}

#[tokio::test]
async fn what_is_too_large_is_said_to_be() {
    let place = Place::of("v1", "ConfigMap").await;
    for size in [1 << 20, 5 << 20] {
        let error = place
            .apply("x", &json!({ "data": { "a": "x".repeat(size + 1000) } }))
            .await
            .unwrap_err();
        assert!(matches!(&error, ApplyError::TooLarge(_)), "{error}");
        assert!(error.to_string().len() < 500);
    }
}

#[tokio::test]
async fn no_value_of_a_refused_secret_is_told() {
    let place = Place::of("v1", "Secret").await;
    let value = "hunter2hunter2";
    for body in [
        json!({ "data": { "password": value.to_owned() + "!" } }),
        json!({ "data": value }),
        json!({ "data": { "password": { "nested": value } } }),
        json!({ "type": "kubernetes.io/tls", "stringData": { "tls.crt": value } }),
        json!({ "stringData": { "bad key": value } }),
        json!({ "dataa": { "password": value } }),
    ] {
        let error = place.apply("db", &body).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains(value), "{told}");
        assert!(!error.is_retryable(), "{told}");
    }
    place
        .apply("db", &json!({ "type": "Opaque" }))
        .await
        .unwrap();
    let error = place
        .apply("db", &json!({ "type": value }))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "type cannot be changed once set: field is immutable"
    );
}

#[tokio::test]
async fn warnings_of_the_server_arrive() {
    let place = Place::of("v1", "Pod").await;
    let spec = json!({ "spec": { "serviceAccountName": "default", "automountServiceAccountToken": false,
        "nodeSelector": { "beta.kubernetes.io/os": "linux" },
        "containers": [{ "name": "x", "image": "x" }] } });
    let applied = place.apply("x", &spec).await;
    // Without a controller manager there is no default service account; the warning comes either way.
    match applied {
        Ok(applied) => assert!(
            applied.warnings[0].contains("beta.kubernetes.io/os"),
            "{:?}",
            applied.warnings
        ),
        Err(ApplyError::AdmissionDenied { message, .. }) => {
            assert!(message.contains("service account"), "{message}");
        }
        Err(error) => panic!("{error:?}"),
    }
}
