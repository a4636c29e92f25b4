//! What the tests are made of: recorded files, small objects, a cluster that knows the usual kinds.

use std::path::Path;

use krm::{Gvk, ObjectId};
use plan::desired::{Desired, Desires, Origin, Scopes, Target, desire};
use serde_json::{Value, json};

/// The environment label of the tests.
pub(crate) const HERE: &str = "shop.production";

/// The JSON files of a folder of recorded cases, by name.
pub(crate) fn files(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of cases") {
        let path = entry.expect("a readable folder").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a plain name")
                .to_owned();
            let text = std::fs::read_to_string(&path).expect("a readable case");
            files.push((name, serde_json::from_str(&text).expect("JSON")));
        }
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(!files.is_empty());
    files
}

/// A cluster that knows the built-in kinds the tests use, and nothing else.
pub(crate) struct Usual;

impl Scopes for Usual {
    fn namespaced(&self, gvk: &Gvk) -> Option<bool> {
        match gvk.kind.as_str() {
            "Namespace"
            | "CustomResourceDefinition"
            | "ClusterRole"
            | "ValidatingWebhookConfiguration" => Some(false),
            "ConfigMap"
            | "Secret"
            | "Service"
            | "ServiceAccount"
            | "PersistentVolumeClaim"
            | "Deployment"
            | "Role"
            | "RoleBinding"
            | "Ingress"
            | "Job"
            | "CronJob"
            | "Pod" => Some(true),
            _ => None,
        }
    }
}

/// `objects` made ready for [`HERE`], each with the file `<place>.yaml` as its origin.
pub(crate) fn desires(objects: Vec<Value>) -> Desires {
    let target = Target {
        environment: HERE,
        namespace: "shop",
        ignore: &[],
    };
    let origin = |place| Origin {
        file: format!("{place}.yaml"),
        line: 1,
    };
    let objects = objects.into_iter().enumerate();
    desire(
        objects.map(|(place, object)| (object, Some(origin(place)))),
        &target,
        &Usual,
    )
}

/// `objects` made ready; none of them may be refused.
pub(crate) fn ready(objects: Vec<Value>) -> Vec<Desired> {
    let desires = desires(objects);
    assert_eq!(desires.refused, []);
    desires.objects
}

/// An object of a kind written as `apps/v1 Deployment`.
pub(crate) fn object(kind: &str, name: &str) -> Value {
    let (version, kind) = kind.split_once(' ').expect("version and kind");
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}})
}

/// A `ConfigMap` with one value.
pub(crate) fn config(name: &str, value: &str) -> Value {
    let mut config = object("v1 ConfigMap", name);
    config["data"] = json!({"value": value});
    config
}

/// The object with an annotation.
pub(crate) fn annotated(mut object: Value, key: &str, value: &str) -> Value {
    object["metadata"]["annotations"][key] = json!(value);
    object
}

/// The id of a `ConfigMap` in `shop`.
pub(crate) fn config_id(name: &str) -> ObjectId {
    ObjectId {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}
