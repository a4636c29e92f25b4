//! The second half of the tour: new versions of production reach its users step by step.

use std::{path::PathBuf, time::Instant};

use api::v1alpha1::{Environment, HeldRevision, RolloutPhase, Strategy};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{
    Agent, DemoError, Screen, Target,
    cluster::{NAMESPACE, call},
    follow::{Follow, applied, is_ready, release},
    repo::{QUICK, Repo},
    shop::{Shop, Visits},
};
use crate::environments::{self, Standing};
use crate::term::short;

/// The Environment it plays in.
const ENVIRONMENT: &str = "production";
const BRANCH: &str = "master";
const PLACE: &str = "shop-blue";
const LABEL: &str = "app.kubernetes.io/name=api";
const OVERLAY: &str = "overlays/master/kustomization.yaml";
/// The classic shares.
const WEIGHTS: [u8; 6] = [1, 5, 10, 25, 50, 100];
/// A share of failed requests above which a version goes back.
const LIMIT: f64 = 0.01;

/// Opens the shop, and makes the strategy that counts its failed requests.
pub(crate) async fn prepare(target: &Target, repo: &Repo) -> Result<Shop, DemoError> {
    let shop = Shop::open(target.client.clone(), PLACE, LABEL).await?;
    target.namespace().await?;
    strategy(target, &shop).await?;
    repo.quicken()?;
    Ok(shop)
}

/// Who takes part.
pub(crate) struct Cast<'a, 'f> {
    pub(crate) repo: &'a Repo,
    pub(crate) agent: &'a Agent,
    pub(crate) follow: &'a mut Follow<'f>,
    pub(crate) screen: &'a Screen,
}

/// Plays it.
pub(crate) async fn play(shop: Shop, target: &Target, cast: Cast<'_, '_>) -> Result<(), DemoError> {
    let mut act = Act {
        cast,
        shop,
        kubeconfig: target.kubeconfig.clone(),
    };
    act.good().await?;
    act.bad().await?;
    act.fixed().await
}

/// The strategy that the overlay names: the classic one, in seconds instead of minutes.
async fn strategy(target: &Target, shop: &Shop) -> Result<(), DemoError> {
    let steps = WEIGHTS.iter();
    let steps: Vec<_> = steps
        .flat_map(|weight| {
            [
                json!({ "weight": weight }),
                json!({ "pause": { "for": "1s" } }),
            ]
        })
        .collect();
    let object = json!({
        "apiVersion": "driftless.dev/v1alpha1", "kind": "Strategy", "metadata": { "name": QUICK },
        "spec": {
            "steps": steps,
            "analysis": { "interval": "1s", "patience": "30s", "metrics": [{
                "name": "failed-requests", "max": LIMIT,
                "from": { "web": { "url": shop.metric(), "pointer": "/failed" } },
            }] },
        },
    });
    let api: Api<Strategy> = Api::namespaced(target.client.clone(), NAMESPACE);
    let params = PatchParams::apply("driftless-demo").force();
    let made = api.patch(QUICK, &params, &Patch::Apply(object)).await;
    made.map(drop)
        .map_err(|error| call("make the Strategy", error))
}

struct Act<'a, 'f> {
    cast: Cast<'a, 'f>,
    shop: Shop,
    kubeconfig: PathBuf,
}

/// How a rollout came out.
enum Ended {
    Promoted(String),
    Held(Box<HeldRevision>),
}

impl Act<'_, '_> {
    async fn good(&mut self) -> Result<(), DemoError> {
        self.cast.screen.chapter(
            4,
            "Production takes a new version step by step, as long as at most 1 % of its requests fail",
        );
        for text in [
            "no container runs here: the demo answers for the pods, and plays 125 users a second",
            "no router either: a pod beside nine serves 10 %, in brackets, where 1 % is asked for",
        ] {
            self.cast.screen.note(text);
        }
        self.cast.screen.command(&format!(
            "driftless image set shop-api=6.7.1 --branch {BRANCH}"
        ));
        self.cast.repo.image_set("shop-api=6.7.1", BRANCH).await?;
        self.promoted().await
    }

    async fn bad(&mut self) -> Result<(), DemoError> {
        self.cast.screen.chapter(
            5,
            "A commit switches faults on by mistake; a number stops it, and git stays as it is",
        );
        self.cast
            .screen
            .command("git commit -am 'test with PODINFO_RANDOM_ERROR=true' && git push");
        let level = "  - PODINFO_LEVEL=info\n";
        let faults = format!("{level}  - PODINFO_RANDOM_ERROR=true\n");
        self.edit("test with PODINFO_RANDOM_ERROR=true", &[(level, &faults)])?;
        let (began, before) = (Instant::now(), self.shop.visits());
        match self.ends().await? {
            Ended::Held(held) => self.show(&held, began, before).await,
            Ended::Promoted(name) => Err(unexpected(&format!("{name} was promoted"))),
        }
    }

    async fn fixed(&mut self) -> Result<(), DemoError> {
        self.cast.screen.chapter(6, "The fix is a newer commit");
        self.cast
            .screen
            .command("git commit -am 'shop-api 6.7.2, without faults' && git push");
        let edits = [
            ("  - PODINFO_RANDOM_ERROR=true\n", ""),
            ("newTag: 6.7.1\n", "newTag: 6.7.2\n"),
        ];
        self.edit("shop-api 6.7.2, without faults", &edits)?;
        self.promoted().await
    }

    fn edit(&self, message: &str, edits: &[(&str, &str)]) -> Result<(), DemoError> {
        self.cast.repo.edit(BRANCH, message, OVERLAY, edits)
    }

    /// Follows a rollout that is to end well.
    async fn promoted(&mut self) -> Result<(), DemoError> {
        let (began, before) = (Instant::now(), self.shop.visits());
        let commit = self.cast.repo.tip(BRANCH)?;
        match self.ends().await? {
            Ended::Promoted(name) => {
                let text = format!(
                    "{ENVIRONMENT}: commit {} is release {name}, healthy; {}",
                    short(&commit),
                    since(before, self.shop.visits())
                );
                self.cast.screen.answer(&text, Some(millis(began)));
                Ok(())
            }
            Ended::Held(held) => Err(unexpected(&held.message)),
        }
    }

    /// Tells each share as it is reached, until it is over.
    async fn ends(&mut self) -> Result<Ended, DemoError> {
        let commit = self.cast.repo.tip(BRANCH)?;
        self.cast.agent.webhook().await?;
        let screen = self.cast.screen;
        let (mut told, shop) = (None, &self.shop);
        let ended = self.cast.follow.until("the end of the rollout", |seen| {
            let environment = seen.get(ENVIRONMENT)?;
            let rollout = environment.status.as_ref()?.rollout.as_ref()?;
            let (weight, share) = (rollout.weight.unwrap_or_default(), shop.share());
            let served = rollout.phase == RolloutPhase::Stepping && weight > 0 && share > 0;
            if served && told != Some(weight) {
                told = Some(weight);
                screen.share(weight, share);
            }
            ended(environment, &commit)
        });
        let ended = ended.await?;
        screen.end_of_shares();
        Ok(ended)
    }

    /// What a person would look at.
    async fn show(
        &self,
        held: &HeldRevision,
        began: Instant,
        before: Visits,
    ) -> Result<(), DemoError> {
        let now = self.shop.visits();
        let text = format!(
            "{ENVIRONMENT}: {} is held, and everybody is back; {} of the last {} requests had reached it, {} failed",
            short(&held.revision),
            now.new - before.new,
            now.all - before.all,
            now.failed - before.failed
        );
        self.cast.screen.answer(&text, Some(millis(began)));
        let command = format!("driftless rollout {ENVIRONMENT} -n {NAMESPACE}");
        self.cast.screen.command(&command);
        let program = std::env::current_exe();
        let program =
            program.map_err(|error| DemoError::Command(command.clone(), error.to_string()))?;
        let mut run = tokio::process::Command::new(program);
        run.args([
            "rollout",
            ENVIRONMENT,
            "-n",
            NAMESPACE,
            "--color",
            self.cast.screen.color_word(),
        ]);
        run.arg("--kubeconfig").arg(&self.kubeconfig);
        let output = run.output().await;
        let output = output.map_err(|error| DemoError::Command(command, error.to_string()))?;
        self.cast
            .screen
            .output(&String::from_utf8_lossy(&output.stdout));
        Ok(())
    }
}

fn ended(environment: &Environment, commit: &str) -> Option<Ended> {
    let rollout = environment.status.as_ref()?.rollout.as_ref()?;
    match (&rollout.held, rollout.phase) {
        (Some(held), RolloutPhase::Held) if held.revision == commit && is_told(environment) => {
            Some(Ended::Held(Box::new(held.clone())))
        }
        (None, RolloutPhase::Settled)
            if applied(environment) == Some(commit) && is_ready(environment) =>
        {
            Some(Ended::Promoted(release(environment).to_owned()))
        }
        _ => None,
    }
}

/// True once the Release tells of it, too: the condition is written last.
fn is_told(environment: &Environment) -> bool {
    environments::standing(environment) == Standing::Held
}

/// `0 of 1734 requests failed`
fn since(before: Visits, now: Visits) -> String {
    let (all, failed) = (now.all - before.all, now.failed - before.failed);
    format!("{failed} of {all} requests failed")
}

fn unexpected(what: &str) -> DemoError {
    DemoError::Command("demo".to_owned(), what.to_owned())
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
