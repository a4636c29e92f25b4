//! Pods: ready, or run to a good end.

use super::{
    Health, degraded, healthy,
    live::{Condition, Live, brief},
    progressing,
};

/// Why a container waits, where waiting will not help by itself.
const STUCK: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

pub(super) fn assess(live: Live<'_>) -> Health {
    let ready = live.condition("Ready");
    match live.text("/status/phase") {
        Some("Succeeded") => healthy("ran to its end"),
        Some("Failed") => degraded(last_words(live)),
        Some("Running" | "Pending") if ready.is_some_and(Condition::is_true) => healthy("ready"),
        Some("Running" | "Pending") => waiting(live),
        Some(phase) => progressing(format!("phase {phase}")),
        None => progressing("not seen by a scheduler yet"),
    }
}

fn waiting(live: Live<'_>) -> Health {
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        for container in live.list(list) {
            let reason = container.text("/state/waiting/reason").unwrap_or_default();
            if STUCK.contains(&reason) {
                let name = container.text("/name").unwrap_or_default();
                let message = container.text("/state/waiting/message").unwrap_or_default();
                return degraded(brief(&format!("container {name}: {reason}: {message}")));
            }
        }
    }
    let scheduled = live.condition("PodScheduled").filter(|c| c.is_false());
    match scheduled.or_else(|| live.condition("Ready")) {
        Some(condition) => progressing(condition.words()),
        None => progressing("starting"),
    }
}

fn last_words(live: Live<'_>) -> String {
    let text = |pointer| live.text(pointer).unwrap_or_default();
    match (text("/status/reason"), text("/status/message")) {
        ("", "") => exit_codes(live),
        (reason, message) => brief(format!("{reason}: {message}").trim_matches([':', ' '])),
    }
}

fn exit_codes(live: Live<'_>) -> String {
    let failed = live
        .list("/status/containerStatuses")
        .filter_map(|container| {
            let code = container
                .int("/state/terminated/exitCode")
                .filter(|code| *code != 0)?;
            Some(format!(
                "container {} ended with {code}",
                container.text("/name")?
            ))
        });
    let failed: Vec<String> = failed.collect();
    match failed.is_empty() {
        true => "failed".to_owned(),
        false => failed.join("; "),
    }
}
