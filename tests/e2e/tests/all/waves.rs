//! Order: waves with their health, deletions the other way round, and environments that wait for each other.

use anyhow::{Context as _, Result, ensure};
use e2e::{PATIENCE, Shop, config_map, is_ready};
use lab::{Commit, eventually};
use serde_json::json;

fn deployment(name: &str, wave: i32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations: {{ driftless.dev/wave: \"{wave}\" }}\nspec:\n  selector: {{ matchLabels: {{ app: {name} }} }}\n  template:\n    metadata: {{ labels: {{ app: {name} }} }}\n    spec:\n      containers:\n      - name: main\n        image: {name}:1\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waves_wait_for_health_and_deletions_go_the_other_way() -> Result<()> {
    let shop = Shop::new("waves").await?;
    let names = ["first", "second", "third"];
    let mut commit = Commit::on("master", "three waves")
        .write(
            "kustomization.yaml",
            "resources: [keep.yaml, first.yaml, second.yaml, third.yaml]\n",
        )
        .write("keep.yaml", config_map("keep", "1"));
    for (wave, name) in (-1..).zip(names) {
        commit = commit.write(&format!("{name}.yaml"), deployment(name, wave));
    }
    let first = shop.repo.commit(commit)?;
    let _agent = shop.agent()?;
    let mark = shop.mark()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    let writes = shop.requests(mark)?.writes().of("deployments");
    let order: Vec<_> = writes.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(order, names);
    // The deployment controller writes a status as pods come; the last one says that all are there.
    let all = shop.world.control_plane.audit().since(mark)?;
    for (earlier, later) in writes.iter().zip(writes.iter().skip(1)) {
        let available = all.iter().rfind(|entry| {
            entry.resource == "deployments"
                && entry.subresource == "status"
                && entry.name == earlier.name
                && entry.namespace == shop.namespace
                && entry.succeeded()
        });
        let available = available.context("the controller has written a status")?;
        ensure!(
            available.received <= later.received,
            "{} before {} was healthy",
            later.name,
            earlier.name
        );
    }
    let mark = shop.mark()?;
    let second = shop.push(
        "only one is left",
        &[("kustomization.yaml", Some("resources: [keep.yaml]\n"))],
    )?;
    shop.ready_at(&second).await?;
    let gone = shop
        .requests(mark)?
        .of("deployments")
        .only(|entry| entry.verb == "delete");
    let order: Vec<_> = gone.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(order, ["third", "second", "first"]);
    Ok(())
}

/// How long the chain is.
const LINKS: usize = 10;

/// Makes environments of which each waits for the one before it, and waits until all are ready.
async fn chain(shop: &Shop) -> Result<()> {
    for link in 0..LINKS {
        let before = link.checked_sub(1).map(|before| format!("e{before}"));
        let before: Vec<_> = before.iter().map(|name| json!({ "name": name })).collect();
        let spec = json!({ "source": { "path": format!("e{link}") }, "dependsOn": before });
        shop.environment_named(&format!("e{link}"), spec).await?;
    }
    for link in 0..LINKS {
        is_at(shop, link, None).await?;
    }
    Ok(())
}

/// Waits until a link is ready, at `commit` if that matters.
async fn is_at(shop: &Shop, link: usize, commit: Option<&String>) -> Result<()> {
    eventually(PATIENCE, || async {
        let environment = shop.environments().get(&format!("e{link}")).await?;
        let status = environment.status.unwrap_or_default();
        let there = commit.is_none() || status.revision.applied.as_ref() == commit;
        let told = serde_json::to_string(&status)?;
        ensure!(is_ready(&status) && there, "e{link}: {told}");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_ten_takes_no_longer_than_its_links() -> Result<()> {
    let shop = Shop::new("chain").await?;
    let push = |value: &str, links: std::ops::Range<usize>| -> Result<String> {
        let mut commit = Commit::on("master", value);
        for link in links {
            commit = commit
                .write(
                    &format!("e{link}/kustomization.yaml"),
                    "resources: [map.yaml]\n",
                )
                .write(
                    &format!("e{link}/map.yaml"),
                    config_map(&format!("m{link}"), value),
                );
        }
        Ok(shop.repo.commit(commit)?)
    };
    let _agent = shop.agent()?;
    push("1", 0..LINKS)?;
    chain(&shop).await?;
    let mark = shop.mark()?;
    let second = push("2", 0..LINKS)?;
    for link in 0..LINKS {
        is_at(&shop, link, Some(&second)).await?;
    }
    let writes = shop.requests(mark)?.writes().of("configmaps");
    let order: Vec<_> = writes.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(
        order,
        (0..LINKS)
            .map(|link| format!("m{link}"))
            .collect::<Vec<_>>()
    );
    // ConfigMaps are ready as soon as they are there: what is left is what the chain itself costs.
    let took = writes[LINKS - 1]
        .received
        .duration_since(writes[0].received);
    ensure!(
        took < jiff::SignedDuration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 }),
        "{took:#}"
    );
    // A link that nothing touches is satisfied at once and does nothing.
    let mark = shop.mark()?;
    let third = push("3", LINKS - 1..LINKS)?;
    is_at(&shop, LINKS - 1, Some(&third)).await?;
    let writes = shop.requests(mark)?.writes().of("configmaps");
    assert_eq!(writes.len(), 1, "{}", writes.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_is_named_and_holds_up_nobody_else() -> Result<()> {
    let shop = Shop::new("circle").await?;
    let files = ["a", "b", "shop"].map(|name| {
        let list = (
            format!("{name}/kustomization.yaml"),
            "resources: [map.yaml]\n".to_owned(),
        );
        [list, (format!("{name}/map.yaml"), config_map(name, "1"))]
    });
    let files: Vec<_> = files
        .iter()
        .flatten()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    let first = shop.push("first", &files)?;
    let _agent = shop.agent()?;
    for (name, other) in [("a", "b"), ("b", "a")] {
        let spec = json!({ "source": { "path": name }, "dependsOn": [{ "name": other }] });
        shop.environment_named(name, spec).await?;
    }
    shop.environment(json!({ "source": { "path": "shop" } }))
        .await?;
    shop.ready_at(&first).await?;
    eventually(PATIENCE, || async {
        for (name, circle) in [("a", "a -> "), ("b", "b -> ")] {
            let environment = shop.environments().get(name).await?;
            let status = environment.status.unwrap_or_default();
            let ready = e2e::ready(&status).context("no word yet")?;
            ensure!(ready.reason == "DependencyCycle", "{}", ready.message);
            ensure!(ready.message.contains(circle), "{}", ready.message);
        }
        Ok(())
    })
    .await?;
    let second = shop.push(
        "second",
        &[("shop/map.yaml", Some(&config_map("shop", "2")))],
    )?;
    shop.ready_at(&second).await?;
    let values = shop.values().await?;
    assert_eq!(
        values.into_iter().collect::<Vec<_>>(),
        [("shop".to_owned(), "2".to_owned())]
    );
    Ok(())
}
