//! What API servers make of what git says, and what others do beside us: none of it is drift, and a real edit of
//! each of these objects is found.
//!
//! Defaults, quantities, ports of one number, numbers or names, nulls, empty maps, `stringData`, `status` in git, older
//! versions of an API, unknown fields that are kept, fields that admission adds or takes from us, an autoscaler and
//! an injected `caBundle`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop, World};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use lab::{Options, eventually};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const OBJECTS: &str = include_str!("quirks/objects.yaml");
const DEFINITION: &str = include_str!("quirks/definition.yaml");
/// Longer than any retry or resync of an agent that would not come to rest.
const QUIET: Duration = Duration::from_secs(20);

/// A cluster with policies that change what is applied.
async fn world() -> &'static World {
    static WORLD: OnceCell<&'static World> = OnceCell::const_new();
    let make = || async {
        let options = Options::default()
            .feature_gate("MutatingAdmissionPolicy", true)
            .apiserver_flag("--runtime-config=admissionregistration.k8s.io/v1beta1=true");
        World::start(options)
            .await
            .expect("the world is made or no test can run")
    };
    WORLD.get_or_init(make).await
}

/// A policy that changes objects of `resource` in the scenario's namespace by JSON patches in CEL.
async fn policy(shop: &Shop, name: &str, resource: (&str, &str), rule: (&str, &str)) -> Result<()> {
    let api = shop.world.control_plane.api()?;
    let root = "/apis/admissionregistration.k8s.io/v1beta1";
    let name = format!("{}-{name}", shop.namespace);
    let (condition, patch) = rule;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": {
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": shop.namespace } },
                "resourceRules": [{ "apiGroups": [resource.0], "apiVersions": ["v1"], "resources": [resource.1],
                    "operations": ["CREATE", "UPDATE"] }],
            },
            "matchConditions": [{ "name": "it", "expression": condition }],
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": patch } }],
        },
    });
    api.create(&format!("{root}/mutatingadmissionpolicies"), &policy)
        .await?;
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": { "name": name }, "spec": { "policyName": name },
    });
    api.create(&format!("{root}/mutatingadmissionpolicybindings"), &binding)
        .await?;
    Ok(())
}

/// Waits until the policies act: the API server takes a moment to notice them.
async fn policies_act(shop: &Shop) -> Result<()> {
    let params = PatchParams::apply("probe").force();
    let probe = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "taken" }, "data": { "key": "x" } });
    eventually(PATIENCE, || async {
        let made = shop
            .maps()
            .patch("taken", &params, &Patch::Apply(&probe))
            .await?;
        let key = made.data.unwrap_or_default().remove("key");
        ensure!(key.as_deref() == Some("policy"), "{key:?}");
        anyhow::Ok(())
    })
    .await?;
    shop.maps()
        .delete("taken", &kube::api::DeleteParams::default())
        .await?;
    Ok(())
}

fn objects(shop: &Shop, api_version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    let gvk = krm::Gvk::new(api_version, kind);
    let kind = GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    match plural {
        "validatingwebhookconfigurations" => Api::all_with(shop.client.clone(), &resource),
        _ => Api::namespaced_with(shop.client.clone(), &shop.namespace, &resource),
    }
}

fn by(manager: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    }
}

/// Rights for what the applications of most do not bring along.
async fn more_rights(shop: &Shop) -> Result<()> {
    let role = json!({
        "metadata": { "name": shop.namespace, "labels": { "driftless.dev/aggregate-to-deployer": "true" } },
        "rules": [
            { "apiGroups": ["quirks.example.com"], "resources": ["*"], "verbs": ["*"] },
            { "apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingwebhookconfigurations"], "verbs": ["*"] },
        ],
    });
    let api = shop.world.control_plane.api()?;
    api.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role)
        .await?;
    Ok(())
}

/// One object, and what somebody does to it.
struct Edit {
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    name: String,
    patch: Patch<Value>,
}

#[expect(clippy::too_many_lines, reason = "a table: one row per edit")]
fn edits(namespace: &str) -> Vec<Edit> {
    let merge = |api_version, kind, plural, name: &str, patch| Edit {
        api_version,
        kind,
        plural,
        name: name.to_owned(),
        patch: Patch::Merge(patch),
    };
    let web = json!([{ "name": "web", "resources": { "limits": { "memory": "2Gi" } } }]);
    let ports = json!([{ "name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 5353 }]);
    vec![
        Edit {
            patch: Patch::Strategic(
                json!({ "spec": { "template": { "spec": { "containers": web } } } }),
            ),
            ..merge("apps/v1", "Deployment", "deployments", "web", Value::Null)
        },
        merge(
            "apps/v1",
            "Deployment",
            "deployments",
            "scaled",
            json!({ "spec": { "revisionHistoryLimit": 7 } }),
        ),
        Edit {
            patch: Patch::Strategic(json!({ "spec": { "ports": ports } })),
            ..merge("v1", "Service", "services", "dns", Value::Null)
        },
        merge(
            "v1",
            "Secret",
            "secrets",
            "login",
            json!({ "data": { "password": "ZWRpdGVk" } }),
        ),
        merge(
            "v1",
            "ConfigMap",
            "configmaps",
            "empty",
            json!({ "metadata": { "labels": { "quirk": "edited" } } }),
        ),
        merge(
            "v1",
            "ConfigMap",
            "configmaps",
            "taken",
            json!({ "data": { "beside": "edited" } }),
        ),
        merge(
            "v1",
            "ConfigMap",
            "configmaps",
            "injected",
            json!({ "data": { "key": "edited" } }),
        ),
        merge(
            "quirks.example.com/v1",
            "Quirk",
            "quirks",
            "older",
            json!({ "spec": { "port": "https" } }),
        ),
        merge(
            "quirks.example.com/v1",
            "Quirk",
            "quirks",
            "one",
            json!({ "spec": { "amount": "2000m" } }),
        ),
        merge(
            "quirks.example.com/v1",
            "Quirk",
            "quirks",
            "one",
            json!({ "spec": { "free": { "deep": { "a": 2 } } } }),
        ),
        Edit {
            patch: Patch::Strategic(
                json!({ "webhooks": [{ "name": "quirk.example.com", "failurePolicy": "Fail" }] }),
            ),
            ..merge(
                "admissionregistration.k8s.io/v1",
                "ValidatingWebhookConfiguration",
                "validatingwebhookconfigurations",
                namespace,
                Value::Null,
            )
        },
    ]
}

/// Commits everything, and waits until it is as it should be.
async fn settle(shop: &Shop) -> Result<e2e::Agent> {
    policy(
        shop,
        "taken",
        ("", "configmaps"),
        (
            "object.metadata.name == 'taken'",
            r#"[JSONPatch{op: "add", path: "/data/key", value: "policy"}]"#,
        ),
    )
    .await?;
    policy(
        shop,
        "injected",
        ("", "configmaps"),
        (
            "object.metadata.name == 'injected' && !has(object.data.added)",
            r#"[JSONPatch{op: "add", path: "/data/added", value: "policy"}]"#,
        ),
    )
    .await?;
    policy(shop, "sidecar", ("apps", "deployments"), (
        "object.metadata.name == 'web' && !object.spec.template.spec.containers.exists(c, c.name == 'side')",
        r#"[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "side", image: "side:1"}}]"#,
    ))
    .await?;
    more_rights(shop).await?;
    policies_act(shop).await?;
    let objects = OBJECTS.replace("NAMESPACE", &shop.namespace);
    let files = [
        (
            "kustomization.yaml",
            Some("resources: [definition.yaml, objects.yaml]\n"),
        ),
        ("definition.yaml", Some(DEFINITION)),
        ("objects.yaml", Some(&*objects)),
    ];
    let first = shop.push("quirks", &files)?;
    let agent = shop.agent()?;
    shop.environment(json!({ "adopt": "unowned" })).await?;
    shop.ready_at(&first).await?;
    Ok(agent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quirks_are_no_drift_and_real_edits_are() -> Result<()> {
    let shop = Shop::within(world().await, "quirks").await?;
    let agent = settle(&shop).await?;
    // An autoscaler scales what git gives no number for; an injector fills in a certificate.
    let scaled = objects(&shop, "apps/v1", "Deployment", "deployments");
    let three = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    let autoscaler = by("kube-controller-manager");
    scaled.patch_scale("scaled", &autoscaler, &three).await?;
    let webhooks = objects(
        &shop,
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    );
    let bundle = json!({ "webhooks": [{ "name": "quirk.example.com", "clientConfig": { "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" } }] });
    // An invalid bundle would be refused; any text in base64 is not read before it is used.
    webhooks
        .patch(
            &shop.namespace,
            &by("cainjector"),
            &Patch::Strategic(bundle),
        )
        .await
        .context("caBundle")?;
    let side = scaled.get("web").await?;
    assert_eq!(
        side.data["spec"]["template"]["spec"]["containers"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let mark = shop.settled().await?;
    tokio::time::sleep(QUIET).await; // sleeps because quiet time is what is measured
    let work = shop.requests(mark)?.work();
    assert!(
        work.is_empty(),
        "{}\n{}",
        work.summary(),
        agent.process.tail()
    );
    assert_eq!(scaled.get("scaled").await?.data["spec"]["replicas"], 3);
    let status = shop.status("in sync", e2e::is_ready).await?;
    assert_eq!(status.drift.count, 0);
    assert!(status.drift.entries.is_empty(), "{:?}", status.drift);
    assert_eq!(status.foreign.count, 0, "{:?}", status.foreign);
    every_edit_is_found(&shop).await
}

async fn every_edit_is_found(shop: &Shop) -> Result<()> {
    for edit in edits(&shop.namespace) {
        let api = objects(shop, edit.api_version, edit.kind, edit.plural);
        let before = serde_json::to_value(shop.environments().get("shop").await?.status)?["drift"]
            ["entries"]
            .clone();
        let edited = api
            .patch(&edit.name, &by("kubectl-edit"), &edit.patch)
            .await;
        let edited = edited.with_context(|| format!("{} {}", edit.kind, edit.name))?;
        let named = format!(
            "{}/{}",
            edit.kind,
            match edit.plural {
                "validatingwebhookconfigurations" => edit.name.clone(),
                _ => format!("{}/{}", shop.namespace, edit.name),
            }
        );
        let told = |status: &api::v1alpha1::EnvironmentStatus| {
            let new = status
                .drift
                .entries
                .first()
                .is_some_and(|entry| entry.object == named);
            new && serde_json::to_value(&status.drift.entries)
                .is_ok_and(|entries| entries != before)
        };
        shop.status(&format!("an edit of {named} found"), told)
            .await?;
        eventually(PATIENCE, || async {
            let now = api.get(&edit.name).await?;
            ensure!(
                now.data != edited.data || now.metadata.labels != edited.metadata.labels,
                "still edited: {named}"
            );
            anyhow::Ok(())
        })
        .await?;
    }
    Ok(())
}
