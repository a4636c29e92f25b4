//! The plan: what has to be done so that the cluster equals git, and what must not be done.
//!
//! Compares what git asks for with what was made and what is there. Deletes only what the inventory holds,
//! with its UID, and only if git asks for something, all of it could be read, and the live view of the kind
//! is complete. How changes are carried out is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use krm::ObjectId;

use crate::{
    desired::{ApplyMode, Desired},
    inventory::{Fate, Inventory},
    live::LiveView,
    order::WaveKey,
};

pub mod approval;
mod budget;
mod judge;
pub mod part;
mod prune;
mod removal;

pub use removal::remove;

use judge::Verdict;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// What git asks for.
    pub desired: &'a [Desired],
    /// False if some rendered objects were refused; then nothing is deleted.
    pub complete: bool,
    /// What was made.
    pub inventory: &'a Inventory,
    /// What is there.
    pub live: &'a dyn LiveView,
    /// The environment and its settings.
    pub rules: Rules<'a>,
}

/// What an environment allows.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The value of its environment label.
    pub environment: &'a str,
    /// Whether objects that leave git are deleted.
    pub prune: bool,
    /// How much may be deleted without approval.
    pub budget: Budget,
    /// What may be taken over.
    pub adopt: AdoptRule,
    /// Whether differences made by others are put right.
    pub drift: DriftRule,
}

/// How much may be deleted without approval; whichever is larger counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Objects.
    pub objects: u32,
    /// Per cent of the inventory.
    pub percent: u32,
}

/// What may be taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdoptRule {
    /// Only objects that say so in git.
    #[default]
    Never,
    /// Whatever no other Environment or tool manages.
    Unowned,
}

/// What to do about differences made by others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriftRule {
    /// Put them right.
    #[default]
    Repair,
    /// Only tell.
    Report,
}

/// What has to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Changes, in the order of their waves. A wave without changes is left out.
    pub waves: Vec<Wave>,
    /// Deletions, first to last.
    pub prune: Vec<Deletion>,
    /// Why `prune` is empty although something left git.
    pub prune_hold: Option<PruneHold>,
    /// Inventory entries to drop without deleting anything.
    pub dropped: Vec<Dropped>,
    /// Objects to let go: their label is taken off and they stay.
    pub released: Vec<Release>,
    /// Objects that must not be touched, and why.
    pub held: Vec<Held>,
    /// Objects that others changed, whether or not that is put right.
    pub drifted: Vec<Drifted>,
    /// Objects that are as git wants them.
    pub unchanged: usize,
    /// Objects that git says to leave alone.
    pub frozen: usize,
}

/// Changes of one wave and phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Which.
    pub key: WaveKey,
    /// What to do, in any order.
    pub changes: Vec<Change>,
}

/// One object to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in [`PlanInput::desired`].
    pub index: usize,
    /// Why it is applied.
    pub action: Action,
    /// Whether fields of other managers may be taken. Not where the object should not exist: a conflict
    /// then means that somebody else was faster.
    pub force: bool,
}

/// Why an object is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Git asks for it and it is not there.
    Create,
    /// Git asks for something else than was applied.
    Update,
    /// Somebody changed what we own.
    Repair,
    /// Somebody deleted it, or made another in its place that carries our label.
    Restore,
    /// It exists and may be taken over.
    Adopt,
}

/// One object to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Which.
    pub id: ObjectId,
    /// The version it was applied in.
    pub version: String,
    /// The only UID that may be deleted. `None`: it was never confirmed; read the object first, and plan
    /// again with what that shows.
    pub uid: Option<String>,
    /// The wave it was applied in.
    pub wave: i32,
    /// True if its deletion was asked for already and it only has to go.
    pub deleting: bool,
    /// Who must agree before it is gone, where its deletion was asked for already.
    pub finalizers: Vec<String>,
    /// True if somebody has to approve it first.
    pub waits: bool,
    /// True for a workload that stood only while a revision was on its way to its users.
    pub temporary: bool,
    /// Deletions of a later step start when those of the earlier ones are confirmed gone.
    pub step: u32,
}

/// Why nothing is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneHold {
    /// The environment does not delete.
    Disabled,
    /// Git asks for nothing at all.
    EmptyRender,
    /// Some rendered objects were refused.
    Incomplete,
}

/// An inventory entry to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Which.
    pub id: ObjectId,
    /// Why.
    pub reason: DropReason,
}

/// Why an inventory entry is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Another object has taken its name.
    Replaced,
    /// Another Environment has taken it over.
    Moved {
        /// The value of its label.
        environment: String,
    },
    /// It was never made: what is there is not ours.
    NeverOurs,
    /// It is to stay, and carries no label of ours any more.
    Kept,
}

/// An object to let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub id: ObjectId,
    /// The version it was applied in.
    pub version: String,
    /// The only UID that may be touched.
    pub uid: String,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why an object is let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// Git said to keep it when it leaves.
    Kept,
    /// Another Environment asks for it.
    Claimed {
        /// The value of its label.
        environment: String,
    },
    /// Its Environment goes and leaves its objects behind.
    Orphaned,
    /// It was decided before, and not carried out to the end.
    Decided,
}

/// An object that must not be touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub id: ObjectId,
    /// Why.
    pub reason: HoldReason,
    /// What is wrong and what to do.
    pub message: String,
}

/// Why an object must not be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldReason {
    /// It exists and nobody said that it may be taken over.
    NotOwned,
    /// It belongs to another Environment.
    OtherEnvironment,
    /// Another delivery tool manages it.
    OtherTool,
    /// It is being deleted; it can be made anew once it is gone.
    Deleting,
    /// Its kind is not fully known yet, so nobody can say whether it may be deleted.
    Unsynced,
}

/// An object that somebody else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// Its place in [`PlanInput::desired`].
    pub index: usize,
    /// True if it was deleted.
    pub deleted: bool,
}

/// Compares git, inventory and cluster.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut waves: BTreeMap<WaveKey, Vec<Change>> = BTreeMap::new();
    for (index, desired) in input.desired.iter().enumerate() {
        match judge::judge(desired, input) {
            Verdict::Unchanged => plan.unchanged += 1,
            Verdict::Frozen => plan.frozen += 1,
            Verdict::Drifted { deleted } => plan.drifted.push(Drifted { index, deleted }),
            Verdict::Held(reason, message) => plan.held.push(Held {
                id: desired.id.clone(),
                reason,
                message,
            }),
            Verdict::Change {
                action,
                force,
                drift,
            } => {
                let change = Change {
                    index,
                    action,
                    force,
                };
                waves.entry(desired.wave).or_default().push(change);
                let drifted = drift.map(|deleted| Drifted { index, deleted });
                plan.drifted.extend(drifted);
            }
        }
    }
    let wave = |(key, changes)| Wave { key, changes };
    plan.waves = waves.into_iter().map(wave).collect();
    prune::prune(input, &mut plan);
    let limit = budget::limit(&input.rules, input.inventory.len());
    budget::hold_back(input.inventory, limit, &mut plan);
    plan
}

/// What the live view does not show although git or the inventory names it. Read these and add them to the
/// view before planning: an object that has lost our label shows in no watch of ours, and one that is
/// somebody else's never did. Where the API server says that it does not know an id that only the inventory
/// names, call [`Inventory::confirmed_gone`].
pub fn unseen<'a>(input: &PlanInput<'a>) -> Vec<&'a ObjectId> {
    let wanted = input
        .desired
        .iter()
        .filter(|desired| desired.apply != ApplyMode::Never);
    let wanted: BTreeSet<&ObjectId> = wanted.map(|desired| &desired.id).collect();
    let left = prune::left_git(input).into_iter().map(|(id, _)| id);
    let named = wanted.iter().copied().chain(left);
    named.filter(|id| input.live.get(id).is_none()).collect()
}

/// Enters into the inventory what the plan will make, what it decides about what has left git, and what git
/// says about keeping. Store the inventory before doing anything.
///
/// What may be deleted once may be deleted until git asks for it again: a prune that is cut off or refused
/// goes on without a second approval, and costs no budget twice.
pub fn write_ahead(inventory: &mut Inventory, desired: &[Desired], plan: &Plan) {
    for object in desired {
        let keep = object.keep || object.apply == ApplyMode::Never;
        inventory.set_keep(&object.id, keep);
        inventory.wanted(&object.id, &object.digest);
    }
    for gone in plan.prune.iter().filter(|gone| !gone.waits) {
        inventory.decide(&gone.id, gone.uid.as_deref(), Fate::Delete);
    }
    for release in &plan.released {
        inventory.decide(&release.id, Some(&release.uid), Fate::Release);
    }
    for change in plan.changes() {
        // An object that is there and ours keeps what is known of it.
        if matches!(
            change.action,
            Action::Create | Action::Restore | Action::Adopt
        ) {
            let object = &desired[change.index];
            let (version, wave) = (&object.gvk.version, object.wave_in_git());
            inventory.expect_new(&object.id, version, wave, object.keep);
        }
    }
    for object in desired {
        inventory.set_temporary(&object.id, object.temporary, object.disturbance);
    }
}

impl Plan {
    /// Only what puts back those of `ids` as they were applied: nothing else is changed, deleted or let go.
    #[must_use]
    pub fn only_back(self, desired: &[Desired], ids: &BTreeSet<ObjectId>) -> Self {
        let back = |change: &Change| {
            let is_back = matches!(
                change.action,
                Action::Create | Action::Restore | Action::Repair
            );
            is_back && ids.contains(&desired[change.index].id)
        };
        let mut waves = self.waves;
        for wave in &mut waves {
            wave.changes.retain(back);
        }
        waves.retain(|wave| !wave.changes.is_empty());
        let mut drifted = self.drifted;
        drifted.retain(|drifted| ids.contains(&desired[drifted.index].id));
        Self {
            waves,
            drifted,
            ..Self::default()
        }
    }

    /// All changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.waves.iter().flat_map(|wave| &wave.changes)
    }

    /// True if nothing has to be done, neither to the cluster nor to the inventory.
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
            && self.prune.is_empty()
            && self.dropped.is_empty()
            && self.released.is_empty()
    }
}

impl HoldReason {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotOwned => "NotOwned",
            Self::OtherEnvironment => "OtherEnvironment",
            Self::OtherTool => "OtherTool",
            Self::Deleting => "Deleting",
            Self::Unsynced => "Unsynced",
        }
    }
}

/// What to say about it.
impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced => f.write_str("another object has taken its name"),
            Self::Moved { environment } => write!(f, "environment {environment} has taken it over"),
            Self::NeverOurs => f.write_str("it was never made: what is there is not ours"),
            Self::Kept => f.write_str("it stays and is no longer managed"),
        }
    }
}

/// What to say about it.
impl fmt::Display for ReleaseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("git said to keep it; it is no longer managed"),
            Self::Claimed { environment } => write!(f, "environment {environment} asks for it"),
            Self::Orphaned => f.write_str("its Environment is gone; it is no longer managed"),
            Self::Decided => f.write_str("it was to be let go before"),
        }
    }
}

/// What to say about it.
impl fmt::Display for PruneHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "this environment does not delete what leaves git",
            Self::EmptyRender => "git asks for nothing at all; nothing is deleted for that",
            Self::Incomplete => {
                "some objects in git are refused; nothing is deleted until all are good"
            }
        })
    }
}
