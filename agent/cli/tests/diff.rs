//! `diff` against a real API server.

use std::path::Path;

use serde_json::{Value, json};

use crate::place::{Place, ready};
use crate::support::git;

const KUSTOMIZATION: &str = "resources:\n- objects.yaml\n";
const OBJECTS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  colour: green
---
apiVersion: v1
kind: Secret
metadata:
  name: keys
stringData:
  changed: hunter3
  same: hunter1
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports:
  - port: 80
";

/// A repo with one overlay, and a target that has an older state of it.
async fn bed() -> (Place, String) {
    let place = Place::new().await;
    let target = format!("{}-target", place.namespace);
    place.make_namespace(&target).await;
    place
        .environment(
            "develop",
            json!({ "target": { "namespace": target } }),
            ready("develop-000001"),
        )
        .await;
    let home = place.home.path();
    write(home, "overlays/develop/kustomization.yaml", KUSTOMIZATION);
    write(home, "overlays/develop/objects.yaml", OBJECTS);
    let label = api::names::environment_label(&place.namespace, "develop");
    let labels = json!({ "driftless.dev/environment": label });
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings", "labels": labels },
        "data": { "colour": "blue" },
    });
    create(&place, &target, "configmaps", &config).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys", "labels": labels },
        "stringData": { "same": "hunter1", "changed": "hunter2" },
    });
    create(&place, &target, "secrets", &secret).await;
    (place, target)
}

fn write(home: &Path, file: &str, text: &str) {
    let path = home.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn create(place: &Place, namespace: &str, plural: &str, object: &Value) {
    let path = format!("/api/v1/namespaces/{namespace}/{plural}?fieldManager=driftless");
    place.api.create(&path, object).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_what_would_change_and_no_secret() {
    let (place, target) = bed().await;
    let ran = place.run(&["diff", "develop"]);
    assert_eq!(ran.code, 1, "{}", ran.talk);
    assert_eq!(ran.talk, "1 to create, 2 to update, 0 unchanged\n");
    assert!(
        !ran.out.contains("hunter") && !ran.out.contains("aHVudGVy"),
        "{}",
        ran.out
    );
    for expected in [
        format!(
            "~ update ConfigMap/{target}/settings (overlays/develop/objects.yaml:1)\n--- live\n+++ desired\n"
        ),
        "-  colour: blue\n+  colour: green\n".to_owned(),
        "-  changed: '*** (before)'\n+  changed: '*** (after)'\n   same: '***'\n".to_owned(),
        format!("+ create Service/{target}/web"),
        // The server's own defaults show, because the server was asked.
        "+  type: ClusterIP\n".to_owned(),
    ] {
        assert!(
            ran.out.contains(&expected),
            "{expected}\nis missing in\n{}",
            ran.out
        );
    }
    for noise in [
        "managedFields",
        "resourceVersion",
        "uid:",
        "creationTimestamp",
    ] {
        assert!(!ran.out.contains(noise), "{}", ran.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing() {
    let (place, target) = bed().await;
    let path = format!("/api/v1/namespaces/{target}/configmaps/settings");
    let before = place.api.get(&path).await.unwrap();
    assert_eq!(place.run(&["diff", "develop"]).code, 1);
    assert_eq!(place.api.get(&path).await.unwrap(), before);
    assert!(
        place
            .api
            .get(&format!("/api/v1/namespaces/{target}/services/web"))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_what_would_be_deleted() {
    let (place, target) = bed().await;
    let owner = place
        .api
        .get(&format!("{}/develop", place.path("environments")))
        .await
        .unwrap();
    let entry = |id: &str, keep: bool| {
        json!({ "id": id, "version": "v1", "wave": 0, "keep": keep }).to_string()
    };
    let inventory = json!({
        "apiVersion": "driftless.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": "shard" },
        "spec": {
            "owner": { "namespace": place.namespace, "name": "develop", "uid": owner["metadata"]["uid"] },
            "shard": 0,
            "entries": [
                entry(&format!("/ConfigMap/{target}/settings"), false),
                entry(&format!("/ConfigMap/{target}/old"), false),
                entry(&format!("/ConfigMap/{target}/kept"), true),
                entry(&format!("/Secret/{target}/keys"), false),
            ],
        },
    });
    place
        .api
        .create(&place.path("inventories"), &inventory)
        .await
        .unwrap();
    let ran = place.run(&["diff", "develop", "-o", "json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let deleted: Vec<&Value> = answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["action"] == "Delete")
        .collect();
    assert_eq!(deleted.len(), 1, "{}", ran.out);
    assert_eq!(deleted[0]["object"], format!("ConfigMap/{target}/old"));
    assert_eq!(answer["summary"]["delete"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_with_0_when_nothing_differs() {
    let (place, target) = bed().await;
    let objects =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: blue\n";
    write(place.home.path(), "overlays/develop/objects.yaml", objects);
    let ran = place.run(&["diff", "develop"]);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.talk.as_str()),
        (0, "", "1 unchanged\n")
    );
    // Without an Environment the label does not count, and the namespace is that of the flag.
    let path = place
        .home
        .path()
        .join("overlays/develop")
        .display()
        .to_string();
    let ran = place.run_in(&target, &["diff", "--path", &path]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.talk);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_a_branch_instead_of_the_disk() {
    let (place, _) = bed().await;
    let home = place.home.path();
    git(home, &["init", "--quiet", "--initial-branch=main"]);
    git(home, &["add", "overlays"]);
    git(home, &["commit", "--quiet", "-m", "green"]);
    write(
        home,
        "overlays/develop/objects.yaml",
        &OBJECTS.replace("green", "red"),
    );
    let on_branch = place.run(&["diff", "develop", "--branch", "main"]);
    assert!(
        on_branch.out.contains("+  colour: green"),
        "{}{}",
        on_branch.out,
        on_branch.talk
    );
    let on_disk = place.run(&["diff", "develop"]);
    assert!(
        on_disk.out.contains("+  colour: red"),
        "{}{}",
        on_disk.out,
        on_disk.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_would_be_refused_and_where_it_is_written() {
    let (place, target) = bed().await;
    let objects = OBJECTS.replace("port: 80", "port: 800000");
    write(place.home.path(), "overlays/develop/objects.yaml", &objects);
    let ran = place.run(&["diff", "develop"]);
    assert_eq!(ran.code, 2);
    let expected = format!("✗ refused Service/{target}/web (overlays/develop/objects.yaml:16): ");
    assert!(ran.out.contains(&expected), "{}", ran.out);
    assert!(ran.talk.contains("2 to update, 1 refused"), "{}", ran.talk);
}

/// The sample and what is to be deployed are accepted by a real API server, every field of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_sample_and_the_deployment_are_valid() {
    let place = Place::new().await;
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .unwrap();
    for (path, objects) in [
        ("overlays/develop", 17),
        ("overlays/staging", 17),
        ("overlays/master", 17),
        ("deploy", 18),
    ] {
        let path = root.join(path).display().to_string();
        let ran = place.run(&["diff", "--path", &path, "-o", "json"]);
        let answer: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.talk));
        assert_eq!(answer["failures"], json!([]));
        let seen = answer["changes"].as_array().unwrap().len()
            + usize::try_from(answer["summary"]["unchanged"].as_u64().unwrap()).unwrap();
        assert_eq!(seen, objects, "{path}");
    }
}

const HOOK: &str = "\
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    driftless.dev/hook: before
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: migrate
        image: migrate
";

/// What the agent has made that is in no git: the Job of a hook, and what stands only while a rollout lasts.
async fn made(place: &Place, target: &str) {
    let path = format!("{}/develop", place.path("environments"));
    let uid = place.api.get(&path).await.unwrap()["metadata"]["uid"].clone();
    let entry = |id: &str| json!({ "id": format!("{id}/{target}/x"), "version": "v1" });
    let mut entries = ["batch/Job", "apps/Deployment", "/Service"].map(entry);
    entries[0]["hook"] = json!({ "name": "migrate", "point": "before", "release": "develop-000001", "result": "Succeeded" });
    entries[1]["temporary"] = true.into();
    let entries = entries.map(|entry| entry.to_string());
    let inventory = json!({
        "apiVersion": "driftless.dev/v1alpha1", "kind": "Inventory", "metadata": { "name": "develop" },
        "spec": { "owner": { "namespace": place.namespace, "name": "develop", "uid": uid }, "shard": 0, "entries": entries },
    });
    place
        .api
        .create(&place.path("inventories"), &inventory)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_and_what_a_rollout_has_made_are_no_deletions() {
    let (place, target) = bed().await;
    let home = place.home.path();
    write(
        home,
        "overlays/develop/objects.yaml",
        &format!("{OBJECTS}{HOOK}"),
    );
    made(&place, &target).await;
    let rollout = json!({ "rollout": { "phase": "Stepping", "good": "1111111aaaa" } });
    place.status("environments", "develop", rollout).await;
    let ran = place.run(&["diff", "develop"]);
    let shown = ran.out.replace(&target, "TARGET");
    let lines: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with(['+', '~', '-', '▸']) && line.contains("TARGET/"))
        .collect();
    assert_eq!(
        lines,
        [
            "~ update ConfigMap/TARGET/settings (overlays/develop/objects.yaml:1)",
            "~ update Secret/TARGET/keys (overlays/develop/objects.yaml:8)",
            "+ create Service/TARGET/web (overlays/develop/objects.yaml:16)",
            "- delete Service/TARGET/x",
            "▸ run Job/TARGET/migrate (before, overlays/develop/objects.yaml:24)",
        ],
        "{}",
        ran.out
    );
    assert!(
        ran.talk.starts_with("note: a rollout is under way, and 1111111 is what serves; its own objects are left out here;"),
        "{}",
        ran.talk
    );
}
