//! The shared control plane behaves as a cluster does: things become ready, or do not, for the right reason.

use std::time::{Duration, Instant};

use lab::{Api, ControlPlane, Options, Part, eventually, unique};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);

struct Place {
    lab: &'static ControlPlane,
    api: Api,
    namespace: String,
}

impl Place {
    async fn new() -> Self {
        let lab = ControlPlane::shared().await;
        let api = lab.api().unwrap();
        let namespace = unique("lab");
        let object =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        api.create("/api/v1/namespaces", &object).await.unwrap();
        Self {
            lab,
            api,
            namespace,
        }
    }

    fn path(&self, group: &str, resource: &str) -> String {
        format!("/{group}/namespaces/{}/{resource}", self.namespace)
    }

    async fn create(&self, group: &str, resource: &str, object: &Value) {
        let path = self.path(group, resource);
        // A pod is let in only once the namespace has its default account.
        let account = self.path("api/v1", "serviceaccounts/default");
        eventually(SOON, || self.api.get(&account)).await.unwrap();
        self.api.create(&path, object).await.unwrap();
    }
}

fn pods(image: &str) -> Value {
    json!({ "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": image }], "restartPolicy": "Always" } })
}

fn deployment(name: &str, image: &str) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } }, "template": pods(image) } })
}

fn job(name: &str, image: &str) -> Value {
    let containers = json!([{ "name": "job", "image": image }]);
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name },
        "spec": { "backoffLimit": 0, "template": { "spec": { "containers": containers, "restartPolicy": "Never" } } } })
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind)?["status"].as_str()
}

async fn until(place: &Place, path: &str, what: impl Fn(&Value) -> bool) -> Value {
    let look = || async {
        let object = place
            .api
            .get(path)
            .await
            .map_err(|error| error.to_string())?;
        if what(&object) {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    };
    eventually(SOON, look).await.unwrap()
}

#[tokio::test]
async fn a_deployment_becomes_available_and_a_service_finds_its_pods() {
    let place = Place::new().await;
    place
        .create(
            "apis/apps/v1",
            "deployments",
            &deployment("web", "example.com/web:1"),
        )
        .await;
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } });
    place.create("api/v1", "services", &service).await;
    let path = place.path("apis/apps/v1", "deployments/web");
    until(&place, &path, |live| {
        condition(live, "Available") == Some("True")
    })
    .await;
    until(&place, &path, |live| live["status"]["readyReplicas"] == 2).await;
    let slices = place.path("apis/discovery.k8s.io/v1", "endpointslices");
    until(&place, &slices, |list| {
        list["items"].as_array().is_some_and(|items| {
            items.iter().any(|slice| {
                slice["endpoints"]
                    .as_array()
                    .is_some_and(|all| all.len() == 2)
            })
        })
    })
    .await;
}

#[tokio::test]
async fn a_broken_image_never_becomes_ready_until_it_is_replaced() {
    let place = Place::new().await;
    place
        .create(
            "apis/apps/v1",
            "deployments",
            &deployment("web", "example.com/web:broken-2"),
        )
        .await;
    let list = place.path("api/v1", "pods");
    let waiting = |pod: &Value| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    };
    until(&place, &list, |pods| {
        pods["items"]
            .as_array()
            .is_some_and(|items| items.len() == 2 && items.iter().all(waiting))
    })
    .await;
    let path = place.path("apis/apps/v1", "deployments/web");
    let live = until(&place, &path, |live| {
        live["status"]["unavailableReplicas"] == 2
    })
    .await;
    assert_eq!(condition(&live, "Available"), Some("False"));
    let fixed = json!({ "spec": { "template": pods("example.com/web:3") } });
    place.api.patch(&path, &fixed).await.unwrap();
    until(&place, &path, |live| {
        condition(live, "Available") == Some("True")
    })
    .await;
}

#[tokio::test]
async fn a_job_completes_unless_its_image_fails() {
    let place = Place::new().await;
    place
        .create(
            "apis/batch/v1",
            "jobs",
            &job("good", "example.com/migrate:1"),
        )
        .await;
    place
        .create(
            "apis/batch/v1",
            "jobs",
            &job("bad", "example.com/migrate:failing"),
        )
        .await;
    let path = |name: &str| place.path("apis/batch/v1", &format!("jobs/{name}"));
    until(&place, &path("good"), |live| {
        condition(live, "Complete") == Some("True")
    })
    .await;
    until(&place, &path("bad"), |live| {
        condition(live, "Failed") == Some("True")
    })
    .await;
}

#[tokio::test]
async fn a_deleted_namespace_goes_with_everything_in_it() {
    let place = Place::new().await;
    place
        .create(
            "apis/apps/v1",
            "deployments",
            &deployment("web", "example.com/web:1"),
        )
        .await;
    let path = place.path("apis/apps/v1", "deployments/web");
    until(&place, &path, |live| live["status"]["readyReplicas"] == 2).await;
    let namespace = format!("/api/v1/namespaces/{}", place.namespace);
    place.api.delete(&namespace).await.unwrap();
    let gone = || async {
        match place.api.get(&namespace).await {
            Err(lab::control_plane::ApiError::Refused { code: 404, .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    eventually(SOON, gone).await.unwrap();
}

#[tokio::test]
async fn the_audit_log_holds_each_call_before_it_is_answered() {
    let place = Place::new().await;
    let mark = place.lab.audit().mark().unwrap();
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "one" }, "data": { "a": "1" } });
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "two" }, "stringData": { "password": "swordfish" } });
    place
        .api
        .create(&place.path("api/v1", "configmaps"), &map)
        .await
        .unwrap();
    place
        .api
        .create(&place.path("api/v1", "secrets"), &secret)
        .await
        .unwrap();
    place
        .api
        .get(&place.path("api/v1", "configmaps/one"))
        .await
        .unwrap();
    let mine = place
        .lab
        .audit()
        .since(mark)
        .unwrap()
        .by("lab:admin")
        .within(&place.namespace);
    let calls: Vec<_> = mine
        .iter()
        .map(|entry| (&*entry.verb, &*entry.resource, entry.code))
        .collect();
    let expected = [
        ("create", "configmaps", 201),
        ("create", "secrets", 201),
        ("get", "configmaps", 200),
    ];
    assert_eq!(calls, expected, "{}", mine.summary());
    assert_eq!(mine.writes().len(), 2);
    assert_eq!(mine[0].request.as_ref().unwrap()["data"]["a"], "1");
    assert!(
        mine[1].request.is_none(),
        "bodies of secrets are not written down"
    );
}

#[tokio::test]
async fn a_service_account_has_its_own_rights_and_no_others() {
    let place = Place::new().await;
    let object =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "deployer" } });
    place.create("api/v1", "serviceaccounts", &object).await;
    let path = place
        .lab
        .kubeconfig_for_service_account(&place.namespace, "deployer")
        .await
        .unwrap();
    let config: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(place.lab.ca().as_bytes()).unwrap()])
        .build()
        .unwrap();
    let mark = place.lab.audit().mark().unwrap();
    let url = format!("{}{}", place.lab.url(), place.path("api/v1", "secrets"));
    let answer = client.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let user = format!("system:serviceaccount:{}:deployer", place.namespace);
    let mine = place.lab.audit().since(mark).unwrap().by(&user);
    assert_eq!(mine.len(), 1, "{}", mine.summary());
}

#[tokio::test]
async fn a_killed_api_server_comes_back_with_its_data() {
    let options =
        Options::apiserver_only().feature_gate("AnonymousAuthConfigurableEndpoints", true);
    let lab = ControlPlane::start(options.apiserver_flag("--max-requests-inflight=77"))
        .await
        .unwrap();
    let api = lab.api().unwrap();
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kept" } });
    api.create("/api/v1/namespaces/default/configmaps", &map)
        .await
        .unwrap();
    lab.kill(Part::ApiServer);
    assert!(
        api.get("/api/v1/namespaces/default/configmaps/kept")
            .await
            .is_err()
    );
    lab.restart(Part::ApiServer).await.unwrap();
    api.get("/api/v1/namespaces/default/configmaps/kept")
        .await
        .unwrap();
}

#[tokio::test]
async fn two_control_planes_run_side_by_side() {
    let start = || ControlPlane::start(Options::apiserver_only());
    let (first, second) = tokio::join!(start(), start());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.url(), second.url());
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "mine" } });
    let path = "/api/v1/namespaces/default/configmaps";
    first.api().unwrap().create(path, &map).await.unwrap();
    assert!(
        second
            .api()
            .unwrap()
            .get(&format!("{path}/mine"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_wrong_flag_is_told_with_the_servers_own_words() {
    let since = Instant::now();
    let options = Options::apiserver_only().apiserver_flag("--no-such-flag");
    let error = ControlPlane::start(options).await.unwrap_err().to_string();
    assert!(error.contains("no-such-flag"), "{error}");
    assert!(since.elapsed() < SOON);
}
