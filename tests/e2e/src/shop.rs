//! One scenario's own environment: a namespace, a config repo, an agent, and what a person does with them.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use api::{
    ConditionType,
    conditions::find,
    v1alpha1::{Environment, EnvironmentStatus, Release},
};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use lab::{BareRepo, Commit, audit, eventually, unique};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Agent, AgentOptions, PATIENCE, World};

/// The user the agent is to the API server.
const AGENT_USER: &str = "system:serviceaccount:driftless-system:driftless-agent";
/// The name of the scenario's Environment, unless it makes others.
const NAME: &str = "shop";
/// Its branch.
const BRANCH: &str = "master";
/// For this long its agents ask for nothing before it counts as quiet.
const SILENCE: Duration = Duration::from_secs(3);

/// A scenario's own little world.
pub struct Shop {
    /// The cluster.
    pub world: &'static World,
    /// A client with all rights.
    pub client: Client,
    /// Where its Environments and objects are.
    pub namespace: String,
    /// Its config repo.
    pub repo: BareRepo,
    _folder: TempDir,
}

impl Shop {
    /// Makes the namespace and an empty repo.
    pub async fn new(name: &str) -> Result<Self> {
        Self::within(World::shared().await, name).await
    }

    /// The same in a world of the caller's own.
    pub async fn within(world: &'static World, name: &str) -> Result<Self> {
        let client = world.client().await?;
        let namespace = unique(name);
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let object = serde_json::from_value(json!({ "metadata": { "name": namespace } }))?;
        namespaces.create(&PostParams::default(), &object).await?;
        let folder = tempfile::tempdir()?;
        let repo = BareRepo::create(&folder.path().join("config.git"))?;
        Ok(Self {
            world,
            client,
            namespace,
            repo,
            _folder: folder,
        })
    }

    /// Starts an agent for this namespace alone.
    pub fn agent(&self) -> Result<Agent> {
        Agent::start(self.world, AgentOptions::alone(&self.namespace))
    }

    /// Runs the program as a person with all rights would.
    pub fn driftless(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments)?.output().context("driftless")
    }

    /// The same, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(crate::agent::program()?);
        command.args(arguments).args(["-n", &self.namespace]);
        command.env("KUBECONFIG", self.world.control_plane.kubeconfig());
        Ok(command)
    }

    /// Commits files to `master` and returns the commit's id. Content `None` removes the file.
    pub fn push(&self, message: &str, files: &[(&str, Option<&str>)]) -> Result<String> {
        let mut commit = Commit::on(BRANCH, message);
        for (path, content) in files {
            commit = match content {
                Some(content) => commit.write(path, content),
                None => commit.remove(path),
            };
        }
        Ok(self.repo.commit(commit)?)
    }

    /// Commits a kustomization of ConfigMaps: each name with a value under `key`.
    pub fn push_maps(&self, message: &str, maps: &[(&str, &str)]) -> Result<String> {
        let files = maps
            .iter()
            .map(|(name, value)| ((*name).to_owned(), config_map(name, value)));
        self.push_objects(message, files)
    }

    /// Commits a kustomization of files: each name, without its ending, with its text.
    pub fn push_objects(
        &self,
        message: &str,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<String> {
        let mut list = vec!["resources:".to_owned()];
        let mut commit = Commit::on(BRANCH, message);
        for (name, text) in files {
            commit = commit.write(&format!("{name}.yaml"), text);
            list.push(format!("- {name}.yaml"));
        }
        let commit = commit.write("kustomization.yaml", list.join("\n"));
        Ok(self.repo.commit(commit)?)
    }

    /// Sees to it that there is a Strategy of this name.
    pub async fn strategy(&self, name: &str, spec: Value) -> Result<()> {
        let namespace = &self.namespace;
        let path = format!("/apis/driftless.dev/v1alpha1/namespaces/{namespace}/strategies/{name}");
        let strategy = json!({
            "apiVersion": "driftless.dev/v1alpha1", "kind": "Strategy",
            "metadata": { "name": name }, "spec": spec,
        });
        let api = self.world.control_plane.api()?;
        api.apply(&path, &strategy).await?;
        Ok(())
    }

    /// Makes the Environment, with `spec` merged over the usual one.
    pub async fn environment(&self, spec: Value) -> Result<()> {
        self.environment_named(NAME, spec).await
    }

    /// The same with another name.
    pub async fn environment_named(&self, name: &str, spec: Value) -> Result<()> {
        let mut whole = json!({
            "source": { "url": self.repo.file_url(), "branch": BRANCH },
            "interval": "1h",
        });
        merge(&mut whole, spec);
        let object = json!({
            "apiVersion": "driftless.dev/v1alpha1", "kind": "Environment",
            "metadata": { "name": name }, "spec": whole,
        });
        let params = PatchParams::apply("e2e").force();
        self.environments()
            .patch(name, &params, &Patch::Apply(object))
            .await?;
        Ok(())
    }

    /// Changes fields of the Environment by a merge patch.
    pub async fn change(&self, patch: Value) -> Result<()> {
        let patch = Patch::Merge(patch);
        self.environments()
            .patch(NAME, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    /// Waits until the status is as `wanted` says.
    pub async fn status(
        &self,
        what: &str,
        wanted: impl Fn(&EnvironmentStatus) -> bool,
    ) -> Result<EnvironmentStatus> {
        let seen = eventually(PATIENCE, || async {
            let environment = self
                .environments()
                .get(NAME)
                .await
                .map_err(|error| anyhow!(error))?;
            let status = environment.status.unwrap_or_default();
            match wanted(&status) {
                true => Ok(status),
                false => Err(anyhow!("{}", serde_json::to_string(&status)?)),
            }
        });
        seen.await
            .with_context(|| format!("{what} in {}", self.namespace))
    }

    /// Waits until `commit` is applied and healthy.
    pub async fn ready_at(&self, commit: &str) -> Result<EnvironmentStatus> {
        let there = |status: &EnvironmentStatus| {
            status.revision.applied.as_deref() == Some(commit) && is_ready(status)
        };
        self.status(&format!("ready at {commit}"), there).await
    }

    /// Waits until it is not ready for `reason`.
    pub async fn not_ready(&self, reason: &str) -> Result<Condition> {
        let what = format!("not ready: {reason}");
        let wanted = |status: &EnvironmentStatus| {
            ready(status).is_some_and(|ready| ready.status == "False" && ready.reason == reason)
        };
        let status = self.status(&what, wanted).await?;
        ready(&status).cloned().context("no Ready condition")
    }

    /// Environments of this namespace.
    pub fn environments(&self) -> Api<Environment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// ConfigMaps of this namespace.
    pub fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Releases of this namespace, oldest first.
    pub async fn releases(&self) -> Result<Vec<Release>> {
        let api: Api<Release> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut all = api.list(&ListParams::default()).await?.items;
        all.sort_by_key(|release| release.spec.number);
        Ok(all)
    }

    /// Names and values of the ConfigMaps the scenario made.
    pub async fn values(&self) -> Result<BTreeMap<String, String>> {
        let label = ListParams::default().labels(api::names::ENVIRONMENT_LABEL);
        let maps = self.maps().list(&label).await?;
        let value = |map: &ConfigMap| map.data.as_ref()?.get("key").cloned();
        let named = |map: ConfigMap| (map.metadata.name.clone().unwrap_or_default(), value(&map));
        Ok(maps
            .into_iter()
            .map(named)
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect())
    }

    /// The place in the audit log that is the end now.
    pub fn mark(&self) -> Result<audit::Mark> {
        Ok(self.world.control_plane.audit().mark()?)
    }

    /// What agents of this scenario did since `mark`, as the API server saw it.
    pub fn requests(&self, mark: audit::Mark) -> Result<audit::Entries> {
        let all = self.world.control_plane.audit().since(mark)?;
        let mine = |entry: &audit::Entry| entry.user_agent.contains(&self.namespace);
        Ok(all.by(AGENT_USER).only(mine))
    }

    /// Asks the agent to look now, as `driftless sync` does, and waits until it has. No word may be used twice.
    pub async fn looks(&self, word: &str) -> Result<EnvironmentStatus> {
        self.change(json!({ "metadata": { "annotations": { api::names::REQUESTED_AT: word } } }))
            .await?;
        let handled = |status: &EnvironmentStatus| status.handled_request.as_deref() == Some(word);
        self.status(&format!("request {word} handled"), handled)
            .await
    }

    /// Waits for three seconds in which its agents ask for nothing, and gives the place in the log at which they began.
    /// When an Environment says it is ready, Events and numbers about that may still be on their way.
    pub async fn settled(&self) -> Result<audit::Mark> {
        let look = || async {
            let mark = self.mark()?;
            tokio::time::sleep(SILENCE).await; // sleeps because a time without a request is waited for
            let work = self.requests(mark)?.work();
            ensure!(work.is_empty(), "not quiet yet:\n{}", work.summary());
            Ok(mark)
        };
        Ok(eventually(PATIENCE, look).await?)
    }
}

/// The manifest of a ConfigMap with `value` under `key`.
pub fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"{value}\"\n"
    )
}

/// The condition that sums all up.
pub fn ready(status: &EnvironmentStatus) -> Option<&Condition> {
    find(&status.conditions, ConditionType::Ready)
}

/// Whether it holds.
pub fn is_ready(status: &EnvironmentStatus) -> bool {
    ready(status).is_some_and(|ready| ready.status == "True")
}

/// Puts `over` on top of `base`, maps key by key.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}
