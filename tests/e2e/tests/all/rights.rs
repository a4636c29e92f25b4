//! The agent has the rights it uses, and no others: `deploy/rbac` against the API server's audit log.
//!
//! One long story in which everything happens that the agent does by itself. Whatever its own identity was granted and
//! never used in it has to be named below, with the reason.

use std::{collections::BTreeSet, fmt};

use anyhow::{Result, ensure};
use e2e::{Agent, AgentOptions, PATIENCE, Shop, config_map};
use kube::api::{DeleteParams, Patch, PatchParams};
use lab::{Commit, audit::Entry, eventually};
use serde_json::{Value, json};

/// Short, so that the Lease of a dead replica is cleared up while the story lasts.
const TTL: u64 = 3;
/// One more than are kept of an Environment.
const RELEASES: usize = 21;
/// The agent's own rights, and those to objects that it is asked to keep.
const OWN: &str = "driftless-agent";
const DEPLOYER: &str = "driftless-deployer";

/// Granted and not used in this story.
const UNUSED: [(&str, &str); 1] = [(
    "list apps/controllerrevisions",
    "of DaemonSets that are rolled out in place, which is a story of its own (in_place)",
)];

/// One thing that may be done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    verb: String,
    group: String,
    /// With the part of it: `pods/log`.
    resource: String,
    /// True if in one namespace alone.
    namespaced: bool,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self.group.as_str() {
            "" => "core",
            group => group,
        };
        write!(f, "{} {group}/{}", self.verb, self.resource)
    }
}

/// What the rules of these roles of `deploy/` allow.
fn granted(objects: &[Value], is_one: impl Fn(&str) -> bool) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for role in objects {
        let kind = role["kind"].as_str().unwrap_or_default();
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        if !matches!(kind, "Role" | "ClusterRole") || !is_one(name) {
            continue;
        }
        for rule in role["rules"].as_array().into_iter().flatten() {
            let texts = |key: &str| {
                let list = rule[key].as_array().into_iter().flatten();
                list.filter_map(Value::as_str).map(str::to_owned)
            };
            for verb in texts("verbs") {
                for group in texts("apiGroups") {
                    rights.extend(texts("resources").map(|resource| Right {
                        verb: verb.clone(),
                        group: group.clone(),
                        resource,
                        namespaced: kind == "Role",
                    }));
                }
            }
        }
    }
    rights
}

/// What a request needed. Server-side apply needs another right where it makes the object.
fn needed(entry: &Entry) -> Vec<Right> {
    let resource = match entry.subresource.as_str() {
        "" => entry.resource.clone(),
        part => format!("{}/{part}", entry.resource),
    };
    let right = |verb: &str| Right {
        verb: verb.to_owned(),
        group: entry.group.clone(),
        resource: resource.clone(),
        namespaced: entry.namespace == "driftless-system",
    };
    match (entry.verb.as_str(), entry.code) {
        ("patch", 201) => vec![right("patch"), right("create")],
        (verb, _) => vec![right(verb)],
    }
}

/// What the agents of the story asked for as themselves since `mark`, and were allowed.
fn used(shop: &Shop, mark: lab::audit::Mark) -> Result<BTreeSet<Right>> {
    let own = shop.requests(mark)?.only(|entry| {
        entry.impersonated.is_none() && !entry.resource.is_empty() && entry.code != 403
    });
    Ok(own.iter().flat_map(needed).collect())
}

fn replica(shop: &Shop, number: usize) -> Result<Agent> {
    let options = AgentOptions {
        identity: format!("{}-r{number}", shop.namespace),
        lease_seconds: TTL,
        ..AgentOptions::alone(&shop.namespace)
    };
    Agent::start(shop.world, options)
}

/// A Job that ends as its image says.
fn hook(image: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {{ driftless.dev/hook: before }}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{ name: main, image: \"{image}\" }}]\n"
    )
}

fn commit(text: &str, files: &[(&str, String)]) -> Commit {
    let list: Vec<_> = files.iter().map(|(path, _)| *path).collect();
    let list = format!("resources: [{}]\n", list.join(", "));
    let first = Commit::on("master", text).write("kustomization.yaml", list);
    let write = |commit: Commit, (path, text): &(&str, String)| commit.write(path, text.clone());
    files.iter().fold(first, write)
}

/// A Strategy of the namespace's own, and a Deployment that names it.
async fn strategy(shop: &Shop) -> Result<String> {
    shop.strategy("one", json!({ "steps": [{ "weight": 100 }] }))
        .await?;
    Ok("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: { driftless.dev/strategy: one }\nspec:\n  selector: { matchLabels: { app: web } }\n  template:\n    metadata: { labels: { app: web } }\n    spec:\n      containers: [{ name: main, image: \"web:1\" }]\n".to_owned())
}

/// Everything happens: releases, a hook with a log, drift, a strategy, deletions, a failure over a restart, a replica's
/// death, the end of the Environment.
async fn story(shop: &Shop) -> Result<()> {
    let web = strategy(shop).await?;
    let first = replica(shop, 0)?;
    let map = |value: &str| ("map.yaml", config_map("map", value));
    let job = |image: &str| ("job.yaml", hook(image));
    let secret = json!({ "metadata": { "name": "nobody" }, "stringData": { "username": "nobody", "password": "none" } });
    let secrets = format!("/api/v1/namespaces/{}/secrets", shop.namespace);
    let api = shop.world.control_plane.api()?;
    api.create(&secrets, &secret).await?;
    let whole = [map("0"), job("migrate:1"), ("web.yaml", web.clone())];
    let commits = shop.repo.commit(commit("all", &whole))?;
    let source = json!({ "credentials": { "name": "nobody" } });
    shop.environment(json!({ "source": source })).await?;
    shop.ready_at(&commits).await?;
    for value in 1..=RELEASES {
        let next = shop
            .repo
            .commit(commit(&value.to_string(), &[map(&value.to_string())]))?;
        shop.ready_at(&next).await?;
    }
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    let params = PatchParams::default();
    shop.maps().patch("map", &params, &theirs).await?;
    eventually(PATIENCE, || async {
        let values = shop.values().await?;
        ensure!(values["map"] != "theirs", "{values:?}");
        Ok(())
    })
    .await?;

    shop.repo
        .commit(commit("bad", &[map("bad"), job("migrate:failing")]))?;
    shop.not_ready("HookFailed").await?;
    first.process.kill();
    let second = replica(shop, 1)?;
    let good = shop
        .repo
        .commit(commit("good", &[map("good"), job("migrate:2")]))?;
    shop.ready_at(&good).await?;
    leases(shop, 1).await?;
    let params = DeleteParams::default();
    shop.environments().delete("shop", &params).await?;
    eventually(PATIENCE, || async {
        let left = shop.environments().get_opt("shop").await?;
        ensure!(left.is_none(), "the Environment is still there");
        Ok(())
    })
    .await?;
    second.process.terminate();
    second.process.wait(PATIENCE).await?;
    leases(shop, 0).await
}

/// Waits until so many Leases of the story's replicas are there.
async fn leases(shop: &Shop, many: usize) -> Result<()> {
    eventually(PATIENCE, || async {
        let path = "/apis/coordination.k8s.io/v1/namespaces/driftless-system/leases";
        let all = shop.world.control_plane.api()?.get(path).await?;
        let names = all["items"].as_array().into_iter().flatten();
        let names = names.filter_map(|lease| lease["metadata"]["name"].as_str());
        let ours: Vec<_> = names
            .filter(|name| name.starts_with(&shop.namespace))
            .collect();
        ensure!(ours.len() == many, "{ours:?}");
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_has_the_rights_it_uses_and_no_others() -> Result<()> {
    let shop = Shop::new("rights").await?;
    let mark = shop.mark()?;
    story(&shop).await?;
    let used = used(&shop, mark)?;
    let objects = e2e::deployed()?;
    let own = granted(&objects, |name| name == OWN);
    let deployer = granted(&objects, |name| name.starts_with(DEPLOYER));
    ensure!(own.len() > 15 && deployer.len() > 100, "roles are missing");

    let all: BTreeSet<&Right> = own.iter().chain(&deployer).collect();
    let text = |rights: &BTreeSet<&Right>| {
        let texts: Vec<_> = rights.iter().map(ToString::to_string).collect();
        texts.join(", ")
    };
    let everywhere = |right: &Right| Right {
        namespaced: false,
        ..right.clone()
    };
    let surprising = used
        .iter()
        .filter(|right| !all.contains(right) && !all.contains(&everywhere(right)));
    let surprising: BTreeSet<&Right> = surprising.collect();
    ensure!(surprising.is_empty(), "not granted: {}", text(&surprising));

    // Its own rights, one by one.
    let idle: BTreeSet<&Right> = own.iter().filter(|right| !used.contains(right)).collect();
    ensure!(idle.is_empty(), "granted and never used: {}", text(&idle));

    // Of the rights to objects that people ask for, all kinds have the same verbs, and each verb is used.
    let verbs: BTreeSet<&str> = used.iter().map(|right| right.verb.as_str()).collect();
    let mut usual: BTreeSet<&str> = BTreeSet::new();
    let mut special: BTreeSet<&Right> = BTreeSet::new();
    for right in &deployer {
        let kind = |other: &&Right| other.group == right.group && other.resource == right.resource;
        match deployer.iter().filter(kind).count() {
            6 => drop(usual.insert(&right.verb)),
            _ => drop(special.insert(right)),
        }
    }
    ensure!(usual.len() == 6, "{usual:?}");
    let idle: Vec<_> = usual.difference(&verbs).collect();
    ensure!(idle.is_empty(), "nobody needs {idle:?}");
    let unused = special.into_iter().filter(|right| !used.contains(*right));
    let unused: BTreeSet<String> = unused.map(ToString::to_string).collect();
    let known = UNUSED.map(|(right, _)| right.to_owned());
    ensure!(unused == BTreeSet::from(known), "{unused:?}");
    Ok(())
}
