//! What goes wrong around the agent, and the one clear message for it.

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map, ready};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::PostParams};
use lab::{
    Fault, GitHttp,
    audit::Entry,
    eventually,
    git::{Auth, HttpOptions},
};
use serde_json::{Value, json};

/// Served over https with a certificate of its own.
pub(crate) async fn served(shop: &Shop, auth: Auth) -> Result<GitHttp> {
    let root = shop
        .repo
        .path()
        .parent()
        .unwrap_or_else(|| shop.repo.path());
    Ok(GitHttp::start(root, HttpOptions::default().auth(auth)).await?)
}

pub(crate) async fn secret(shop: &Shop, server: &GitHttp, more: Value) -> Result<()> {
    let mut data = json!({ "ca.crt": server.ca().unwrap_or_default() });
    for (key, value) in more.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    let api: Api<Secret> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let object =
        serde_json::from_value(json!({ "metadata": { "name": "git" }, "stringData": data }))?;
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let patch = kube::api::Patch::Merge(json!({ "stringData": data }));
            api.patch("git", &kube::api::PatchParams::default(), &patch)
                .await?;
        }
        made => drop(made?),
    }
    Ok(())
}

pub(crate) fn over(server: &GitHttp) -> Value {
    json!({
        "source": { "url": server.url("config.git"), "credentials": { "name": "git" } },
        "interval": "1s",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_git_server_goes_down_and_comes_back() -> Result<()> {
    let shop = Shop::new("gitdown").await?;
    let server = served(&shop, Auth::Nobody).await?;
    secret(&shop, &server, json!({})).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(over(&server)).await?;
    shop.ready_at(&first).await?;
    server.fault(Fault::Down).await;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.not_ready("FetchFailed").await?;
    let bare = kube::api::Patch::Merge(json!({ "data": { "key": "theirs" } }));
    shop.maps()
        .patch("a", &kube::api::PatchParams::default(), &bare)
        .await?;
    eventually(PATIENCE, || async {
        let data = shop.maps().get("a").await?.data.unwrap_or_default();
        anyhow::ensure!(
            data["key"] == "1",
            "drift is repaired while git is away: {data:?}"
        );
        Ok(())
    })
    .await?;
    server.fault(Fault::None).await;
    shop.ready_at(&second).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_looks_at_what_it_has_made_while_git_is_slow_to_answer() -> Result<()> {
    let shop = Shop::new("gitslow").await?;
    let server = served(&shop, Auth::Nobody).await?;
    secret(&shop, &server, json!({})).await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let options = AgentOptions::alone(&shop.namespace);
    let agent = Agent::start(shop.world, options.clone())?;
    shop.environment(over(&server)).await?;
    shop.ready_at(&first).await?;
    agent.process.terminate();
    agent.process.wait(PATIENCE).await?;
    // Longer than this test waits for anything.
    server.fault(Fault::Slow(PATIENCE * 10)).await;
    let mark = shop.mark()?;
    let _again = Agent::start(shop.world, options)?;
    eventually(PATIENCE, || async {
        let all = shop.requests(mark)?;
        let watched = all.of("configmaps").iter().any(Entry::is_watch);
        ensure!(watched, "it waits for git:\n{}", all.summary());
        Ok(())
    })
    .await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await; // sleeps because what must not come would come later
    let writes = shop.requests(mark)?.writes();
    let writes = writes.only(|entry| entry.resource != "leases");
    ensure!(writes.is_empty(), "{}", writes.summary());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_said_and_right_ones_taken_up() -> Result<()> {
    let canary = "canary-7f3a9c";
    let shop = Shop::new("credentials").await?;
    let server = served(&shop, Auth::Basic("agent".into(), "right".into())).await?;
    secret(
        &shop,
        &server,
        json!({ "username": "agent", "password": canary }),
    )
    .await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let agent = shop.agent()?;
    shop.environment(over(&server)).await?;
    let condition = shop.not_ready("AuthenticationFailed").await?;
    assert!(!condition.message.contains(canary), "{}", condition.message);
    secret(
        &shop,
        &server,
        json!({ "username": "agent", "password": "right" }),
    )
    .await?;
    shop.ready_at(&first).await?;
    server.set_auth(Auth::Basic("agent".into(), "expired".into()));
    shop.push_maps("second", &[("a", "2")])?;
    shop.not_ready("AuthenticationFailed").await?;
    assert_eq!(
        shop.values().await?["a"],
        "1",
        "the last good release is untouched"
    );
    assert!(
        !agent.process.output().contains(canary),
        "no secret in the log"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_branch_or_path_has_one_clear_message() -> Result<()> {
    let shop = Shop::new("bad").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    for (spec, reason, word) in [
        (
            json!({ "source": { "branch": "nowhere" } }),
            "BranchNotFound",
            "nowhere",
        ),
        (
            json!({ "source": { "path": "overlays/nowhere" } }),
            "RenderFailed",
            "overlays/nowhere",
        ),
    ] {
        shop.environment(spec).await?;
        let condition = shop.not_ready(reason).await?;
        assert!(condition.message.contains(word), "{}", condition.message);
    }
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    Ok(())
}

/// What is pushed, the reason it is refused for, and words of the message.
type Bad = (&'static str, String, &'static str, [&'static str; 2]);

fn bad_files() -> [Bad; 4] {
    let tab = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n";
    let twice = format!("{}---\n{}", config_map("a", "1"), config_map("a", "2"));
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  token: canary-in-git!\n";
    let large = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big\ndata:\n  key: {}\n",
        "x".repeat(5 << 20)
    );
    [
        ("a tab", tab.to_owned(), "RenderFailed", ["bad.yaml", "tab"]),
        ("two of one name", twice, "RenderFailed", ["bad.yaml", "a"]),
        (
            "no base64",
            secret.to_owned(),
            "ApplyFailed",
            ["bad.yaml", "token"],
        ),
        ("5 MB", large, "ApplyFailed", ["bad.yaml", "big"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_file_has_one_clear_message_and_the_last_good_stays() -> Result<()> {
    let shop = Shop::new("badfile").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    for (what, text, reason, words) in bad_files() {
        let list = match what {
            "two of one name" => "resources: [bad.yaml]\n",
            _ => "resources: [a.yaml, bad.yaml]\n",
        };
        shop.push(
            what,
            &[
                ("kustomization.yaml", Some(list)),
                ("bad.yaml", Some(&text)),
            ],
        )?;
        let seen = shop.repo.tip("master")?;
        let status = shop
            .status(what, |status| {
                status.revision.seen.as_deref() == Some(seen.as_str())
                    && ready(status)
                        .is_some_and(|ready| ready.status == "False" && ready.reason == reason)
            })
            .await?;
        let message = ready(&status)
            .map(|ready| ready.message.clone())
            .unwrap_or_default();
        for word in words {
            assert!(message.contains(word), "{what}: {message}");
        }
        assert!(!message.contains("canary"), "{what}: {message}");
        assert_eq!(shop.values().await?["a"], "1", "{what}");
    }
    let last = shop.push_maps("good again", &[("a", "2")])?;
    shop.ready_at(&last).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_without_rights_is_said_and_nothing_is_written() -> Result<()> {
    let shop = Shop::new("rights").await?;
    shop.push_maps("first", &[("a", "1")])?;
    let _agent = shop.agent()?;
    let mark = shop.mark()?;
    shop.lend("nobody").await?;
    shop.environment(json!({ "target": { "serviceAccountName": "nobody" } }))
        .await?;
    let condition = shop.not_ready("ApplyFailed").await?;
    assert!(
        condition.message.contains("nobody"),
        "{}",
        condition.message
    );
    assert!(shop.values().await?.is_empty());
    let maps = shop.requests(mark)?.work().of("configmaps");
    assert!(
        maps.writes().is_empty(),
        "what cannot be read is not written"
    );
    let who = format!("system:serviceaccount:{}:nobody", shop.namespace);
    // The first list is the watch's, and so the agent's own.
    let maps = maps.only(|entry| !entry.uri.contains("labelSelector"));
    assert!(!maps.is_empty());
    assert!(
        maps.iter()
            .all(|entry| entry.impersonated.as_deref() == Some(who.as_str())),
        "{}",
        maps.summary()
    );
    Ok(())
}
