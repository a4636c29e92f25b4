//! The runs of hooks: which Job a hook is in a release, how it stands, and which Jobs of earlier releases go.
//!
//! A hook runs once in a release. Its Job has a name of its own there, so that a crash cannot run it twice, and stands
//! in the inventory with what it is; it is never compared with git again. Who makes and deletes Jobs is not known here.

use krm::{ObjectId, json};
use serde_json::{Value, json};

use crate::{
    desired::{ApplyMode, Desired},
    health::HealthStatus,
    inventory::{Entry, HookRun, Inventory},
    live::LiveFacts,
    point::Point,
};

/// The longest name a Job's pods can carry in a label.
const NAME: usize = 63;
/// Hex digits that tell the Jobs of one hook apart.
const DIGITS: usize = 8;
/// Seconds after which a hook that sets no limit of its own has failed: an hour.
const LIMIT: u32 = 3600;

/// One hook of a release.
#[derive(Clone, Debug)]
pub struct Run {
    /// As git has it.
    pub hook: Desired,
    /// As it is made in this release.
    pub job: Desired,
    /// How it stands.
    pub standing: Standing,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not made yet.
    Waiting,
    /// Made, and not at its end.
    Running,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
}

impl Run {
    /// When it runs.
    pub fn point(&self) -> Point {
        self.hook.hook.map_or(Point::Before, |hook| hook.point)
    }

    /// What the inventory holds of it before it has ended.
    pub fn entry(&self, release: &str) -> HookRun {
        HookRun {
            hook: self.hook.id.name.clone(),
            point: self.point(),
            release: release.to_owned(),
            ended: None,
            span: None,
        }
    }
}

/// The Job that `hook` is in `release`: named after both, with a limit, and kept by nobody but us.
pub fn job(hook: &Desired, release: &str) -> Desired {
    let mut job = hook.clone();
    job.apply = ApplyMode::default();
    job.id.name = name(&hook.id.name, release);
    job.body["metadata"]["name"] = job.id.name.clone().into();
    if let Some(spec) = job.body.get_mut("spec").and_then(Value::as_object_mut) {
        // It would take the Job away before anybody has read its log.
        spec.remove("ttlSecondsAfterFinished");
        spec.entry("activeDeadlineSeconds").or_insert(json!(LIMIT));
    }
    job
}

/// The name of the Job of `hook` in `release`: `migrate-1f9a03bc`. The same whoever makes it, and no other Job's.
pub fn name(hook: &str, release: &str) -> String {
    let mut hash = json::sha256_hex(format!("{release}/{hook}").as_bytes());
    hash.truncate(DIGITS);
    let kept: String = hook.chars().take(NAME - DIGITS - 1).collect();
    format!("{}-{hash}", kept.trim_end_matches(['-', '.']))
}

/// How a run stands, by what was written down of it and by its Job.
pub fn standing(entry: Option<&Entry>, live: Option<&LiveFacts>, health: HealthStatus) -> Standing {
    let Some(entry) = entry else {
        return Standing::Waiting;
    };
    let ended = entry.hook.as_ref().and_then(|run| run.ended);
    match (ended, &entry.uid, live) {
        (Some(true), ..) => Standing::Done,
        // Written down ahead, and never made.
        (None, None, None) => Standing::Waiting,
        // Made, and the answer never came.
        (None, None, Some(live)) if live.owned.is_some() => by_health(health),
        (None, Some(uid), Some(live)) if *uid == live.uid => by_health(health),
        // It was said before, or somebody has taken it away or made another in its place.
        (Some(false) | None, ..) => Standing::Failed,
    }
}

fn by_health(health: HealthStatus) -> Standing {
    match health {
        HealthStatus::Healthy => Standing::Done,
        HealthStatus::Degraded => Standing::Failed,
        HealthStatus::Suspended
        | HealthStatus::Progressing
        | HealthStatus::Missing
        | HealthStatus::Unknown => Standing::Running,
    }
}

/// Runs of other releases that may still be at work and would get in the way: what tells of a failure may end in peace.
pub fn superseded<'a>(
    inventory: &'a Inventory,
    release: Option<&str>,
) -> Vec<(&'a ObjectId, &'a Entry)> {
    let gets_in_the_way = |point: Point| !matches!(point, Point::Failed | Point::Sample);
    let at_work = |run: &HookRun| run.ended.is_none() && gets_in_the_way(run.point);
    let runs = inventory.iter().filter(|(_, entry)| {
        let run = entry.hook.as_ref();
        run.is_some_and(|run| Some(run.release.as_str()) != release && at_work(run))
    });
    runs.collect()
}

/// Runs of `run`'s hook in earlier releases that are one too many once it is made.
pub fn former<'a>(
    inventory: &'a Inventory,
    run: &Run,
    release: &str,
) -> Vec<(&'a ObjectId, &'a Entry)> {
    let keep = run.hook.hook.map_or(1, |hook| hook.keep).max(1);
    let same = |id: &ObjectId, of: &HookRun| {
        of.hook == run.hook.id.name
            && of.point != Point::Sample
            && of.release != release
            && id.namespace == run.hook.id.namespace
    };
    let mut runs: Vec<_> = inventory
        .iter()
        .filter_map(|(id, entry)| Some((id, entry, entry.hook.as_ref()?)))
        .filter(|(id, _, of)| same(id, of))
        .collect();
    // Releases are numbered, so their names sort by age.
    runs.sort_by(|(_, _, a), (_, _, b)| b.release.cmp(&a.release));
    let many = runs.into_iter().skip(keep as usize - 1);
    many.map(|(id, entry, _)| (id, entry)).collect()
}

/// Runs of hooks that `hooks`, all that git has, no longer names.
pub fn forgotten<'a>(inventory: &'a Inventory, hooks: &[Run]) -> Vec<(&'a ObjectId, &'a Entry)> {
    let named = |id: &ObjectId, of: &HookRun| {
        let mut hooks = hooks.iter().map(|run| &run.hook.id);
        hooks.any(|hook| hook.name == of.hook && hook.namespace == id.namespace)
    };
    let runs = inventory.iter().filter(|(id, entry)| {
        let run = entry.hook.as_ref();
        run.is_some_and(|run| run.point != Point::Sample && run.ended.is_some() && !named(id, run))
    });
    runs.collect()
}

/// Jobs that are run for the numbers of a rollout, or were, and are not known to be gone.
pub fn samples(inventory: &Inventory) -> impl Iterator<Item = (&ObjectId, &Entry, &HookRun)> {
    let runs = inventory.iter();
    let runs = runs.filter_map(|(id, entry)| Some((id, entry, entry.hook.as_deref()?)));
    runs.filter(|(_, _, run)| run.point == Point::Sample)
}
