//! The plan: what has to be done so that the cluster equals git, and what must not be done.
//!
//! Compares what git asks for with what was made and what is there. Deletes only what the inventory holds,
//! with its UID, and only if git asks for something, all of it could be read, and the live view of the kind
//! is complete. How changes are carried out is not known here.

use krm::{Gvk, ObjectId};

use crate::{desired::Desired, inventory::Inventory, live::LiveView, order::WaveKey};

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
    /// The digest of the plan that somebody approved.
    pub approved: Option<&'a str>,
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
    /// Objects that must not be touched, and why.
    pub held: Vec<Held>,
    /// Objects that others changed, whether or not that is put right.
    pub drifted: Vec<Drifted>,
    /// Objects that are as git wants them.
    pub unchanged: usize,
    /// Objects that git says to leave alone.
    pub frozen: usize,
    /// `sha256:…` over what would be changed and deleted, repairs left out.
    pub digest: String,
    /// Set if nothing may be deleted until somebody approves `digest`.
    pub needs_approval: Option<Approval>,
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
    /// Deletions of a later step start when those of the earlier ones are confirmed gone.
    pub step: u32,
}

/// Why nothing is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Git said to keep it.
    Kept,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// Its place in [`PlanInput::desired`].
    pub index: usize,
    /// True if it was deleted.
    pub deleted: bool,
}

/// What somebody has to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// How many deletions.
    pub deletions: usize,
    /// The objects that ask for it by their kind.
    pub precious: Vec<ObjectId>,
    /// What it is about, for people.
    pub message: String,
}

/// Compares git, inventory and cluster.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let _ = (input, std::marker::PhantomData::<Gvk>);
    unimplemented!()
}

/// What the live view does not show although git or the inventory names it: read these before planning,
/// because an object that has lost our label shows in no watch of ours.
pub fn unseen<'a>(input: &PlanInput<'a>) -> Vec<&'a ObjectId> {
    let _ = input;
    unimplemented!()
}

/// Enters into the inventory what the plan will make. Store the inventory before applying.
pub fn write_ahead(inventory: &mut Inventory, desired: &[Desired], plan: &Plan) {
    let _ = (inventory, desired, plan);
    unimplemented!()
}
