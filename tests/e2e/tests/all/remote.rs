//! Environments kept in other clusters, by kubeconfigs in Secrets.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::{
    names,
    v1alpha1::{Environment, EnvironmentStatus},
};
use e2e::{PATIENCE, Shop, is_ready, ready};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use lab::{ControlPlane, Options, Part, eventually};
use serde_json::{Value, json};

/// Another cluster, and what its administrator does there.
pub(crate) struct Far {
    pub(crate) plane: ControlPlane,
    client: Client,
}

impl Far {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(Options::apiserver_only()).await
    }

    /// The same with more parts.
    pub(crate) async fn start_with(options: Options) -> Result<Self> {
        let plane = ControlPlane::start(options).await?;
        let file = Kubeconfig::read_from(plane.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;
        Ok(Self { plane, client })
    }

    /// A kubeconfig with the token of an account that may do everything.
    pub(crate) async fn kubeconfig(&self, account: &str) -> Result<String> {
        let accounts = self.accounts("default");
        let object = serde_json::from_value(json!({ "metadata": { "name": account } }))?;
        accounts.create(&PostParams::default(), &object).await?;
        let binding = json!({
            "metadata": { "name": account },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": "default" }],
        });
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        self.plane.api()?.create(path, &binding).await?;
        let file = self
            .plane
            .kubeconfig_for_service_account("default", account)
            .await?;
        Ok(std::fs::read_to_string(file)?)
    }

    fn accounts(&self, namespace: &str) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn value(&self, namespace: &str, name: &str) -> Result<String> {
        value(&self.maps(namespace), name).await
    }

    async fn drift(&self, namespace: &str, name: &str) -> Result<()> {
        edit(&self.maps(namespace), name).await
    }
}

async fn value(maps: &Api<ConfigMap>, name: &str) -> Result<String> {
    let data = maps.get(name).await?.data.unwrap_or_default();
    data.get("key").cloned().context("no key")
}

async fn edit(maps: &Api<ConfigMap>, name: &str) -> Result<()> {
    let theirs = Patch::Merge(json!({ "data": { "key": "theirs" } }));
    maps.patch(name, &PatchParams::default(), &theirs).await?;
    Ok(())
}

/// Puts `kubeconfig` into the Secret `far` of the shop.
pub(crate) async fn lend(shop: &Shop, kubeconfig: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "far" },
        "stringData": { "value": kubeconfig },
    });
    let secrets: Api<Secret> = Api::namespaced(shop.client.clone(), &shop.namespace);
    let params = PatchParams::apply("e2e").force();
    secrets.patch("far", &params, &Patch::Apply(object)).await?;
    Ok(())
}

/// The spec of an Environment that is kept in the other cluster.
pub(crate) fn away(shop: &Shop) -> Value {
    json!({ "target": {
        "kubeConfig": { "name": "far" }, "namespace": shop.namespace, "createNamespace": true,
    } })
}

/// How long it takes until a change by hand is put right, in the middle of several.
async fn repair_time(maps: &Api<ConfigMap>) -> Result<Duration> {
    let mut times = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let began = Instant::now();
        edit(maps, name).await?;
        eventually(PATIENCE, || async {
            ensure!(value(maps, name).await? == "1", "not put right");
            Ok(())
        })
        .await?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[2])
}

/// How often the agent read the Secret.
fn reads(shop: &Shop, mark: lab::audit::Mark) -> Result<usize> {
    let secrets = shop.requests(mark)?.of("secrets");
    Ok(secrets.only(|entry| entry.name == "far").len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_cluster_slows_no_other_and_is_repaired_when_it_comes_back() -> Result<()> {
    let far = Far::start().await?;
    let shop = Shop::new("home").await?;
    let maps = ["a", "b", "c", "d", "e"].map(|name| (name, "1"));
    let first = shop.push_maps("first", &maps)?;
    let _agent = shop.agent()?;
    lend(&shop, &far.kubeconfig("driftless").await?).await?;
    for number in 0..10 {
        let mut spec = away(&shop);
        spec["target"]["namespace"] = format!("far-{number}").into();
        shop.environment_named(&format!("far-{number}"), spec)
            .await?;
    }
    shop.environment(json!({})).await?;
    shop.ready_at(&first).await?;
    far_is(&shop, true, "InSync").await?;
    far.drift("far-3", "a").await?;
    eventually(PATIENCE, || async {
        ensure!(far.value("far-3", "a").await? == "1", "not put right there");
        Ok(())
    })
    .await?;
    let mark = shop.mark()?;
    let calm = repair_time(&shop.maps()).await?;
    assert_eq!(
        reads(&shop, mark)?,
        0,
        "the Secret is not read while all is well"
    );

    far.plane.kill(Part::ApiServer);
    far_is(&shop, false, "ClusterUnreachable").await?;
    let mark = shop.mark()?;
    let troubled = repair_time(&shop.maps()).await?;
    assert!(
        troubled < calm * 3 + Duration::from_secs(1),
        "{troubled:?} instead of {calm:?}"
    );
    let status = shop.ready_at(&first).await?;
    assert!(is_ready(&status));

    far.plane.restart(Part::ApiServer).await?;
    far.drift("far-7", "b").await?;
    eventually(PATIENCE, || async {
        ensure!(far.value("far-7", "b").await? == "1", "not put right there");
        Ok(())
    })
    .await?;
    far_is(&shop, true, "InSync").await?;
    assert!(reads(&shop, mark)? < 200, "with back-off, not by polling");
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.ready_at(&second).await?;
    eventually(PATIENCE, || async {
        ensure!(far.value("far-9", "a").await? == "2", "not applied there");
        ensure!(far.value("far-9", "b").await.is_err(), "not pruned there");
        Ok(())
    })
    .await?;
    Ok(())
}

/// Waits until all Environments that are kept far away are ready or not, for this reason.
pub(crate) async fn far_is(shop: &Shop, wanted: bool, reason: &str) -> Result<()> {
    eventually(PATIENCE, || async {
        let all = shop.environments().list(&ListParams::default()).await?;
        let away = |environment: &&Environment| environment.spec.target.kube_config.is_some();
        for environment in all.items.iter().filter(away) {
            let status = environment.status.clone().unwrap_or_default();
            let told = ready(&status).context("no condition")?;
            let fits = is_ready(&status) == wanted && told.reason == reason;
            ensure!(fits, "{}: {}", told.reason, told.message);
            let named = told.message.contains("/far: ");
            ensure!(wanted || named, "{}", told.message);
        }
        Ok(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_secret_is_said_and_right_ones_are_taken_up() -> Result<()> {
    let canary = "canary-41ab";
    let far = Far::start().await?;
    let shop = Shop::new("kubeconfig").await?;
    let first = shop.push_maps("first", &[("a", "1")])?;
    let agent = shop.agent()?;
    shop.environment(away(&shop)).await?;
    let missing = shop.not_ready("CredentialsMissing").await?;
    assert!(
        missing.message.contains("/far: does not exist"),
        "{}",
        missing.message
    );
    let right = far.kubeconfig("one").await?;
    let with_user = |user: Value| -> Result<String> {
        let mut config: Value = serde_json::from_str(&right)?;
        config["users"][0]["user"] = user;
        Ok(config.to_string())
    };
    let program = with_user(json!({ "exec": { "command": canary } }))?;
    for (text, words) in [
        (format!("users: {canary}"), "cannot be used"),
        (program, "sets exec for user"),
    ] {
        lend(&shop, &text).await?;
        let told = |status: &EnvironmentStatus| {
            ready(status).is_some_and(|ready| {
                ready.reason == "CredentialsMissing" && ready.message.contains(words)
            })
        };
        let status = shop.status(words, told).await?;
        let message = &ready(&status).context("no condition")?.message;
        assert!(message.contains("/far: "), "{message}");
        assert!(!message.contains(canary), "{message}");
    }
    lend(&shop, &with_user(json!({ "token": canary }))?).await?;
    let refused = shop.not_ready("AuthenticationFailed").await?;
    assert!(refused.message.contains("/far: "), "{}", refused.message);
    assert!(
        !agent.process.output().contains(canary),
        "no secret in the log"
    );
    assert!(
        shop.values().await?.is_empty(),
        "nothing went into the wrong cluster"
    );

    lend(&shop, &right).await?;
    shop.ready_at(&first).await?;
    assert_eq!(far.value(&shop.namespace, "a").await?, "1");
    assert!(shop.values().await?.is_empty(), "nothing is kept at home");
    let mark = shop.mark()?;
    // The token is rotated: there is a new one, and the old one is no longer accepted.
    lend(&shop, &far.kubeconfig("two").await?).await?;
    let accounts = far.accounts("default");
    accounts.delete("one", &DeleteParams::default()).await?;
    let second = shop.push_maps("second", &[("a", "2")])?;
    shop.ready_at(&second).await?;
    assert_eq!(far.value(&shop.namespace, "a").await?, "2");
    assert!(reads(&shop, mark)? < 10);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_account_is_one_of_the_other_cluster() -> Result<()> {
    let far = Far::start().await?;
    let shop = Shop::new("faraccount").await?;
    shop.push_maps("first", &[("a", "1")])?;
    lend(&shop, &far.kubeconfig("driftless").await?).await?;
    let _agent = shop.agent()?;
    let mut spec = away(&shop);
    spec["target"]["serviceAccountName"] = "tenant".into();
    shop.environment(spec).await?;
    let who = format!("system:serviceaccount:{}:tenant", shop.namespace);
    let condition = shop.not_ready("ApplyFailed").await?;
    assert!(condition.message.contains(&who), "{}", condition.message);
    // The object itself, whatever was tried first: reading it is refused as writing it is.
    let about = far.plane.audit().entries()?.of("configmaps").named("a");
    let tried = about.only(|entry| entry.user_agent.contains(&shop.namespace));
    assert!(!tried.is_empty());
    let theirs = |entry: &lab::audit::Entry| entry.impersonated.as_deref() == Some(&*who);
    assert!(tried.iter().all(theirs), "{}", tried.summary());
    let request = json!({ "metadata": { "annotations": { names::REQUESTED_AT: "now" } } });
    let mark = shop.mark()?;
    shop.change(request).await?;
    shop.status("handled", |status| status.handled_request.is_some())
        .await?;
    assert_eq!(reads(&shop, mark)?, 1, "it is read when somebody asks");
    Ok(())
}
