//! The agent: time, tasks, triggers, telemetry around the pure parts.
//!
//! ```text
//! repos ─► actor ─► pass ─► Outcome ─► report ─► publish
//!            ▲ live, registry, share
//! ```
//! [`run`] is the whole program of `driftless agent`. Rules about Kubernetes or Git do not live here: an `if` about
//! what an object means belongs in `plan`.

mod actor;
mod archive;
mod asking;
mod audit;
mod backoff;
mod chain;
mod checked;
mod checks;
mod claims;
mod clock;
mod config;
mod context;
mod environments;
mod events;
mod fields;
mod fights;
mod hashed;
mod journey;
mod key;
mod ledger;
mod live;
mod measure;
mod metrics;
mod outcome;
mod owing;
mod pass;
mod patience;
mod poke;
mod publish;
mod reach;
mod registry;
mod releases;
mod rendered;
mod report;
mod repos;
mod rollouts;
mod run;
mod serve;
mod share;
mod shelf;
mod state;
mod stored;
mod strays;
mod targets;
mod told;
mod traces;
mod trigger;
mod unread;
mod verify;
mod windows;
mod words;

pub use config::{Config, Secret, Tenancy};
pub use fields::FieldRules;
pub use run::{RunError, run};
pub use told::{Numbers as RolloutNumbers, RolloutLook};
pub use windows::windows;
