//! The audit pass: it finds nothing where all is well, finds what no watch can tell, and costs nothing unless asked.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use lab::eventually;
use serde_json::{Value, json};

/// What `/metrics` says of a counter.
async fn counter(agent: &Agent, name: &str) -> Result<u64> {
    let url = format!("http://127.0.0.1:{}/metrics", agent.port);
    let text = reqwest::get(url).await?.text().await?;
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split(' ').nth(1));
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| anyhow::anyhow!("no {name} in {text}"))
}

/// The value of the ConfigMap, and when the agent's entry in its managed fields was written.
async fn seen(shop: &Shop) -> Result<(String, Option<String>)> {
    let map = serde_json::to_value(shop.maps().get("a").await?)?;
    let entries = map["metadata"]["managedFields"].as_array().cloned();
    let own = entries.into_iter().flatten().find(|entry| {
        entry["manager"] == api::names::FIELD_MANAGER && entry["operation"] == "Apply"
    });
    let time = own.and_then(|own| own["time"].as_str().map(str::to_owned));
    Ok((
        map["data"]["key"].as_str().unwrap_or_default().to_owned(),
        time,
    ))
}

/// Applies another value under the agent's own name in the second in which the agent itself has applied: the one
/// change that no record of owners shows, because its times have whole seconds.
async fn change_unseen(shop: &Shop) -> Result<()> {
    for _ in 0..4 {
        let now = jiff::Timestamp::now();
        let rest = 1_050 - u64::try_from(now.subsec_millisecond())?;
        tokio::time::sleep(Duration::from_millis(rest)).await; // sleeps because a second has to be young
        let edit = Patch::Merge(json!({ "data": { "key": "edited" } }));
        let editor = PatchParams {
            field_manager: Some("kubectl-edit".to_owned()),
            ..PatchParams::default()
        };
        shop.maps().patch("a", &editor, &edit).await?;
        let repaired = eventually(PATIENCE, || async {
            let (value, time) = seen(shop).await?;
            ensure!(value == "git", "{value}");
            Ok(time)
        })
        .await?;
        let label = json!({ api::names::ENVIRONMENT_LABEL: format!("{}.shop", shop.namespace) });
        let whole = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "labels": label }, "data": { "key": "unseen" } });
        let params = PatchParams::apply(api::names::FIELD_MANAGER).force();
        shop.maps()
            .patch("a", &params, &Patch::Apply(whole))
            .await?;
        if seen(shop).await? == ("unseen".to_owned(), repaired) {
            return Ok(());
        }
    }
    anyhow::bail!("the machine is too slow to do two things in one second")
}

async fn ask(shop: &Shop, value: &str) -> Result<api::v1alpha1::AuditStatus> {
    shop.change(json!({ "metadata": { "annotations": { api::names::AUDIT_AT: value } } }))
        .await?;
    let done = |status: &api::v1alpha1::EnvironmentStatus| {
        status
            .audit
            .as_ref()
            .is_some_and(|audit| audit.request == value)
    };
    let status = shop.status("audited", done).await?;
    Ok(status.audit.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_on_request_compares_everything_and_tells_places_only() -> Result<()> {
    let shop = Shop::new("audit").await?;
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: canary }\n";
    let files = [
        ("kustomization.yaml", Some("resources: [a.yaml, s.yaml]\n")),
        (
            "a.yaml",
            Some("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { key: git }\n"),
        ),
        ("s.yaml", Some(secret)),
    ];
    let first = shop.push("first", &files)?;
    let agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.settled().await?;
    let audit = ask(&shop, "one").await?;
    assert_eq!((audit.checked, audit.missed, audit.message), (2, 0, None));
    let requests = shop.requests(mark)?;
    let changing = requests
        .writes()
        .only(|entry| entry.resource != "environments" && !entry.dry_run);
    assert!(changing.is_empty(), "{}", changing.summary());
    // A real difference that no watch tells is found, told by its place, and put right.
    change_unseen(&shop).await?;
    let audit = ask(&shop, "two").await?;
    assert_eq!((audit.checked, audit.missed), (2, 1), "{audit:?}");
    let place = (
        audit.entries[0].object.as_str(),
        audit.entries[0].field.as_str(),
    );
    assert_eq!(
        place,
        (&*format!("ConfigMap/{}/a", shop.namespace), "data.key")
    );
    assert_eq!(counter(&agent, "driftless_audit_missed_total").await?, 1);
    eventually(PATIENCE, || async {
        let (now, _) = seen(&shop).await?;
        ensure!(now == "git", "{now}");
        anyhow::Ok(())
    })
    .await?;
    let secrets: Api<Secret> = Api::namespaced(shop.client.clone(), &shop.namespace);
    ensure!(secrets.get_opt("s").await?.is_some());
    let told: Value = serde_json::to_value(shop.environments().get("shop").await?.status)?;
    ensure!(!told.to_string().contains("canary") && !agent.process.output().contains("canary"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slow_audit_goes_round_all_objects() -> Result<()> {
    let shop = Shop::new("turns").await?;
    let first = shop.push_maps("three", &[("a", "1"), ("b", "1"), ("c", "1")])?;
    let mut options = AgentOptions::alone(&shop.namespace);
    options.audit_per_minute = 12;
    let agent = Agent::start(shop.world, options)?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let mark = shop.mark()?;
    eventually(PATIENCE, || async {
        let checked = counter(&agent, "driftless_audit_checked_total").await?;
        ensure!(checked >= 3, "{checked}");
        anyhow::Ok(())
    })
    .await?;
    let rehearsed = shop.requests(mark)?.only(|entry| entry.dry_run);
    for name in ["a", "b", "c"] {
        assert!(
            !rehearsed.named(name).is_empty(),
            "{name}:\n{}",
            rehearsed.summary()
        );
    }
    assert_eq!(counter(&agent, "driftless_audit_missed_total").await?, 0);
    Ok(())
}
