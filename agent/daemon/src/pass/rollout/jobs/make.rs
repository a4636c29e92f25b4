//! Makes the Jobs that are due: written down ahead, each once. What cannot be made is a missing number, with the reason.

use cluster::{Apply, ApplyError, CallError};
use jiff::Timestamp;
use krm::ObjectId;
use plan::{
    desired::{Desired, Target, desire, reach::restrict},
    inventory::{Entry, HookRun},
    point::Point,
};
use rollout::{
    judge::{Missing, Reading},
    observe::Sample,
};

use super::{AGAIN, LEFT, Pass, Wanted, gvk, later, run_of, span};
use crate::pass::{apply::Carrier, scopes::Kinds};

/// A Job that is to be made.
pub(super) struct Due {
    id: ObjectId,
    run: HookRun,
    wanted: Wanted,
}

impl Pass<'_> {
    /// Enters what is due into the inventory. What stands there and was never made is made under its name.
    pub(super) fn enter(&mut self, wanted: Vec<Wanted>) -> Vec<Due> {
        let now = self.now();
        let mut all = Vec::new();
        for wanted in wanted {
            let open = self.open(&wanted.key);
            let left = self.sample_runs();
            let left = left.iter().filter_map(|(_, entry)| run_of(entry));
            if left.filter(|run| run.release == wanted.key).count() >= LEFT {
                let why = format!(
                    "its former Jobs cannot be deleted; {}",
                    rights(&wanted.namespace)
                );
                self.no_number(&wanted, now, why);
                continue;
            }
            match open {
                Some((id, entry)) => {
                    let run = run_of(&entry).cloned().filter(|_| entry.uid.is_none());
                    all.extend(run.map(|run| Due { id, run, wanted }));
                }
                None if wanted.due <= now => {
                    let due = wanted.enter(now);
                    let (version, entry) = (gvk().version, due.run.clone());
                    if let Some(ledger) = &mut self.state.ledger {
                        ledger.inventory.expect_run(&due.id, &version, 0, entry);
                    }
                    all.push(due);
                }
                None => {}
            }
        }
        all
    }

    /// Makes one. If that is refused there is no number, and nothing is left of it.
    pub(super) async fn make(&mut self, due: Due, kinds: &Kinds, carrier: &Carrier<'_>) {
        let Due { id, run, wanted } = due;
        if self.is_there(&id, &run) {
            return;
        }
        let why = match self.ready(&id, &wanted, kinds) {
            Err(why) => format!("{}: {why}", wanted.asks),
            Ok(job) => match self.send_job(&job, &run, carrier).await {
                Ok(()) => return,
                Err(ApplyError::Call(error)) if error.is_retryable() => {
                    // It may be there, or not; what stands in the inventory is tried again.
                    self.look_again(Some(later(self.now(), AGAIN)));
                    return;
                }
                Err(ApplyError::Call(CallError::Forbidden(said))) => {
                    format!("its Job may not be run: {said}; {}", rights(&id.namespace))
                }
                Err(error @ (ApplyError::Immutable { .. } | ApplyError::Conflict(_))) => {
                    // Something of that name is there; whether it is ours is looked at before it is deleted.
                    self.note_end(&id, false);
                    let why = format!("{}: {}", wanted.asks, crate::chain::text(&error));
                    return self.no_number(&wanted, span(&run).0, why);
                }
                Err(error) => format!("{}: {}", wanted.asks, crate::chain::text(&error)),
            },
        };
        if let Some(ledger) = &mut self.state.ledger {
            ledger.inventory.confirmed_gone(&id);
        }
        self.no_number(&wanted, span(&run).0, why);
    }

    /// True if it was made and the answer never came: then it is noted now.
    fn is_there(&mut self, id: &ObjectId, run: &HookRun) -> bool {
        let snapshot = self.target().live.snapshot(std::iter::once(id));
        let known = snapshot.known(id).map(|known| known.facts.clone());
        let Some(known) = known.filter(|known| known.owned.is_some()) else {
            return false;
        };
        let entry = Entry {
            version: gvk().version.into(),
            uid: Some(known.uid),
            owned: known.owned,
            hook: Some(Box::new(run.clone())),
            ..Entry::default()
        };
        if let Some(ledger) = &mut self.state.ledger {
            ledger.inventory.applied(id, entry);
        }
        true
    }

    /// The Job as it is made, or what is wrong with it.
    fn ready(&self, id: &ObjectId, wanted: &Wanted, kinds: &Kinds) -> Result<Desired, String> {
        let mut body = wanted.body.clone()?;
        body["metadata"]["name"] = id.name.clone().into();
        let target = Target {
            environment: &self.label,
            namespace: &id.namespace,
            ignore: &[],
        };
        let mut desires = desire([(body, None)], &target, kinds);
        restrict(&mut desires, self.reach());
        let refused = desires.refused.into_iter().map(|refusal| refusal.message);
        let refused: Vec<_> = refused.collect();
        match desires.objects.pop() {
            Some(job) if refused.is_empty() => Ok(job),
            _ => Err(refused.join("; ")),
        }
    }

    async fn send_job(
        &mut self,
        job: &Desired,
        run: &HookRun,
        carrier: &Carrier<'_>,
    ) -> Result<(), ApplyError> {
        let resource = carrier.resource(&job.gvk).await;
        let resource = resource.map_err(|_| CallError::UnknownKind(job.gvk.to_string()))?;
        let apply = Apply {
            resource: &resource,
            namespace: &job.id.namespace,
            name: &job.id.name,
            body: &job.body,
            force: false,
            dry_run: false,
        };
        let applied = carrier.acting().apply(apply).await?;
        let rest = Entry {
            hook: Some(Box::new(run.clone())),
            ..Entry::default()
        };
        self.record(job, &applied, rest);
        tracing::info!(environment = %self.key, job = %job.id, "a Job for a number is at work");
        Ok(())
    }

    /// Tells the rollout that there is no number, and why.
    fn no_number(&mut self, wanted: &Wanted, at: Timestamp, why: String) {
        tracing::warn!(environment = %self.key, metric = wanted.metric, why, "there is no number");
        self.rollouts().asking.tell(Sample {
            key: wanted.key.clone(),
            at,
            reading: Reading {
                query: format!(
                    "Job {}",
                    wanted.job.template.as_deref().unwrap_or("of the strategy")
                ),
                answer: Err(Missing::Error(why)),
                log: Vec::new(),
            },
        });
    }
}

impl Wanted {
    /// What is due now, as it stands in the inventory.
    fn enter(self, now: Timestamp) -> Due {
        let gvk = gvk();
        let id = ObjectId {
            group: gvk.group,
            kind: gvk.kind,
            namespace: self.namespace.clone(),
            name: self.job.name(&self.metric, &self.key, now),
        };
        let until = later(now, self.job.timeout.duration());
        let run = HookRun {
            hook: self.metric.clone(),
            point: Point::Sample,
            release: self.key.clone(),
            ended: None,
            span: Some((now, until)),
        };
        Due {
            id,
            run,
            wanted: self,
        }
    }
}

fn rights(namespace: &str) -> String {
    format!(
        "in namespace {namespace} the environment needs create, get, patch and delete on jobs.batch, and for the log list on pods and get on pods/log"
    )
}
