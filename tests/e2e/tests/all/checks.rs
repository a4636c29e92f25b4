//! HTTP checks against a real server over https: whom they trust, how long its certificate is good for, what changes in
//! Secrets and ConfigMaps, and what all of that costs.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use api::v1alpha1::{CheckState, CheckStatus};
use e2e::{PATIENCE, Shop};
use lab::{Identity, Site, eventually};
use serde_json::{Value, json};

/// Long enough for each check to run several times.
const QUIET: Duration = Duration::from_secs(25);

/// A check of `site` that fails at once.
fn check(name: &str, site: &Site, more: &Value) -> Value {
    let mut check = json!({ "name": name, "url": site.url(), "interval": "5s", "failures": 1 });
    for (key, value) in more.as_object().into_iter().flatten() {
        check[key] = value.clone();
    }
    check
}

/// Makes or changes a ConfigMap or Secret.
async fn keep(shop: &Shop, plural: &str, name: &str, data: Value) -> Result<()> {
    let (kind, field) = match plural {
        "secrets" => ("Secret", "stringData"),
        _ => ("ConfigMap", "data"),
    };
    let path = format!("/api/v1/namespaces/{}/{plural}/{name}", shop.namespace);
    let object =
        json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name }, field: data });
    shop.world
        .control_plane
        .api()?
        .apply(&path, &object)
        .await?;
    Ok(())
}

/// Has the site show another certificate, of an authority that is trusted a moment before.
async fn renew(shop: &Shop, site: &Site, days: i32) -> Result<()> {
    let next = Identity::new(days)?;
    let both = format!("{}{}", site.ca(), next.ca());
    keep(shop, "configmaps", "trust", json!({ "ca.crt": both })).await?;
    keep(shop, "secrets", "trust", json!({ "root.pem": both })).await?;
    site.show(next);
    Ok(())
}

/// Waits until the check called `name` is as `wanted` says.
async fn stands(
    shop: &Shop,
    name: &str,
    wanted: impl Fn(&CheckStatus) -> bool,
) -> Result<CheckStatus> {
    let seen = eventually(PATIENCE, || async {
        let status = shop.environments().get("shop").await?.status;
        let checks = status.unwrap_or_default().checks;
        let check = checks.into_iter().find(|check| check.name == name);
        let check = check.with_context(|| format!("no check {name}"))?;
        match wanted(&check) {
            true => Ok(check),
            false => Err(anyhow!("{check:?}")),
        }
    });
    Ok(seen.await?)
}

fn passes(check: &CheckStatus) -> bool {
    check.state == CheckState::Passing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_of_ones_own_is_trusted_and_its_certificates_are_watched() -> Result<()> {
    let shop = Shop::new("trust").await?;
    let site = Site::start(20).await?;
    keep(&shop, "configmaps", "trust", json!({ "ca.crt": site.ca() })).await?;
    keep(&shop, "secrets", "trust", json!({ "root.pem": site.ca() })).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let agent = shop.agent()?;
    let days = json!({ "certificateDays": 14 });
    let checks = json!([
        check("nobody", &site, &json!({})),
        check(
            "map",
            &site,
            &json!({ "ca": { "configMap": { "name": "trust" } }, "expect": days })
        ),
        check(
            "secret",
            &site,
            &json!({ "ca": { "secret": { "name": "trust", "key": "root.pem" } } })
        ),
        check(
            "absent",
            &site,
            &json!({ "ca": { "configMap": { "name": "gone" } } })
        ),
        check(
            "empty",
            &site,
            &json!({ "ca": { "configMap": { "name": "kube-root-ca.crt", "key": "no" } } })
        ),
    ]);
    shop.environment(json!({ "checks": checks })).await?;
    shop.ready_at(&first).await?;
    stands(&shop, "map", passes).await?;
    stands(&shop, "secret", passes).await?;
    let nobody = stands(&shop, "nobody", |check| check.state == CheckState::Failing).await?;
    ensure!(nobody.message.contains("UnknownIssuer"), "{nobody:?}");
    for (name, why) in [
        ("absent", "/gone: does not exist"),
        ("empty", "has no key \"no\""),
    ] {
        let unknown = stands(&shop, name, |check| check.state == CheckState::Unknown).await?;
        ensure!(unknown.message.contains(why), "{unknown:?}");
    }
    let metrics = agent.metrics().await?;
    let shown = metrics.lines().find(|line| {
        line.starts_with("driftless_check_certificate_days") && line.contains("check=\"map\"")
    });
    ensure!(shown.is_some_and(|line| line.ends_with(" 20")), "{shown:?}");
    // Another certificate of another authority, which runs out too soon for one of them.
    renew(&shop, &site, 10).await?;
    let soon = "its certificate is good for 10 days more, less than 14";
    stands(&shop, "map", |check| check.message == soon).await?;
    renew(&shop, &site, 30).await?;
    let map = stands(&shop, "map", passes).await?;
    assert_eq!(map.history[0].message, soon);
    stands(&shop, "secret", passes).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_changed_is_taken_up_within_the_run_that_notices() -> Result<()> {
    let shop = Shop::new("rotate").await?;
    let site = Site::start(20).await?;
    site.wants("first");
    keep(&shop, "configmaps", "trust", json!({ "ca.crt": site.ca() })).await?;
    keep(&shop, "secrets", "pass", json!({ "header": "first" })).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    let headers =
        json!([{ "name": "authorization", "secret": { "name": "pass", "key": "header" } }]);
    let front = check(
        "front",
        &site,
        &json!({ "headers": headers, "ca": { "configMap": { "name": "trust" } } }),
    );
    shop.environment(json!({ "checks": [front] })).await?;
    shop.ready_at(&first).await?;
    stands(&shop, "front", passes).await?;
    let mark = shop.mark()?;
    keep(&shop, "secrets", "pass", json!({ "header": "second" })).await?;
    renew(&shop, &site, 25).await?;
    site.wants("second");
    // It is asked with what was before, reads both anew, and asks again; then it goes on with that.
    let asked = site.asked();
    eventually(PATIENCE, || async {
        ensure!(
            site.asked() >= asked + 3,
            "asked {} times",
            site.asked() - asked
        );
        Ok(())
    })
    .await?;
    let front = stands(&shop, "front", passes).await?;
    ensure!(front.history.is_empty(), "it never failed: {front:?}");
    let requests = shop.requests(mark)?;
    for kind in ["secrets", "configmaps"] {
        let read = requests.of(kind).only(|entry| entry.verb == "get");
        let read = read.only(|entry| ["pass", "trust"].contains(&&*entry.name));
        assert_eq!(
            read.len(),
            2,
            "a look, and what it holds: {}",
            read.summary()
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_that_find_nothing_new_cost_the_api_server_nothing() -> Result<()> {
    let shop = Shop::new("calm").await?;
    let site = Site::start(20).await?;
    keep(&shop, "configmaps", "trust", json!({ "ca.crt": site.ca() })).await?;
    keep(&shop, "secrets", "pass", json!({ "header": "first" })).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    let ca = json!({ "configMap": { "name": "trust" } });
    let headers =
        json!([{ "name": "authorization", "secret": { "name": "pass", "key": "header" } }]);
    let checks = json!([
        check("front", &site, &json!({ "headers": headers, "ca": ca })),
        check(
            "days",
            &site,
            &json!({ "ca": ca, "expect": { "certificateDays": 14 } })
        ),
    ]);
    shop.environment(json!({ "checks": checks })).await?;
    shop.ready_at(&first).await?;
    stands(&shop, "front", passes).await?;
    stands(&shop, "days", passes).await?;
    shop.settled().await?;
    let (mark, asked) = (shop.mark()?, site.asked());
    tokio::time::sleep(QUIET).await; // sleeps because quiet time is what is measured
    let (work, runs) = (shop.requests(mark)?.work(), site.asked() - asked);
    assert!(work.is_empty(), "{}", work.summary());
    ensure!(runs >= 8, "the checks ran {runs} times");
    // One that fails is told once, however often it fails from then on.
    site.wants("somebody else");
    let mark = shop.mark()?;
    stands(&shop, "front", |check| check.message == "answered 401").await?;
    stands(&shop, "days", |check| check.message == "answered 401").await?;
    tokio::time::sleep(QUIET).await; // sleeps because quiet time is what is measured
    let work = shop.requests(mark)?.work();
    // A check that takes something from the cluster looks whether that has changed.
    let reads = |entry: &lab::audit::Entry| {
        entry.verb == "get" && ["configmaps", "secrets"].contains(&&*entry.resource)
    };
    let told = work.only(|entry| !reads(entry));
    let changes = told.of("environments").len();
    ensure!((1..=2).contains(&changes), "{}", told.summary());
    let events = told.of("events").len();
    ensure!(
        events == 2 && told.len() == changes + events,
        "{}",
        told.summary()
    );
    Ok(())
}
