//! Objects that move between Environments keep their UID, whoever looks first.

use anyhow::{Context as _, Result, anyhow, ensure};
use e2e::{Agent, PATIENCE, Shop, config_map, is_ready, ready};
use kube::api::{Patch, PatchParams};
use lab::{BareRepo, Commit, audit, eventually};
use serde_json::{Value, json};

/// Commits who asks for `x`; both always ask for something else, too.
fn push_x(shop: &Shop, message: &str, owners: &[&str]) -> Result<String> {
    Ok(shop.repo.commit(x_in(message, owners))?)
}

fn x_in(message: &str, owners: &[&str]) -> Commit {
    let mut commit = Commit::on("master", message);
    for name in ["a", "b"] {
        let mut list = format!("resources: [own-{name}.yaml");
        if owners.contains(&name) {
            list.push_str(", x.yaml");
            commit = commit.write(&format!("{name}/x.yaml"), config_map("x", "1"));
        }
        list.push_str("]\n");
        commit = commit
            .write(&format!("{name}/kustomization.yaml"), list)
            .write(
                &format!("{name}/own-{name}.yaml"),
                config_map(&format!("own-{name}"), "1"),
            );
    }
    commit
}

async fn change(shop: &Shop, name: &str, spec: Value) -> Result<()> {
    let patch = Patch::Merge(json!({ "spec": spec }));
    shop.environments()
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// Waits until `x` belongs to `owner` and that one is ready.
async fn owned(shop: &Shop, owner: &str) -> Result<String> {
    let label = format!("{}.{owner}", shop.namespace);
    let look = || async {
        let (uid, now) = shop.facts("x").await?;
        ensure!(now.as_deref() == Some(&label), "belongs to {now:?}");
        let environment = shop.environments().get(owner).await?;
        let status = environment.status.unwrap_or_default();
        ensure!(is_ready(&status), "{:?}", ready(&status));
        Ok(uid)
    };
    eventually(PATIENCE, look)
        .await
        .with_context(|| format!("x belongs to {owner}"))
}

/// Waits until `name` is refused because `owner` has what it asks for.
async fn refused(shop: &Shop, name: &str, owner: &str) -> Result<()> {
    let look = || async {
        let status = shop
            .environments()
            .get(name)
            .await?
            .status
            .unwrap_or_default();
        let told = ready(&status).context("no word")?;
        ensure!(
            told.reason == "NotOwned" && told.message.contains(&format!(".{owner}")),
            "{told:?}"
        );
        ensure!(status.claims.len() == 1, "{:?}", status.claims);
        Ok(())
    };
    Ok(eventually(PATIENCE, look).await?)
}

/// Commits `y` beside what `a` asks for.
fn push_y(shop: &Shop) -> Result<String> {
    let list = "resources: [own-a.yaml, x.yaml, y.yaml]\n";
    let text = config_map("y", "1");
    let files = [
        ("a/kustomization.yaml", Some(list)),
        ("a/y.yaml", Some(&*text)),
    ];
    shop.push("y in a", &files)
}

fn no_deletion_of_x(shop: &Shop, mark: audit::Mark) -> Result<()> {
    let deletes = shop
        .requests(mark)?
        .named("x")
        .only(|entry| entry.verb == "delete");
    ensure!(deletes.is_empty(), "{}", deletes.summary());
    Ok(())
}

async fn both(shop: &Shop) -> Result<(Agent, String, audit::Mark)> {
    push_x(shop, "x in a", &["a"])?;
    let mark = shop.mark()?;
    let agent = shop.agent()?;
    for name in ["a", "b"] {
        shop.environment_named(name, json!({ "source": { "path": name } }))
            .await?;
    }
    let uid = owned(shop, "a").await?;
    Ok((agent, uid, mark))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_one_commit_whoever_looks_first() -> Result<()> {
    let shop = Shop::new("move").await?;
    let (_agent, uid, mark) = both(&shop).await?;
    // The taker looks first: the giver sleeps.
    change(&shop, "a", json!({ "suspend": true })).await?;
    eventually(PATIENCE, || async {
        let status = shop
            .environments()
            .get("a")
            .await?
            .status
            .unwrap_or_default();
        ensure!(ready(&status).is_some_and(|ready| ready.reason == "Suspended"));
        Ok(())
    })
    .await?;
    push_x(&shop, "x in b", &["b"])?;
    refused(&shop, "b", "a").await?;
    change(&shop, "a", json!({ "suspend": false })).await?;
    assert_eq!(owned(&shop, "b").await?, uid);
    // The giver acts first: the taker waits for another Environment.
    change(&shop, "a", json!({ "dependsOn": [{ "name": "gate" }] })).await?;
    push_x(&shop, "x in a", &["a"])?;
    eventually(PATIENCE, || async {
        let (_, label) = shop.facts("x").await?;
        ensure!(label.is_none(), "belongs to {label:?}");
        Ok(())
    })
    .await?;
    change(&shop, "a", json!({ "dependsOn": null })).await?;
    assert_eq!(owned(&shop, "a").await?, uid);
    // At once, there and back.
    for owner in ["b", "a", "b"] {
        push_x(&shop, &format!("x in {owner}"), &[owner])?;
        assert_eq!(owned(&shop, owner).await?, uid);
    }
    no_deletion_of_x(&shop, mark)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_claim_one_object_the_second_is_refused_until_the_first_lets_go() -> Result<()>
{
    let shop = Shop::new("claim").await?;
    let (_agent, uid, mark) = both(&shop).await?;
    let version = shop.maps().get("x").await?.metadata.resource_version;
    push_x(&shop, "x in both", &["a", "b"])?;
    refused(&shop, "b", "a").await?;
    assert_eq!(
        shop.maps().get("x").await?.metadata.resource_version,
        version,
        "untouched"
    );
    // Waiting costs nothing.
    let quiet = shop.settled().await?;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await; // sleeps because requests that must not come are waited for
    let work = shop.requests(quiet)?.work();
    assert!(work.is_empty(), "{}", work.summary());
    push_x(&shop, "x in b alone", &["b"])?;
    assert_eq!(owned(&shop, "b").await?, uid);
    no_deletion_of_x(&shop, mark)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_repos_and_when_its_environment_is_deleted() -> Result<()> {
    let shop = Shop::new("repos").await?;
    let (_agent, uid, mark) = both(&shop).await?;
    let folder = shop
        .repo
        .path()
        .parent()
        .ok_or_else(|| anyhow!("no folder"))?;
    let other = BareRepo::create(&folder.join("other.git"))?;
    let files = Commit::on("master", "x elsewhere")
        .write("kustomization.yaml", "resources: [x.yaml]\n")
        .write("x.yaml", config_map("x", "1"));
    other.commit(files)?;
    shop.environment_named("c", json!({ "source": { "url": other.file_url() } }))
        .await?;
    refused(&shop, "c", "a").await?;
    push_x(&shop, "x no longer in a", &[])?;
    assert_eq!(owned(&shop, "c").await?, uid);
    // An Environment that goes and prunes hands over what another asks for.
    change(&shop, "c", json!({ "onDelete": "prune" })).await?;
    push_x(&shop, "x in b", &["b"])?;
    refused(&shop, "b", "c").await?;
    shop.delete("c").await?;
    shop.gone("c").await?;
    assert_eq!(owned(&shop, "b").await?, uid);
    no_deletion_of_x(&shop, mark)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn although_something_else_was_waited_for_before() -> Result<()> {
    let shop = Shop::new("waited").await?;
    let (_agent, uid, mark) = both(&shop).await?;
    push_y(&shop)?;
    eventually(PATIENCE, || async { shop.maps().get("y").await }).await?;
    // A neighbour that never gets to look: nobody has made the Secret that its config repo needs.
    let credentials = json!({ "source": { "credentials": { "name": "missing" } } });
    shop.environment_named("c", credentials).await?;
    push_x(&shop, "y no longer in a", &["a"])?;
    let gone = || async {
        ensure!(shop.maps().get_opt("y").await?.is_none(), "y is there");
        Ok(())
    };
    eventually(PATIENCE, gone).await?;
    // So much for the taker to render that the giver is done before it.
    let many = (0..300).map(|number| config_map(&format!("many-{number}"), "1"));
    let many = many.collect::<Vec<_>>().join("---\n");
    let commit = x_in("x in b", &["b"]).write("b/own-b.yaml", many);
    shop.repo.commit(commit)?;
    assert_eq!(owned(&shop, "b").await?, uid);
    no_deletion_of_x(&shop, mark)
}
