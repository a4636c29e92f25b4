//! Tests of the judging, in one binary.
//!
//! Tables per rule, recorded cases as files, and laws checked on a small model of a cluster.

mod approval;
mod desired;
mod diff;
mod drift;
mod fields;
mod hands;
mod health;
mod hooks;
mod inventory;
mod laws;
mod model;
mod part;
mod sample;
mod waves;
mod windows;
