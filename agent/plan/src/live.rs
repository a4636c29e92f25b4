//! What is known of the objects in the cluster.
//!
//! Only what judging needs, never a body. Where it comes from (a watch, a read) is not known here.

use krm::{Brief, Gvk, ObjectId};

use crate::inventory::{Entry, Ownership};

/// The live objects, as far as somebody has seen them.
pub trait LiveView {
    /// What is known of `id`; `None` if it was not seen.
    fn get(&self, id: &ObjectId) -> Option<&LiveFacts>;

    /// True once everything of this kind is known, so that "not seen" means "not there".
    fn synced(&self, gvk: &Gvk) -> bool;

    /// The label of another Environment that asks for this object, if there is one.
    fn claimed(&self, _id: &ObjectId) -> Option<&str> {
        None
    }
}

/// What is known of one live object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// `metadata.uid`
    pub uid: Brief,
    /// The value of the environment label.
    pub environment: Option<Brief>,
    /// What the API server says we own of it; `None` if nothing.
    pub owned: Option<Ownership>,
    /// True once its deletion was asked for.
    pub deleting: bool,
    /// Who must agree before it is gone; only told of what is being deleted.
    pub finalizers: Vec<String>,
    /// Another delivery tool whose marks it carries, such as `Flux`.
    pub other_tool: Option<String>,
}

impl Entry {
    /// True if `live` is the object that was made, label or not. Where its UID was never confirmed, because
    /// we died before the answer came, it is ours if we have applied to it.
    pub(crate) fn is_of(&self, live: &LiveFacts) -> bool {
        match &self.uid {
            Some(uid) => *uid == live.uid,
            None => live.owned.is_some(),
        }
    }
}
