//! The judging: what differs, in which order, may it be deleted, is it healthy, who changed it.
//!
//! Everything here is a pure function or a state machine over plain values: what git asks for
//! ([`desired`]), what was made ([`inventory`]), what is there ([`live`]). [`diff::plan`] compares the
//! three, [`waves`] walks the result in order, [`health`] reads a live object's state, [`drift`] reads its
//! managed fields, [`fields`] says which fields are ours to set, [`windows`] when new revisions may be
//! applied, [`hooks`] which Jobs run on the way. Nothing here knows the network, a clock, an API client or
//! Git. Secret values never appear in a message or a `Debug`.

pub mod audit;
pub mod desired;
pub mod diff;
pub mod drift;
pub mod fields;
pub mod health;
pub mod hooks;
pub mod inventory;
pub mod live;
pub mod order;
pub mod point;
pub mod waves;
pub mod windows;
