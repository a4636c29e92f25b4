//! A suspended Environment: nothing is read, applied or repaired there, whatever is on its way.
//!
//! That is all of what the switch promises, so a rollout goes neither forward nor back: somebody may be working on the
//! very route by hand. Its time stands still, and the status says where it was left and that nobody watches it. To hold
//! a rollout that goes on being watched there is `driftless rollout pause`. Only disturbances are taken away.

use api::{Reason, v1alpha1::RolloutStatus};
use rollout::state::Rollout;

use super::Pass;
use crate::outcome::{Retry, Told};

impl Pass<'_> {
    /// Leaves everything as it is, and says so.
    pub(super) async fn rest(&mut self) {
        self.calm_for_good().await;
        let left = self.halt().await;
        let mut message =
            "suspended by spec.suspend; nothing is read, applied or repaired".to_owned();
        if let Some(left) = left {
            message.push_str("; ");
            message.push_str(&left);
        }
        self.outcome
            .stop(Reason::Suspended, message, Retry::OnChange);
    }

    /// Stops the time of a rollout under way, and says where it is left.
    async fn halt(&mut self) -> Option<String> {
        let told = self.state.status.rollout.clone()?;
        if !self.remember() {
            return None;
        }
        let rollouts = self.rollouts();
        rollouts.heed_clock();
        let now = rollouts.now();
        rollouts.asking.arrange(&[], &[], now);
        let state = rollouts.state.halted(now);
        let left = left_at(state.rollout.as_ref()?, &told);
        self.outcome.rollout = Some(Told {
            status: RolloutStatus {
                message: left.clone(),
                ..told
            },
            release: None,
            metrics: Vec::new(),
            records: self.rollouts().untold.clone(),
            current: false,
        });
        if self.write_rollout(&state).await {
            self.rollouts().state = state;
        }
        Some(left)
    }
}

/// `the rollout of 4f2c1aa is left at 3/6 pause, 10 % of the traffic, and nobody watches it`
fn left_at(rollout: &Rollout, told: &RolloutStatus) -> String {
    let commit = &rollout.target.commit;
    let step = told.step.as_deref().unwrap_or(told.phase.as_str());
    format!(
        "the rollout of {} is left at {step}, {} % of the traffic, and nobody watches it",
        commit.get(..7).unwrap_or(commit),
        told.weight.unwrap_or_default()
    )
}
