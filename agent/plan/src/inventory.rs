//! What the agent has made, so that it deletes nothing else.
//!
//! An id enters before its object is made and leaves only when the object is confirmed gone, so a crash at
//! any moment leaves the inventory too large, never too small. It is stored in shards; an entry stays in its
//! shard, so that a small change rewrites one of them. How shards are stored is not known here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use krm::{Brief, Gvk, ObjectId};

use crate::point::Point;

mod fate;
mod key;

pub use fate::{BadFate, Fate};
pub use key::{BadKey, key, parse};

/// How many entries a shard takes. A repair writes a whole shard, at some 300 bytes an entry, and a whole apply writes all of
/// them: a quarter of a thousand costs the one a quarter of what a thousand would, and the other a few requests more. Larger
/// ones that are there stay as they are, and take no more.
pub const SHARD_ENTRIES: usize = 250;

/// Everything one environment has made or is about to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    entries: BTreeMap<ObjectId, Held>,
    /// How many entries each shard holds; the index is its number.
    sizes: Vec<usize>,
    dirty: BTreeSet<u32>,
    /// Shards that differ in what may be written together with something else.
    late: BTreeSet<u32>,
    revision: Option<String>,
}

/// One object that was made, or is about to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The version it was applied in.
    pub version: Brief,
    /// Its UID; `None` until the API server has confirmed it.
    pub uid: Option<Brief>,
    /// Digest of what was applied; `None` until the API server has confirmed it.
    pub applied: Option<Brief>,
    /// What the API server then said we own.
    pub owned: Option<Ownership>,
    /// The wave it was applied in.
    pub wave: i32,
    /// True if git said to keep it when it leaves git.
    pub keep: bool,
    /// True if it stands only while a revision is on its way to its users.
    pub temporary: bool,
    /// True if a chaos step has made it.
    pub disturbance: bool,
    /// What was decided about it and is not done yet.
    pub fate: Option<Fate>,
    /// Set if it is the Job of a hook, which is not kept equal to git.
    pub hook: Option<Box<HookRun>>,
}

/// The run of a hook in a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRun {
    /// The Job's name in git.
    pub hook: String,
    /// When it runs.
    pub point: Point,
    /// The release; of a number, what the rollout calls it.
    pub release: String,
    /// True once it has ended well, false once badly.
    pub ended: Option<bool>,
    /// Of a number: when it was due, and until when it means anything.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// What the API server says we own of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Digest of the set of fields.
    pub digest: Brief,
    /// When our entry was last changed, as text. It moves when somebody applies under our name.
    pub time: Option<Brief>,
}

/// One stored part of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub number: u32,
    /// Only in shard 0: the revision whose objects were last all applied.
    pub revision: Option<String>,
    /// Its entries, by id.
    pub entries: Vec<(ObjectId, Entry)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    entry: Entry,
    shard: u32,
}

impl Inventory {
    /// Puts stored shards together. An id that two shards hold stays in the first, with what the second
    /// knows where the first knows nothing.
    pub fn from_shards(shards: impl IntoIterator<Item = Shard>) -> Self {
        let mut inventory = Self::default();
        let mut shards: Vec<Shard> = shards.into_iter().collect();
        shards.sort_by_key(|shard| shard.number);
        for shard in shards {
            inventory.take_in(shard);
        }
        inventory.compact();
        inventory
    }

    /// The entry of `id`.
    pub fn get(&self, id: &ObjectId) -> Option<&Entry> {
        self.entries.get(id).map(|held| &held.entry)
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectId, &Entry)> {
        self.entries.iter().map(|(id, held)| (id, &held.entry))
    }

    /// What is known of `ids`, to judge them alone; `None` if one of them is not in here. It is stored nowhere.
    pub fn part<'i>(&self, ids: impl IntoIterator<Item = &'i ObjectId>) -> Option<Self> {
        let known = |id: &ObjectId| Some((id.clone(), self.entries.get(id)?.clone()));
        Some(Self {
            entries: ids.into_iter().map(known).collect::<Option<_>>()?,
            ..Self::default()
        })
    }

    /// How many objects it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many objects it holds that are kept equal to git.
    pub fn objects(&self) -> usize {
        let kept = self.entries.values();
        kept.filter(|held| held.entry.hook.is_none()).count()
    }

    /// True if it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The revision whose objects were last all applied.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// Notes that all objects of `revision` are applied. Stored in the first shard only.
    pub fn set_revision(&mut self, revision: &str) {
        if self.revision.as_deref() != Some(revision) {
            self.revision = Some(revision.to_owned());
            self.touch_first();
        }
    }

    /// Enters `id` before its object is made, or made anew: the UID is forgotten, because the object that
    /// comes will have another. Must be stored before the object is applied, and before the old one is
    /// deleted where it is recreated.
    pub fn expect_new(&mut self, id: &ObjectId, version: &str, wave: i32, keep: bool) {
        let entry = Entry {
            version: version.into(),
            wave,
            keep,
            ..Entry::default()
        };
        self.put(id, entry);
    }

    /// Enters the Job of a hook before it is made.
    pub fn expect_run(&mut self, id: &ObjectId, version: &str, wave: i32, run: HookRun) {
        let entry = Entry {
            version: version.into(),
            wave,
            hook: Some(Box::new(run)),
            ..Entry::default()
        };
        self.put(id, entry);
    }

    /// Notes how the Job of a hook has ended.
    pub fn ended(&mut self, id: &ObjectId, well: bool) {
        if let Some(held) = self.entries.get_mut(id)
            && let Some(run) = &mut held.entry.hook
            && run.ended != Some(well)
        {
            run.ended = Some(well);
            let (shard, late) = (held.shard, held.entry.may_be_late());
            self.touch(shard, late);
        }
    }

    /// Notes whether git says to keep `id`, if it is in here.
    pub fn set_keep(&mut self, id: &ObjectId, keep: bool) {
        if let Some(held) = self.entries.get_mut(id)
            && held.entry.keep != keep
        {
            held.entry.keep = keep;
            self.dirty.insert(held.shard);
        }
    }

    /// Notes whether `id` stands only for the time of a rollout, or of a chaos step, if it is in here.
    pub fn set_temporary(&mut self, id: &ObjectId, temporary: bool, disturbance: bool) {
        if let Some(held) = self.entries.get_mut(id)
            && (held.entry.temporary, held.entry.disturbance) != (temporary, disturbance)
        {
            (held.entry.temporary, held.entry.disturbance) = (temporary, disturbance);
            self.dirty.insert(held.shard);
        }
    }

    /// What chaos steps have made, or were about to make.
    pub fn disturbances(&self) -> impl Iterator<Item = (&ObjectId, &Entry)> {
        self.iter().filter(|(_, entry)| entry.disturbance)
    }

    /// Records a decision about the object with this UID, if `id` is in here. Store it before acting on it.
    pub fn decide(&mut self, id: &ObjectId, uid: Option<&str>, fate: Fate) {
        let Some(held) = self.entries.get_mut(id) else {
            return;
        };
        let (uid, fate) = (uid.map(Brief::from), Some(fate));
        if held.entry.uid != uid || held.entry.fate != fate {
            (held.entry.uid, held.entry.fate) = (uid, fate);
            self.dirty.insert(held.shard);
        }
    }

    /// Notes that git asks for `id` as `digest`: decisions for another case no longer hold.
    pub fn wanted(&mut self, id: &ObjectId, digest: &str) {
        if let Some(held) = self.entries.get_mut(id)
            && held
                .entry
                .fate
                .as_ref()
                .is_some_and(|fate| !fate.is_for(digest))
        {
            held.entry.fate = None;
            self.dirty.insert(held.shard);
        }
    }

    /// Records what the API server said in answer to an apply.
    pub fn applied(&mut self, id: &ObjectId, entry: Entry) {
        self.put(id, entry);
    }

    /// Takes `id` out: the API server said 404, or showed another UID, or that it is no longer ours.
    pub fn confirmed_gone(&mut self, id: &ObjectId) -> Option<Entry> {
        let held = self.entries.remove(id)?;
        self.sizes[held.shard as usize] -= 1;
        self.touch(held.shard, held.entry.may_be_late());
        Some(held.entry)
    }

    /// The shards that differ from what is stored, in order.
    pub fn dirty(&self) -> Vec<u32> {
        self.dirty.iter().copied().collect()
    }

    /// Notes that a shard is stored as it is now.
    pub fn stored(&mut self, number: u32) {
        self.dirty.remove(&number);
        self.late.remove(&number);
    }

    /// True if something waits for that.
    pub fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Has everything written that was to wait for something else: nothing else is to come.
    pub fn wait_no_longer(&mut self) {
        self.dirty.append(&mut self.late);
    }

    /// Shard `number` as it should be stored; entries sorted by id.
    pub fn shard(&self, number: u32) -> Shard {
        let entries = self
            .entries
            .iter()
            .filter(|(_, held)| held.shard == number)
            .map(|(id, held)| (id.clone(), held.entry.clone()))
            .collect();
        Shard {
            number,
            revision: self.revision.clone().filter(|_| number == 0),
            entries,
        }
    }

    /// Takes no more room than it needs. What came one after the other takes almost twice as much.
    pub fn compact(&mut self) {
        // Maps that are made from all of their entries have no gaps.
        self.entries = std::mem::take(&mut self.entries).into_iter().collect();
    }

    /// How many shards there are, empty ones included.
    pub fn shards(&self) -> usize {
        self.sizes.len()
    }
}

impl Inventory {
    fn take_in(&mut self, shard: Shard) {
        if shard.number == 0 {
            self.revision = shard.revision;
        }
        self.make_room(shard.number);
        for (id, entry) in shard.entries {
            if let Some(held) = self.entries.get_mut(&id) {
                // Two writers met. The object is ours either way; forget what they disagree on.
                held.entry.merge(&entry);
                self.dirty.extend([held.shard, shard.number]);
                continue;
            }
            self.sizes[shard.number as usize] += 1;
            let shard = shard.number;
            self.entries.insert(id, Held { entry, shard });
        }
    }

    fn put(&mut self, id: &ObjectId, entry: Entry) {
        if let Some(held) = self.entries.get_mut(id) {
            if held.entry != entry {
                let (shard, late) = (held.shard, entry.may_be_late());
                held.entry = entry;
                self.touch(shard, late);
            }
            return;
        }
        let shard = self.first_with_room();
        self.sizes[shard as usize] += 1;
        self.dirty.insert(shard);
        self.entries.insert(id.clone(), Held { entry, shard });
    }

    fn first_with_room(&mut self) -> u32 {
        let room = self.sizes.iter().position(|size| *size < SHARD_ENTRIES);
        let number = number(room.unwrap_or(self.sizes.len()));
        self.make_room(number);
        number
    }

    fn make_room(&mut self, number: u32) {
        let least = number as usize + 1;
        if self.sizes.len() < least {
            self.sizes.resize(least, 0);
        }
    }

    fn touch(&mut self, shard: u32, late: bool) {
        match late {
            true => self.late.insert(shard),
            false => self.dirty.insert(shard),
        };
    }

    fn touch_first(&mut self) {
        self.make_room(0);
        self.dirty.insert(0);
    }
}

impl Entry {
    /// What `id`, whose entry this is, is in the API.
    pub fn gvk(&self, id: &ObjectId) -> Gvk {
        Gvk {
            group: id.group.clone(),
            version: self.version.to_string(),
            kind: id.kind.clone(),
        }
    }

    /// True for the run for a number: that it enters is written ahead, all else may wait for the next one. Until then
    /// what is stored names too many, never too few, and what came of them stands in the rollout's state.
    fn may_be_late(&self) -> bool {
        let run = self.hook.as_ref();
        run.is_some_and(|run| run.point == Point::Sample)
    }

    fn merge(&mut self, other: &Self) {
        if self.uid != other.uid {
            (self.uid, self.applied, self.owned) = (None, None, None);
        }
        if self.fate != other.fate {
            self.fate = None;
        }
        self.hook = self.hook.take().or_else(|| other.hook.clone());
        self.keep |= other.keep;
        self.disturbance |= other.disturbance;
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("shards are few because each holds hundreds of objects")
}
