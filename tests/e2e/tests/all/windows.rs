//! Windows: what waits for one, what does not, and who may let it through.

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop, config_map};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kube::api::{Patch, PatchParams};
use lab::eventually;
use serde_json::{Value, json};

/// Closed at any time.
fn freeze() -> Value {
    json!([{ "kind": "deny", "schedule": "* * * * *", "duration": "1h" }])
}

/// Somebody edits a ConfigMap by hand.
async fn edit(shop: &Shop, name: &str, value: &str) -> Result<()> {
    let patch = Patch::Merge(json!({ "data": { "key": value } }));
    shop.maps()
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

async fn has_value(shop: &Shop, name: &str, value: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(
            values.get(name).is_some_and(|has| has == value),
            "{values:?}"
        );
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_its_windows_a_revision_is_shown_and_only_drift_is_put_right() -> Result<()> {
    let shop = Shop::new("freeze").await?;
    let first = shop.push_maps("first", &[("a", "1"), ("b", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    shop.change(json!({ "spec": { "windows": freeze() } }))
        .await?;
    let mark = shop.mark()?;
    let second = shop.push_maps("second", &[("a", "2"), ("c", "2")])?;
    let ready = shop.not_ready("OutsideWindow").await?;
    ensure!(
        ready.message.contains("deny * * * * * for 1h (UTC)"),
        "{}",
        ready.message
    );
    let status = shop
        .status("a waiting revision", |status| status.waiting.is_some())
        .await?;
    let waiting = status.waiting.context("waits")?;
    let told: Vec<_> = waiting
        .changes
        .iter()
        .map(|change| format!("{} {}", change.action.as_str(), change.object))
        .collect();
    let place = |name: &str| format!("ConfigMap/{}/{name}", shop.namespace);
    let wanted = [
        format!("update {}", place("a")),
        format!("create {}", place("c")),
        format!("delete {}", place("b")),
    ];
    assert_eq!((told, waiting.revision), (wanted.to_vec(), second.clone()));
    assert_eq!(status.revision.applied.as_deref(), Some(first.as_str()));
    edit(&shop, "a", "by hand").await?;
    has_value(&shop, "a", "1").await?;
    // The log has a request only once it is answered, when others may have seen what it did.
    eventually(PATIENCE, || async {
        let repaired = shop.requests(mark)?.writes().of("configmaps");
        ensure!(!repaired.is_empty(), "no repair in the log");
        Ok(())
    })
    .await?;
    let writes = shop.requests(mark)?.writes().of("configmaps");
    assert_eq!(writes.len(), 1, "only the repair:\n{}", writes.summary());
    assert_eq!(shop.releases().await?.len(), 1, "it has not begun");
    let status = shop.driftless(&["status", "shop"])?;
    let text = String::from_utf8_lossy(&status.stdout);
    ensure!(
        text.contains("Waiting") && text.contains("closed"),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_applied_when_the_window_opens_and_nothing_asks_before() -> Result<()> {
    let shop = Shop::new("opens").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    // The first full minute that is far enough away to get everything in place before it.
    let soon = Timestamp::now() + SignedDuration::from_secs(80);
    let minute = soon.as_second() / 60 * 60;
    let opens = Timestamp::from_second(minute)?;
    let schedule = TimeZone::UTC
        .to_datetime(opens)
        .strftime("%M %H * * *")
        .to_string();
    let windows = json!([{ "kind": "allow", "schedule": schedule, "duration": "30m" }]);
    shop.change(json!({ "spec": { "windows": windows } }))
        .await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.not_ready("OutsideWindow").await?;
    let status = shop
        .status("a waiting revision", |status| status.waiting.is_some())
        .await?;
    let until = status.waiting.and_then(|waiting| waiting.until);
    assert_eq!(until.map(|until| until.0), Some(opens));
    let mark = shop.settled().await?;
    shop.ready_at(&second).await?;
    let requests = shop
        .requests(mark)?
        .only(|entry| entry.resource != "leases");
    let early = requests.only(|entry| entry.received < opens);
    ensure!(early.is_empty(), "{}", early.summary());
    let writes = shop.requests(mark)?.writes().of("configmaps");
    let late = writes[0].received.duration_since(opens);
    ensure!(
        late < SignedDuration::from_secs(5),
        "{late:#} after it opened"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_mean_nothing_are_refused_by_name() -> Result<()> {
    let shop = Shop::new("badwindow").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let with = |schedule: &str, duration: &str, zone: &str| {
        let window = json!({ "kind": "allow", "schedule": schedule, "duration": duration, "timeZone": zone });
        json!({ "spec": { "windows": [window] } })
    };
    for (patch, word) in [
        (with("0 8 * *", "8h", "UTC"), "five fields"),
        (with("0 8 * * *", "0s", "UTC"), "longer than nothing"),
        (with("0 8 * * *", "745h", "UTC"), "744h"),
        (with("0 8 * * *", "8h", "Mars/Phobos"), "Mars/Phobos"),
    ] {
        let refused = shop.change(patch).await;
        let text = refused
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        ensure!(text.contains(word), "{word}: {text}");
    }
    shop.change(with("0 8 30 2 *", "8h", "Europe/Berlin"))
        .await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    let ready = shop.not_ready("InvalidSpec").await?;
    ensure!(
        ready.message.contains("spec.windows[0].schedule"),
        "{}",
        ready.message
    );
    edit(&shop, "a", "by hand").await?;
    has_value(&shop, "a", "1").await?;
    shop.change(with("* * * * *", "1h", "Europe/Berlin"))
        .await?;
    shop.ready_at(&second).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_lets_one_revision_through_and_is_recorded() -> Result<()> {
    let shop = Shop::new("emergency").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    shop.change(json!({ "spec": { "windows": freeze() } }))
        .await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.not_ready("OutsideWindow").await?;
    let sync = [
        "sync",
        "shop",
        "--outside-window",
        "--reason",
        "the shop is down",
        "--wait",
    ];
    let output = shop.driftless(&sync)?;
    ensure!(output.status.success(), "{output:?}");
    shop.ready_at(&second).await?;
    let releases = shop.releases().await?;
    let recorded = releases
        .last()
        .and_then(|last| last.spec.window_override.clone());
    let recorded = recorded.context("the Release says so")?;
    assert_eq!(
        (recorded.by.as_str(), recorded.reason.as_str()),
        ("lab:admin", "the shop is down")
    );
    shop.push_maps("third", &[("a", "3")])?;
    shop.not_ready("OutsideWindow").await?;
    assert_eq!(
        shop.maps().get("a").await?.data.unwrap_or_default()["key"],
        "2"
    );
    Ok(())
}

/// A Deployment whose pods want a node with this value of the label `node`.
fn deployment(node: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {{ matchLabels: {{ app: web }} }}\n  template:\n    metadata: {{ labels: {{ app: web }} }}\n    spec:\n      nodeSelector: {{ node: {node} }}\n      containers: [{{ name: main, image: \"web:1\" }}]\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_is_finished_when_the_window_closes() -> Result<()> {
    let shop = Shop::new("closing").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let later = |value: &str| {
        let annotation = "metadata:\n  annotations: { driftless.dev/wave: \"1\" }\n";
        config_map("b", value).replace("metadata:\n", annotation)
    };
    // A Deployment whose pods cannot be placed is not healthy; freed, it is, and the next wave begins.
    let held = deployment(&shop.namespace);
    let list = "resources: [a.yaml, web.yaml, b.yaml]\n";
    let (a, b) = (config_map("a", "2"), later("2"));
    let second = shop.push(
        "second",
        &[
            ("kustomization.yaml", Some(list)),
            ("a.yaml", Some(a.as_str())),
            ("b.yaml", Some(b.as_str())),
            ("web.yaml", Some(held.as_str())),
        ],
    )?;
    has_value(&shop, "a", "2").await?;
    shop.not_ready("WaitingForHealth").await?;
    shop.change(json!({ "spec": { "windows": freeze() } }))
        .await?;
    let third = shop.push("third", &[("b.yaml", Some(later("3").as_str()))])?;
    shop.not_ready("OutsideWindow").await?;
    ensure!(!shop.values().await?.contains_key("b"), "the gate is open");
    edit(&shop, "a", "by hand").await?;
    has_value(&shop, "a", "2").await?;
    // The one node that it wants comes.
    let path = "/api/v1/nodes/";
    let nodes = shop.world.control_plane.api()?;
    let all = nodes.get("/api/v1/nodes").await?;
    let name = all["items"][0]["metadata"]["name"].as_str();
    let name = name.context("no node")?;
    let label = |value: Value| json!({ "metadata": { "labels": { "node": value } } });
    nodes
        .patch(&format!("{path}{name}"), &label(json!(shop.namespace)))
        .await?;
    has_value(&shop, "b", "2").await?;
    let applied = |status: &api::v1alpha1::EnvironmentStatus| {
        status.revision.applied.as_deref() == Some(second.as_str())
    };
    let status = shop.status("the second is finished", applied).await?;
    let waits = status.waiting.context("the third waits")?;
    assert_eq!(waits.revision, third);
    nodes
        .patch(&format!("{path}{name}"), &label(Value::Null))
        .await?;
    Ok(())
}
