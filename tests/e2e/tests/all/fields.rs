//! Fields that are left to others, fields that others add, objects that others made, and objects that are only
//! made once.

use anyhow::{Context as _, Result, ensure};
use api::v1alpha1::{Action, DriftAction};
use e2e::{Agent, PATIENCE, Shop};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use lab::eventually;
use serde_json::{Value, json};

/// A Deployment with resources and replicas, and with an annotation if there is one to set.
fn web(replicas: &str, image: &str, annotation: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: {{ {annotation} }}\nspec:\n  {replicas}\n  selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      containers:\n      - name: web\n        image: {image}\n        resources: {{ limits: {{ cpu: 100m }} }}\n"
    )
}

fn map(name: &str, annotation: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{ {annotation} }}\ndata:\n  key: {value}\n"
    )
}

fn manager(name: &str) -> PatchParams {
    PatchParams {
        field_manager: Some(name.to_owned()),
        ..PatchParams::default()
    }
}

/// A shop whose one object is `file`, ready.
async fn shop(name: &str, file: &str, spec: Value) -> Result<(Shop, Agent)> {
    let shop = Shop::new(name).await?;
    let first = push(&shop, file)?;
    let agent = shop.agent()?;
    shop.environment(spec).await?;
    shop.ready_at(&first).await?;
    Ok((shop, agent))
}

/// Commits `file` as the only object.
fn push(shop: &Shop, file: &str) -> Result<String> {
    let files = [
        ("kustomization.yaml", Some("resources: [it.yaml]\n")),
        ("it.yaml", Some(file)),
    ];
    shop.push("a change", &files)
}

fn deployments(shop: &Shop) -> Api<Deployment> {
    Api::namespaced(shop.client.clone(), &shop.namespace)
}

async fn live(shop: &Shop) -> Result<Value> {
    Ok(serde_json::to_value(deployments(shop).get("web").await?)?)
}

const CPU: &str = "/spec/template/spec/containers/0/resources/limits/cpu";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignored_field_is_set_once_and_then_left_to_others() -> Result<()> {
    let rules = json!({ "ignore": [{ "kinds": ["Deployment"], "fields": [
        "/spec/replicas", "/spec/template/spec/containers[name=web]/resources"] }] });
    let (shop, _agent) = shop("ignored", &web("replicas: 2", "web:1", ""), rules).await?;
    let made = live(&shop).await?;
    assert_eq!(
        (&made["spec"]["replicas"], made.pointer(CPU)),
        (&json!(2), Some(&json!("100m")))
    );
    let mark = shop.mark()?;
    let five = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    deployments(&shop)
        .patch_scale("web", &manager("kubectl"), &five)
        .await?;
    let more = json!([{ "name": "web", "resources": { "limits": { "cpu": "300m" } } }]);
    let more =
        Patch::Strategic(json!({ "spec": { "template": { "spec": { "containers": more } } } }));
    deployments(&shop)
        .patch("web", &manager("vpa"), &more)
        .await?;
    // A change of the very field in git is none; one beside it is applied and puts nothing back.
    push(&shop, &web("replicas: 3", "web:1", ""))?;
    let third = push(&shop, &web("replicas: 3", "web:2", ""))?;
    let status = shop.ready_at(&third).await?;
    let after = live(&shop).await?;
    assert_eq!(
        after.pointer("/spec/template/spec/containers/0/image"),
        Some(&json!("web:2"))
    );
    assert_eq!(
        (&after["spec"]["replicas"], after.pointer(CPU)),
        (&json!(5), Some(&json!("300m")))
    );
    assert_eq!(status.drift.count, 0);
    assert!(status.drift.entries.is_empty(), "{:?}", status.drift);
    let writes = shop.requests(mark)?.writes().of("deployments");
    assert_eq!(writes.len(), 1, "{}", writes.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_can_leave_git_and_stay_and_come_back() -> Result<()> {
    let (shop, _agent) = shop("handed", &web("replicas: 2", "web:1", ""), json!({})).await?;
    // The same commit takes the field out and says that it is left to others.
    let left = "driftless.dev/ignore: /spec/replicas";
    let second = push(&shop, &web("", "web:1", left))?;
    shop.ready_at(&second).await?;
    assert_eq!(
        live(&shop).await?["spec"]["replicas"],
        2,
        "without the rule it would be 1 now"
    );
    let five = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
    deployments(&shop)
        .patch_scale("web", &manager("hpa"), &five)
        .await?;
    let third = push(&shop, &web("", "web:2", left))?;
    shop.ready_at(&third).await?;
    assert_eq!(live(&shop).await?["spec"]["replicas"], 5);
    let back = push(&shop, &web("replicas: 3", "web:2", ""))?;
    shop.ready_at(&back).await?;
    let object = live(&shop).await?;
    assert_eq!(object["spec"]["replicas"], 3);
    assert!(
        !object["metadata"]["managedFields"]
            .to_string()
            .contains(api::names::KEEPER)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_path_is_refused_by_name_with_a_hint() -> Result<()> {
    let shop = Shop::new("badpath").await?;
    push(&shop, &web("", "web:1", ""))?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "ignore": [{ "fields": ["spec.replicas"] }] }))
        .await?;
    let ready = shop.not_ready("InvalidSpec").await?;
    assert!(
        ready.message.contains("spec.ignore[0].fields[0]")
            && ready.message.contains("write /spec/replicas"),
        "{}",
        ready.message
    );
    // One that is well written and does not fit the object: the object is refused, with its file and line.
    shop.change(
        json!({ "spec": { "ignore": [{ "fields": ["/spec/template/spec/containers/0/image"] }] } }),
    )
    .await?;
    let ready = shop.not_ready("ApplyFailed").await?;
    assert!(
        ready.message.contains("it.yaml:1") && ready.message.contains("containers[name=…]"),
        "{}",
        ready.message
    );
    // One that the API server keeps as one piece is refused, and the value stays.
    let listed = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: r }\nrules:\n- { apiGroups: [\"\"], resources: [pods], verbs: [get] }\n";
    push(&shop, listed)?;
    shop.change(json!({ "spec": { "ignore": [{ "fields": ["/rules[*]/verbs"] }] } }))
        .await?;
    let told = |status: &api::v1alpha1::EnvironmentStatus| {
        let failure = status.failures.first();
        failure.is_some_and(|failure| {
            failure
                .message
                .contains("/rules, which the API server keeps as one piece")
        })
    };
    shop.status("refused as one piece", told).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_add_is_told_and_is_no_drift() -> Result<()> {
    let (shop, _agent) = shop("foreign", &map("a", "", "git"), json!({})).await?;
    let mark = shop.mark()?;
    let theirs = Patch::Merge(
        json!({ "metadata": { "annotations": { "note": "x" } }, "data": { "extra": "x" } }),
    );
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &theirs)
        .await?;
    let status = shop
        .status("two foreign fields", |status| status.foreign.count == 2)
        .await?;
    let told: Vec<_> = status
        .foreign
        .entries
        .iter()
        .map(|entry| (entry.field.as_str(), entry.manager.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("data.extra", "kubectl-edit"),
            ("metadata.annotations.note", "kubectl-edit")
        ]
    );
    assert_eq!(status.drift.count, 0);
    assert!(e2e::is_ready(&status));
    // A controller's annotation is nobody's business.
    let controller =
        Patch::Merge(json!({ "metadata": { "annotations": { "example.com/seen": "x" } } }));
    shop.maps()
        .patch("a", &manager("some-operator"), &controller)
        .await?;
    let gone = Patch::Merge(
        json!({ "metadata": { "annotations": { "note": null } }, "data": { "extra": null } }),
    );
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &gone)
        .await?;
    shop.status("no foreign fields", |status| status.foreign.count == 0)
        .await?;
    let writes = shop.requests(mark)?.writes().of("configmaps");
    assert!(writes.is_empty(), "{}", writes.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_add_is_taken_out_where_the_spec_says_so() -> Result<()> {
    let rules = json!({ "foreignFields": "remove" });
    let (shop, _agent) = shop("removed", &web("", "web:1", ""), rules).await?;
    let mark = shop.mark()?;
    let sidecar = json!({ "metadata": { "annotations": { "note": "x" }, "finalizers": ["example.com/keep"] },
        "spec": { "template": { "spec": { "containers": [{ "name": "debug", "image": "debug:1" }] } } } });
    deployments(&shop)
        .patch("web", &manager("kubectl-patch"), &Patch::Strategic(sidecar))
        .await?;
    let containers = |object: &Value| {
        object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .map_or(0, Vec::len)
    };
    eventually(PATIENCE, || async {
        let object = live(&shop).await?;
        ensure!(containers(&object) == 1, "{}", containers(&object));
        anyhow::Ok(())
    })
    .await?;
    let status = shop
        .status("told as removed", |status| {
            status
                .drift
                .entries
                .iter()
                .any(|entry| entry.action == DriftAction::Removed)
        })
        .await?;
    let object = live(&shop).await?;
    assert_eq!(object["metadata"]["annotations"].get("note"), None);
    assert_eq!(
        object["metadata"]["finalizers"],
        json!(["example.com/keep"]),
        "it guards something"
    );
    assert_eq!(status.drift.count, 0);
    let left: Vec<_> = status
        .foreign
        .entries
        .iter()
        .map(|entry| entry.field.as_str())
        .collect();
    assert_eq!(left, ["metadata.finalizers"]);
    let writes = shop.requests(mark)?.writes().of("deployments");
    // A write that the Deployment's controller came before is refused, and made again.
    let writes = writes.only(lab::audit::Entry::succeeded);
    assert_eq!(
        writes.len(),
        2,
        "one to take the fields over, one to drop them:\n{}",
        writes.summary()
    );
    let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    deployments(&shop)
        .patch("web", &manager("kubectl-edit"), &free)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn an_object_of_another_tool_is_taken_over_without_losing_or_doubling_anything() -> Result<()>
{
    for tool in [
        "kubectl-client-side-apply",
        "kustomize-controller",
        "argocd-controller",
        "kubectl",
    ] {
        let shop = Shop::new("takeover").await?;
        let made = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "annotations": { "old": "x" } },
            "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": {
                "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "web", "image": "web:1",
                    "env": [{ "name": "A", "value": "1" }, { "name": "OLD", "value": "1" }],
                    "ports": [{ "containerPort": 53 }, { "containerPort": 53, "protocol": "UDP" }],
                    "resources": { "limits": { "cpu": "100m" } } }] } } } });
        if tool == "kubectl-client-side-apply" {
            let params = PostParams {
                field_manager: Some(tool.to_owned()),
                dry_run: false,
            };
            deployments(&shop)
                .create(&params, &serde_json::from_value(made)?)
                .await?;
        } else {
            let params = PatchParams::apply(tool);
            deployments(&shop)
                .patch("web", &params, &Patch::Apply(made))
                .await?;
        }
        let uid = deployments(&shop).get("web").await?.metadata.uid;
        let ours = web("", "web:1", "driftless.dev/adopt: allowed")
            + "        env: [{ name: A, value: \"1\" }]\n        ports: [{ containerPort: 53 }, { containerPort: 53, protocol: UDP }]\n";
        let first = push(&shop, &ours)?;
        let _agent = shop.agent()?;
        shop.environment(json!({})).await?;
        shop.ready_at(&first).await?;
        let object = live(&shop).await?;
        let container = &object["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["env"],
            json!([{ "name": "A", "value": "1" }]),
            "{tool}"
        );
        assert_eq!(
            container["ports"].as_array().map(Vec::len),
            Some(2),
            "{tool}"
        );
        assert_eq!(object["metadata"]["annotations"].get("old"), None, "{tool}");
        assert_eq!(object["metadata"]["uid"].as_str(), uid.as_deref());
        let release = shop.releases().await?.pop().context("a release")?;
        let change = release
            .status
            .unwrap_or_default()
            .changes
            .pop()
            .context("a change")?;
        assert_eq!(
            (change.action, change.from),
            (Action::Adopted, vec![tool.to_owned()])
        );
        // What git drops later is gone, too.
        let second = push(&shop, &web("", "web:1", ""))?;
        shop.ready_at(&second).await?;
        let container = live(&shop).await?["spec"]["template"]["spec"]["containers"][0].clone();
        assert_eq!(
            (container.get("env"), container.get("ports")),
            (None, None),
            "{tool}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn once_makes_what_is_missing_and_leaves_the_rest_alone() -> Result<()> {
    let once = "driftless.dev/apply: once";
    let shop = Shop::new("once").await?;
    let stranger: ConfigMap = serde_json::from_value(
        json!({ "metadata": { "name": "b" }, "data": { "key": "theirs" } }),
    )?;
    shop.maps()
        .create(&PostParams::default(), &stranger)
        .await?;
    let files = |value: &str, which: &str| {
        shop.push(
            "maps",
            &[
                (
                    "kustomization.yaml",
                    Some(&*format!("resources: [{which}]\n")),
                ),
                ("a.yaml", Some(&*map("a", once, value))),
                ("b.yaml", Some(&*map("b", once, value))),
                ("c.yaml", Some(&*map("c", "", value))),
            ],
        )
    };
    let first = files("one", "a.yaml, b.yaml, c.yaml")?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let value = async |name: &str| {
        anyhow::Ok(shop.maps().get(name).await?.data.unwrap_or_default()["key"].clone())
    };
    assert_eq!(
        (value("a").await?, value("b").await?),
        ("one".to_owned(), "theirs".to_owned())
    );
    let edited = Patch::Merge(json!({ "data": { "key": "edited" } }));
    shop.maps()
        .patch("a", &manager("kubectl-edit"), &edited)
        .await?;
    let second = files("two", "a.yaml, b.yaml, c.yaml")?;
    let status = shop.ready_at(&second).await?;
    assert_eq!(
        (value("a").await?, value("b").await?, value("c").await?),
        ("edited".to_owned(), "theirs".to_owned(), "two".to_owned())
    );
    assert_eq!(status.drift.count, 0);
    assert!(status.drift.entries.is_empty(), "{:?}", status.drift);
    // Missing again: made again, as git has it now.
    shop.maps().delete("a", &DeleteParams::default()).await?;
    eventually(PATIENCE, || async {
        ensure!(value("a").await? == "two");
        anyhow::Ok(())
    })
    .await?;
    // What leaves git is deleted, but never what was there before.
    let third = files("two", "c.yaml")?;
    shop.ready_at(&third).await?;
    let names = |list: kube::core::ObjectList<ConfigMap>| {
        list.into_iter()
            .filter_map(|map| map.metadata.name)
            .collect::<Vec<_>>()
    };
    let left = names(shop.maps().list(&ListParams::default()).await?);
    assert!(
        left.contains(&"b".to_owned()) && !left.contains(&"a".to_owned()),
        "{left:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_and_merge_leave_more_to_others_and_a_bad_word_is_refused() -> Result<()> {
    let shop = Shop::new("modes").await?;
    let both = |first: &str, second: &str, value: &str| {
        shop.push(
            "maps",
            &[
                ("kustomization.yaml", Some("resources: [a.yaml, b.yaml]\n")),
                ("a.yaml", Some(&*map("a", first, value))),
                ("b.yaml", Some(&*map("b", second, value))),
            ],
        )
    };
    let (never, merge) = ("driftless.dev/apply: never", "driftless.dev/apply: merge");
    let first = both(never, merge, "one")?;
    let _agent = shop.agent()?;
    shop.environment(json!({ "foreignFields": "remove" }))
        .await?;
    shop.ready_at(&first).await?;
    assert!(shop.maps().get_opt("a").await?.is_none(), "never made");
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs", "extra": "theirs" } }));
    shop.maps()
        .patch("b", &manager("kubectl-edit"), &theirs)
        .await?;
    eventually(PATIENCE, || async {
        let data = shop.maps().get("b").await?.data.unwrap_or_default();
        ensure!(
            data["key"] == "one" && data["extra"] == "theirs",
            "{data:?}"
        );
        anyhow::Ok(())
    })
    .await?;
    let second = both(never, merge, "two")?;
    let status = shop.ready_at(&second).await?;
    assert_eq!(
        shop.maps().get("b").await?.data.unwrap_or_default()["extra"],
        "theirs"
    );
    assert_eq!(status.foreign.count, 0, "they are welcome");
    both("driftless.dev/apply: sometimes", merge, "two")?;
    let ready = shop.not_ready("ApplyFailed").await?;
    for part in ["a.yaml:1", "driftless.dev/apply", "sometimes", "\"once\""] {
        assert!(ready.message.contains(part), "{part}: {}", ready.message);
    }
    Ok(())
}
