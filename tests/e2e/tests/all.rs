//! Scenarios from a commit to the cluster, judged by the API server's audit log.

#[path = "all/approval.rs"]
mod approval;
#[path = "all/audit.rs"]
mod audit;
#[path = "all/by_hand.rs"]
mod by_hand;
#[path = "all/canaries.rs"]
mod canaries;
#[path = "all/change.rs"]
mod change;
#[path = "all/checks.rs"]
mod checks;
#[path = "all/clocks.rs"]
mod clocks;
#[path = "all/drift.rs"]
mod drift;
#[path = "all/faults.rs"]
mod faults;
#[path = "all/fields.rs"]
mod fields;
#[path = "all/handover.rs"]
mod handover;
#[path = "all/hooks.rs"]
mod hooks;
#[path = "all/in_place.rs"]
mod in_place;
#[path = "all/isolation.rs"]
mod isolation;
#[path = "all/job_kills.rs"]
mod job_kills;
#[path = "all/job_metrics.rs"]
mod job_metrics;
#[path = "all/job_places.rs"]
mod job_places;
#[path = "all/leases.rs"]
mod leases;
#[path = "all/meanwhile.rs"]
mod meanwhile;
#[path = "all/moves.rs"]
mod moves;
#[path = "all/process.rs"]
mod process;
#[path = "all/quiet.rs"]
mod quiet;
#[path = "all/quirks.rs"]
mod quirks;
#[path = "all/remote.rs"]
mod remote;
#[path = "all/removal.rs"]
mod removal;
#[path = "all/repair.rs"]
mod repair;
#[path = "all/replicas.rs"]
mod replicas;
#[path = "all/repos.rs"]
mod repos;
#[path = "all/restarts.rs"]
mod restarts;
#[path = "all/rights.rs"]
mod rights;
#[path = "all/rollout_hooks.rs"]
mod rollout_hooks;
#[path = "all/sample.rs"]
mod sample;
#[path = "all/scale.rs"]
mod scale;
#[path = "all/still.rs"]
mod still;
#[path = "all/strategies.rs"]
mod strategies;
#[path = "all/telemetry.rs"]
mod telemetry;
#[path = "all/tenancy.rs"]
mod tenancy;
#[path = "all/unwritten.rs"]
mod unwritten;
#[path = "all/upkeep.rs"]
mod upkeep;
#[path = "all/waves.rs"]
mod waves;
#[path = "all/windows.rs"]
mod windows;
