//! What git asks for: each object ready to apply, or refused with the reason.
//!
//! Rendered objects come in; their environment label, namespace and wave go on, what only a server may
//! write comes off, and what no server would take is refused by name, all at once. Values of Secrets are
//! never part of a message. Whether an object exists is not known here.

use std::fmt;

use krm::{Gvk, ObjectId};
use serde_json::Value;

use crate::{
    fields::{FieldPath, IgnoreRule},
    order::WaveKey,
};

mod annotations;
mod data;
mod faults;
mod hook;
mod keys;
mod left;
mod mode;
pub mod reach;
mod ready;
mod scope;
mod twins;
pub mod words;

pub use mode::ApplyMode;

use faults::Fault;
pub use hook::Hook;
use scope::RenderedScopes;
use twins::Twins;

/// One object as it is to be applied.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a mark of its own, independent of the others"
)]
#[derive(Clone, PartialEq)]
pub struct Desired {
    /// What it is called.
    pub id: ObjectId,
    /// The version it is written in.
    pub gvk: Gvk,
    /// What to apply.
    pub body: Value,
    /// What to apply when the object is made, where that is more: with the fields that are then left to others.
    pub first: Option<Value>,
    /// The fields that are left to others.
    pub left: Vec<FieldPath>,
    /// 32 hex digits of SHA-256 over the body in canonical form, and what was taken out of it.
    pub digest: String,
    /// When it is applied.
    pub wave: WaveKey,
    /// The wave that git says, where it was put before all others: by that one it goes again.
    pub put_from: Option<i32>,
    /// Where it is written.
    pub origin: Option<Origin>,
    /// `driftless.dev/prune: disabled`: stays in the cluster when it leaves git.
    pub keep: bool,
    /// `driftless.dev/apply`: how it is applied.
    pub apply: ApplyMode,
    /// Made by a rollout, and gone with it.
    pub temporary: bool,
    /// Made by a chaos step: it goes as soon as that is over, before and whatever else.
    pub disturbance: bool,
    /// `driftless.dev/recreate: allowed`: may be deleted and made anew.
    pub recreate: bool,
    /// `driftless.dev/adopt: allowed`: may be taken over.
    pub adopt: bool,
    /// `driftless.dev/hook`: a Job that runs on the way of a release. Only of [`Desires::hooks`].
    pub hook: Option<Hook>,
}

/// Where something is written in git.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file, from the root of the repo.
    pub file: String,
    /// The 1-based line; 0 if made by the renderer.
    pub line: u32,
}

/// Where the objects go.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The value of the environment label.
    pub environment: &'a str,
    /// The namespace of objects that name none.
    pub namespace: &'a str,
    /// The fields that the environment leaves to others.
    pub ignore: &'a [IgnoreRule],
}

/// Which kinds live in a namespace, as the cluster says.
pub trait Scopes {
    /// `None` if the cluster does not know the kind.
    fn namespaced(&self, gvk: &Gvk) -> Option<bool>;
}

/// What git asks for, sorted by wave and id, and what cannot be asked for.
#[derive(Debug, Default)]
pub struct Desires {
    /// What can be applied.
    pub objects: Vec<Desired>,
    /// Jobs that run on the way of a release, sorted likewise; they are not kept equal to git.
    pub hooks: Vec<Desired>,
    /// True if a hook was refused: then nothing may go on as if there were none.
    pub lacks_hooks: bool,
    /// What cannot, in the order of the render.
    pub refused: Vec<Refusal>,
}

/// Why one rendered object cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `Deployment/shop/web`, or as much of it as is known.
    pub object: String,
    /// Its id, where it has one.
    pub id: Option<ObjectId>,
    /// Where it is written.
    pub origin: Option<Origin>,
    /// The wave it is written in, as far as that can be read: what comes later may need it.
    pub wave: i32,
    /// The kind of fault.
    pub reason: RefusalReason,
    /// What is wrong and what to do, without the object's name.
    pub message: String,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalReason {
    /// `apiVersion`, `kind` or `metadata.name` is missing or of no use.
    Nameless,
    /// `generateName` cannot be kept equal to anything.
    GeneratedName,
    /// Neither the cluster nor the render knows the kind.
    UnknownKind,
    /// Two objects have one id.
    Duplicate,
    /// A list that is told apart by keys has one key twice.
    DuplicateKey,
    /// A label or annotation has a value it cannot have.
    BadAnnotation,
    /// A field that is to be left to others cannot be found in the object.
    BadIgnore,
    /// A `Secret` or `ConfigMap` holds a value that is not what it has to be.
    BadData,
    /// It cannot be a hook.
    BadHook,
    /// Larger than an API server takes.
    TooLarge,
    /// The environment may not touch it.
    OutOfReach,
}

/// Makes rendered objects ready to apply.
///
/// Of two objects with one id neither is applied: nobody can say which one is meant.
pub fn desire(
    objects: impl IntoIterator<Item = (Value, Option<Origin>)>,
    target: &Target<'_>,
    scopes: &dyn Scopes,
) -> Desires {
    let objects: Vec<_> = objects.into_iter().collect();
    let scopes = RenderedScopes::new(objects.iter().map(|(body, _)| body), scopes);
    let twins = Twins::find(&objects, target, &scopes);
    let mut desires = Desires::default();
    for (place, (body, origin)) in objects.into_iter().enumerate() {
        let hook = hook::is_meant(&body);
        let refused = desires.refused.len();
        let ready = ready::ready(body, origin, target, &scopes);
        match (ready, twins.of(place)) {
            (Ok(object), None) => desires.objects.push(object),
            (Ok(object), Some(fault)) => desires.refused.push(Refusal::of(&object, fault)),
            (Err(refusals), _) => desires.refused.extend(refusals),
        }
        desires.lacks_hooks |= hook && desires.refused.len() > refused;
    }
    lift_foundations(&mut desires.objects);
    desires.hooks = hook::split(&mut desires.objects);
    desires
        .objects
        .sort_by(|a, b| (a.wave, &a.id).cmp(&(b.wave, &b.id)));
    desires
}

impl Desired {
    /// The wave that git says.
    pub fn wave_in_git(&self) -> i32 {
        self.put_from.unwrap_or(self.wave.wave)
    }

    /// All that git says, with what is left to others once the object is made.
    pub fn whole(&self) -> &Value {
        self.first.as_ref().unwrap_or(&self.body)
    }
}

/// Puts the objects called `ids` into a wave of their own, before all others.
pub fn put_first(objects: &mut [Desired], ids: &[ObjectId]) {
    let Some(first) = objects.iter().map(|object| object.wave.wave).min() else {
        return;
    };
    for object in objects.iter_mut().filter(|object| ids.contains(&object.id)) {
        object.put_from.get_or_insert(object.wave.wave);
        object.wave.wave = first.saturating_sub(1);
    }
    objects.sort_by(|a, b| (a.wave, &a.id).cmp(&(b.wave, &b.id)));
}

impl RefusalReason {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nameless => "Nameless",
            Self::GeneratedName => "GeneratedName",
            Self::UnknownKind => "UnknownKind",
            Self::Duplicate => "Duplicate",
            Self::DuplicateKey => "DuplicateKey",
            Self::BadAnnotation => "BadAnnotation",
            Self::BadIgnore => "BadIgnore",
            Self::BadData => "BadData",
            Self::BadHook => "BadHook",
            Self::TooLarge => "TooLarge",
            Self::OutOfReach => "OutOfReach",
        }
    }
}

impl Refusal {
    fn of(object: &Desired, (reason, message): Fault) -> Self {
        Self {
            object: object.id.to_string(),
            id: Some(object.id.clone()),
            origin: object.origin.clone(),
            wave: object.wave.wave,
            reason,
            message,
        }
    }
}

/// Namespaces and definitions without a wave of their own go with the first wave there is: whatever lives
/// in them comes after them.
fn lift_foundations(objects: &mut [Desired]) {
    let Some(first) = objects.iter().map(|object| object.wave.wave).min() else {
        return;
    };
    for object in objects.iter_mut().filter(|object| object.wave.phase == 0) {
        if object.body.pointer(words::WAVE_POINTER).is_none() {
            object.wave.wave = first;
        }
    }
}

/// Prints what it is, never the body: it may be a Secret.
impl fmt::Debug for Desired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desired")
            .field("id", &self.id)
            .field("digest", &self.digest)
            .field("wave", &self.wave)
            .finish_non_exhaustive()
    }
}

/// `manifests/web.yaml:12`
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}
