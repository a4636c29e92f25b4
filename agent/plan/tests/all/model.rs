//! A small cluster, and the agent's pass over it, that can crash at every write.
//!
//! The cluster keeps its own book of what the agent has made. Every write is checked against that book and
//! against the stored inventory, so that a wrong plan fails at the very step that would do harm.

use std::collections::{BTreeMap, BTreeSet};

use krm::{Gvk, ObjectId};
use plan::{
    desired::Desired,
    diff::{
        AdoptRule, Budget, DriftRule, DropReason, Plan, PlanInput, Rules,
        approval::{ask, grant},
        plan, unseen, write_ahead,
    },
    health::HealthStatus,
    inventory::{Entry, Fate, Inventory, Ownership, Shard},
    live::{LiveFacts, LiveView},
    waves::{Ended, Progress, PruneGate, Step},
};

use crate::sample::HERE;

/// A cluster with everything the agent has stored in it.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) objects: BTreeMap<ObjectId, Thing>,
    shards: BTreeMap<u32, Shard>,
    /// What the agent has made or taken over and is answerable for, by UID.
    ours: BTreeMap<ObjectId, String>,
    /// Admission refuses these.
    pub(crate) refused_applies: BTreeSet<ObjectId>,
    pub(crate) refused_deletes: BTreeSet<ObjectId>,
    pub(crate) unsynced: bool,
    /// Another Environment asks for these.
    pub(crate) claimed: BTreeSet<ObjectId>,
    /// How many deletions need no approval; none set: all.
    pub(crate) budget: Option<u32>,
    /// The plan that somebody has approved.
    pub(crate) approved: Option<String>,
    ticks: u64,
    pub(crate) writes: usize,
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    pub(crate) uid: String,
    pub(crate) label: Option<String>,
    content: String,
    owned: Option<Ownership>,
}

/// What git asks for.
#[derive(Clone)]
pub(crate) struct Git {
    pub(crate) desired: Vec<Desired>,
    pub(crate) complete: bool,
}

/// The agent dies at its `after`th write: before the request arrives, or before the answer comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) after: usize,
    pub(crate) committed: bool,
}

/// The agent is dead.
#[derive(Debug)]
pub(crate) struct Dead;

/// What one pass has seen of the cluster.
struct View {
    facts: BTreeMap<ObjectId, LiveFacts>,
    synced: bool,
    claimed: BTreeSet<ObjectId>,
    budget: Option<u32>,
}

/// One pass under way: what a crash forgets.
struct Pass<'m> {
    model: &'m mut Model,
    git: &'m Git,
    crash: Option<Crash>,
    inventory: Inventory,
}

impl LiveView for View {
    fn get(&self, id: &ObjectId) -> Option<&LiveFacts> {
        self.facts.get(id)
    }

    fn synced(&self, _: &Gvk) -> bool {
        self.synced
    }

    fn claimed(&self, id: &ObjectId) -> Option<&str> {
        self.claimed.contains(id).then_some("shop.other")
    }
}

impl Model {
    /// One pass of the agent.
    pub(crate) fn pass(&mut self, git: &Git, crash: Option<Crash>) -> Result<Plan, Dead> {
        let shards = self.shards.values().cloned();
        let inventory = Inventory::from_shards(shards);
        Pass {
            model: self,
            git,
            crash,
            inventory,
        }
        .run()
    }

    /// Approves what waits now.
    pub(crate) fn approve(&mut self, git: &Git) {
        let plan = self.plan(git);
        let inventory = Inventory::from_shards(self.shards.values().cloned());
        let view = self.watched();
        let rules = input(git, &inventory, &view).rules;
        let ask = ask(&rules, inventory.len(), &plan, &[]);
        self.approved = ask.map(|ask| ask.digest);
        assert!(self.approved.is_some(), "nothing waits");
    }

    /// What would be done now.
    pub(crate) fn plan(&self, git: &Git) -> Plan {
        let shards = self.shards.values().cloned();
        let inventory = Inventory::from_shards(shards);
        let mut view = self.watched();
        for id in unseen(&input(git, &inventory, &view))
            .into_iter()
            .cloned()
            .collect::<Vec<_>>()
        {
            view.facts.extend(self.read(&id).map(|facts| (id, facts)));
        }
        plan(&input(git, &inventory, &view))
    }

    /// What the agent must know of although git no longer asks for it.
    pub(crate) fn left_over(&self, git: &Git) -> Vec<ObjectId> {
        let wanted: BTreeSet<_> = git.desired.iter().map(|object| &object.id).collect();
        self.ours
            .keys()
            .filter(|id| !wanted.contains(id))
            .cloned()
            .collect()
    }

    /// True if `id` is as git wants it.
    pub(crate) fn is_in_sync(&self, object: &Desired) -> bool {
        let thing = self.objects.get(&object.id);
        thing.is_some_and(|thing| {
            thing.content == object.digest && thing.label.as_deref() == Some(HERE)
        })
    }

    /// True if it was decided, and written down, that `id` is let go.
    pub(crate) fn is_let_go(&self, id: &ObjectId) -> bool {
        let fate = self.stored(id).map(|entry| entry.fate.clone());
        fate.is_none_or(|fate| fate == Some(Fate::Release))
    }

    /// Somebody deletes it.
    pub(crate) fn hand_delete(&mut self, id: &ObjectId) {
        self.objects.remove(id);
        self.ours.remove(id);
    }

    /// Somebody changes a field of ours.
    pub(crate) fn hand_edit(&mut self, id: &ObjectId) {
        self.ticks += 1;
        if let Some(thing) = self.objects.get_mut(id) {
            thing.content = format!("edited {}", self.ticks);
            // Our entry stays, without the field; a stranger's object never had one.
            if let Some(owned) = &mut thing.owned {
                owned.digest = thing.content.as_str().into();
            }
        }
    }

    /// Somebody takes the label off, or puts another on.
    pub(crate) fn hand_label(&mut self, id: &ObjectId, label: Option<&str>) {
        self.hand_edit(id);
        if let Some(thing) = self.objects.get_mut(id) {
            thing.label = label.map(str::to_owned);
            let uid = thing.uid.clone();
            let made = thing.owned.is_some();
            match self.stored(id).map(|entry| entry.uid.as_ref()) {
                _ if label.is_some() => drop(self.ours.remove(id)),
                // Nobody claims it any more, and it is the one that was made.
                Some(known) if known.map_or(made, |known| *known == uid) => {
                    self.ours.insert(id.clone(), uid);
                }
                _ => {}
            }
        }
    }

    /// Somebody makes an object of that name, in place of any other.
    pub(crate) fn hand_make(&mut self, id: &ObjectId, label: Option<&str>) {
        self.hand_delete(id);
        let uid = self.uid();
        let thing = Thing {
            uid,
            label: label.map(str::to_owned),
            content: "by hand".to_owned(),
            owned: None,
        };
        self.objects.insert(id.clone(), thing);
    }

    fn uid(&mut self) -> String {
        self.ticks += 1;
        format!("uid-{}", self.ticks)
    }

    /// What a watch by label shows.
    fn watched(&self) -> View {
        let labelled = self
            .objects
            .iter()
            .filter(|(_, thing)| thing.label.is_some());
        View {
            facts: labelled
                .map(|(id, thing)| (id.clone(), thing.facts()))
                .collect(),
            synced: !self.unsynced,
            claimed: self.claimed.clone(),
            budget: self.budget,
        }
    }

    fn read(&self, id: &ObjectId) -> Option<LiveFacts> {
        self.objects.get(id).map(Thing::facts)
    }

    fn stored(&self, id: &ObjectId) -> Option<&Entry> {
        let entries = self.shards.values().flat_map(|shard| &shard.entries);
        entries
            .into_iter()
            .find(|(other, _)| other == id)
            .map(|(_, entry)| entry)
    }

    /// No object is ever without an inventory entry.
    fn check(&self) {
        for id in self.ours.keys() {
            assert!(self.stored(id).is_some(), "{id} is an orphan");
        }
    }

    fn apply(&mut self, object: &Desired) -> bool {
        if self.refused_applies.contains(&object.id) {
            return false;
        }
        let (uid, time) = (self.uid(), self.ticks);
        let ours = self.ours.get(&object.id);
        let thing = self
            .objects
            .entry(object.id.clone())
            .or_insert_with(|| Thing {
                uid,
                label: Some(HERE.to_owned()),
                content: String::new(),
                owned: None,
            });
        let released = thing.label.is_none() && thing.owned.is_some();
        let free = thing.content.is_empty() || thing.label.as_deref() == Some(HERE) || released;
        assert!(free || ours == Some(&thing.uid), "took over {}", object.id);
        if thing
            .owned
            .as_ref()
            .is_none_or(|owned| owned.digest != object.digest)
        {
            let time = Some(time.to_string());
            thing.owned = Some(Ownership {
                digest: object.digest.as_str().into(),
                time: time.map(Into::into),
            });
        }
        thing.label = Some(HERE.to_owned());
        thing.content.clone_from(&object.digest);
        self.ours.insert(object.id.clone(), thing.uid.clone());
        true
    }

    /// Takes the label off the object with this UID.
    fn release(&mut self, id: &ObjectId, uid: &str) {
        if let Some(thing) = self.objects.get_mut(id).filter(|thing| thing.uid == uid) {
            thing.label = None;
            self.ours.remove(id);
        }
    }

    /// True if it is gone.
    fn delete(&mut self, id: &ObjectId, uid: &str, git: &Git) -> bool {
        let Some(thing) = self.objects.get(id).filter(|thing| thing.uid == uid) else {
            return true;
        };
        let entry = self
            .stored(id)
            .expect("only what the inventory holds is deleted");
        let marked = thing.label.as_deref() == Some(HERE) || thing.owned.is_some();
        assert!(
            entry.uid.as_ref().is_some_and(|own| *own == *uid) || entry.uid.is_none() && marked,
            "{id}"
        );
        assert!(
            git.complete && !git.desired.is_empty() && !self.unsynced,
            "{id}"
        );
        assert!(
            git.desired.iter().all(|object| object.id != *id),
            "{id} is still in git"
        );
        assert!(
            !self.claimed.contains(id),
            "{id} is claimed by another Environment"
        );
        if self.refused_deletes.contains(id) {
            return false;
        }
        self.hand_delete(id);
        true
    }
}

impl Thing {
    fn facts(&self) -> LiveFacts {
        LiveFacts {
            uid: self.uid.as_str().into(),
            environment: self.label.as_deref().map(Into::into),
            owned: self.owned.clone(),
            ..LiveFacts::default()
        }
    }
}

impl Pass<'_> {
    fn run(mut self) -> Result<Plan, Dead> {
        let git = self.git;
        let mut view = self.model.watched();
        let unseen = unseen(&input(git, &self.inventory, &view));
        for id in unseen.into_iter().cloned().collect::<Vec<_>>() {
            match self.model.read(&id) {
                Some(facts) => drop(view.facts.insert(id, facts)),
                None if git.desired.iter().any(|object| object.id == id) => {}
                None => drop(self.inventory.confirmed_gone(&id)),
            }
        }
        let plan = plan(&input(git, &self.inventory, &view));
        write_ahead(&mut self.inventory, &git.desired, &plan);
        for dropped in &plan.dropped {
            if dropped.reason == DropReason::Kept {
                self.model.ours.remove(&dropped.id);
            }
            self.inventory.confirmed_gone(&dropped.id);
        }
        self.store()?;
        self.release(&plan)?;
        self.act(&plan)?;
        let rules = input(git, &self.inventory, &view).rules;
        let ask = ask(&rules, self.inventory.len(), &plan, &[]);
        if ask.is_some() && ask.map(|ask| ask.digest) == self.model.approved {
            grant(&mut self.inventory, &plan, &[]);
        }
        self.store()?;
        Ok(plan)
    }

    fn release(&mut self, plan: &Plan) -> Result<(), Dead> {
        for release in &plan.released {
            self.write(|model| model.release(&release.id, &release.uid))?;
            self.inventory.confirmed_gone(&release.id);
        }
        Ok(())
    }

    fn act(&mut self, plan: &Plan) -> Result<(), Dead> {
        let git = self.git;
        let mut progress = Progress::new(plan, &git.desired, PruneGate::Healthy);
        loop {
            match progress.next(&|_| HealthStatus::Healthy) {
                Step::Apply(indices) => {
                    for index in indices {
                        let ended = self.apply(&git.desired[index])?;
                        progress.applied(index, ended);
                    }
                }
                Step::Delete(indices) => {
                    for index in indices {
                        let ended =
                            self.delete(&plan.prune[index].id, plan.prune[index].uid.as_deref())?;
                        progress.deleted(index, ended);
                    }
                }
                Step::Run(_) => panic!("there are no hooks"),
                Step::Wait(waiting) => panic!("everything is healthy: {waiting:?}"),
                Step::Done => return Ok(()),
            }
        }
    }

    fn apply(&mut self, object: &Desired) -> Result<Ended, Dead> {
        if !self.write(|model| model.apply(object))? {
            return Ok(Ended::Badly);
        }
        let thing = &self.model.objects[&object.id];
        let entry = Entry {
            temporary: false,
            disturbance: false,
            version: object.gvk.version.as_str().into(),
            uid: Some(thing.uid.as_str().into()),
            applied: Some(object.digest.as_str().into()),
            owned: thing.owned.clone(),
            wave: object.wave.wave,
            keep: object.keep,
            fate: None,
            hook: None,
        };
        self.inventory.applied(&object.id, entry);
        Ok(Ended::Well)
    }

    fn delete(&mut self, id: &ObjectId, uid: Option<&str>) -> Result<Ended, Dead> {
        let uid = uid.expect("what was read has a UID, what was not there is out of the inventory");
        let git = self.git;
        if !self.write(|model| model.delete(id, uid, git))? {
            return Ok(Ended::Badly);
        }
        self.inventory.confirmed_gone(id);
        Ok(Ended::Well)
    }

    fn store(&mut self) -> Result<(), Dead> {
        for number in self.inventory.dirty() {
            let shard = self.inventory.shard(number);
            self.write(|model| drop(model.shards.insert(number, shard)))?;
            self.inventory.stored(number);
        }
        Ok(())
    }

    fn write<R>(&mut self, request: impl FnOnce(&mut Model) -> R) -> Result<R, Dead> {
        let dies = match &mut self.crash {
            Some(crash) if crash.after == 0 => Some(crash.committed),
            Some(crash) => {
                crash.after -= 1;
                None
            }
            None => None,
        };
        if dies == Some(false) {
            return Err(Dead);
        }
        self.model.writes += 1;
        let answer = request(self.model);
        self.model.check();
        match dies {
            Some(_) => Err(Dead),
            None => Ok(answer),
        }
    }
}

fn input<'a>(git: &'a Git, inventory: &'a Inventory, view: &'a View) -> PlanInput<'a> {
    PlanInput {
        desired: &git.desired,
        complete: git.complete,
        inventory,
        live: view,
        rules: Rules {
            environment: HERE,
            prune: true,
            budget: Budget {
                objects: view.budget.unwrap_or(1_000),
                percent: view.budget.map_or(100, |_| 0),
            },
            adopt: AdoptRule::Never,
            drift: DriftRule::Repair,
        },
    }
}
