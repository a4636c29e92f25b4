//! Makes the Jobs of hooks: written down ahead, made once, in nobody's place.

use api::v1alpha1::{Action, Failure, HookResult};
use cluster::Propagation;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plan::{
    hooks::{self, Run, Standing},
    inventory::Entry,
    waves::Ended,
};
use rollout::hooks::Turn;

use super::{Pass, record};
use crate::pass::apply::{Carried, Carrier, Unapplied};

impl Pass<'_> {
    /// Makes the Jobs of these hooks; says of each whether it was made.
    pub(in crate::pass) async fn start_hooks(
        &mut self,
        due: &[usize],
        carrier: &Carrier<'_>,
    ) -> Vec<(usize, Ended)> {
        let release = self.hooks.release.clone();
        self.tidy_up(due, &release, carrier).await;
        if let Some(ledger) = &mut self.state.ledger {
            for run in due.iter().map(|index| &self.hooks.runs[*index]) {
                let (job, entry) = (&run.job, run.entry(&release));
                let version = &job.gvk.version;
                ledger
                    .inventory
                    .expect_run(&job.id, version, job.wave.wave, entry);
            }
        }
        let written = self.store().await;
        let mut ended = Vec::new();
        for index in due {
            let made = written && self.start_hook(*index, &release, carrier).await;
            ended.push((*index, if made { Ended::Well } else { Ended::Badly }));
        }
        ended
    }

    /// Deletes Jobs of earlier releases that are one too many. If that fails, the next release tries again.
    async fn tidy_up(&mut self, due: &[usize], release: &str, carrier: &Carrier<'_>) {
        let Some(ledger) = &self.state.ledger else {
            return;
        };
        let runs = due.iter().map(|index| &self.hooks.runs[*index]);
        let former = runs.flat_map(|run| hooks::former(&ledger.inventory, run, release));
        // Of a rejected revision there are only those that tell of it.
        let all = !matches!(self.hooks.turn, Turn::Rejected(_));
        let forgotten = all.then(|| hooks::forgotten(&ledger.inventory, &self.hooks.runs));
        let gone = former.chain(forgotten.into_iter().flatten());
        let gone: Vec<_> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.remove_run(&id, Propagation::Background, carrier).await;
        }
    }

    async fn start_hook(&mut self, index: usize, release: &str, carrier: &Carrier<'_>) -> bool {
        let run = self.hooks.runs[index].clone();
        let failed = match self.is_free(&run, carrier).await {
            Ok(()) => match carrier.apply(&run.job, false, false).await {
                Ok(carried) => {
                    self.made(&run, &carried, release);
                    self.hooks.runs[index].standing = Standing::Running;
                    return true;
                }
                Err(Unapplied::Told(message)) => message,
                Err(Unapplied::Anew(_)) => "cannot be made anew".to_owned(),
            },
            Err(message) => message,
        };
        self.outcome.failures.push(Failure {
            object: Some(run.hook.id.to_string()),
            at: run.hook.origin.as_ref().map(ToString::to_string),
            message: failed,
        });
        false
    }

    /// A Job that is there already must be one that we made and never heard of.
    async fn is_free(&self, run: &Run, carrier: &Carrier<'_>) -> Result<(), String> {
        let resource = carrier.resource(&run.job.gvk).await?;
        let id = &run.job.id;
        let found = carrier
            .acting()
            .look(&resource, &id.namespace, &id.name)
            .await;
        match found.map_err(|error| crate::chain::text(&error))? {
            Some(live) if live.facts.owner.is_none() => Err(format!(
                "cannot run: somebody else has made a Job named {}; delete it",
                id.name
            )),
            _ => Ok(()),
        }
    }

    fn made(&mut self, run: &Run, carried: &Carried, release: &str) {
        let job = &run.job;
        let rest = Entry {
            wave: job.wave.wave,
            hook: Some(Box::new(run.entry(release))),
            ..Entry::default()
        };
        self.record(job, &carried.applied, rest);
        self.changed(Action::Created, &job.id);
        let mut record = record(run, HookResult::Running);
        record.started_at = Some(Time(Timestamp::now()));
        self.outcome.hooks.push(record);
    }
}
