//! Which fields of an object are ours to set, and how they change hands.
//!
//! Git may say that a field is left to others ([`IgnoreRule`], [`FieldPath`]); such a field is set when the
//! object is made and never again ([`take_out`]). Who owns a field is written in the object's managed fields:
//! [`handover`] says how they have to be rewritten so that fields come to us or go from us without any value
//! being touched. Values are looked at only to tell list items apart. How any of it reaches an API server is
//! not known here.

mod hand;
mod managers;
mod path;
mod pattern;
mod read;
mod rule;
mod set;
mod strip;

pub use hand::{Handover, Wish, handover, sources};
pub use managers::{APPLIERS, is_applier, is_controller, is_person};
pub use path::{FieldPath, Select, Step};
pub use pattern::Pattern;
pub use read::BadPath;
pub use rule::IgnoreRule;
pub use set::{OnePiece, is_left};
pub use strip::{Misfit, take_out};
