//! What a scenario waits for while a rollout goes on.

use anyhow::{Context as _, Result};
use api::v1alpha1::{EnvironmentStatus, HeldRevision, RolloutPhase};

use crate::Shop;

/// Whether its rollout is in that phase.
pub fn is_in(phase: RolloutPhase) -> impl Fn(&EnvironmentStatus) -> bool {
    move |status| {
        let rollout = status.rollout.as_ref();
        rollout.is_some_and(|rollout| rollout.phase == phase)
    }
}

impl Shop {
    /// Waits until the rollout is in that phase.
    pub async fn phase(&self, phase: RolloutPhase) -> Result<EnvironmentStatus> {
        self.status(&format!("rollout {phase:?}"), is_in(phase))
            .await
    }

    /// Waits until a revision is held.
    pub async fn held(&self) -> Result<HeldRevision> {
        let status = self.phase(RolloutPhase::Held).await?;
        let held = status.rollout.and_then(|rollout| rollout.held);
        held.context("nothing is held")
    }

    /// Waits until what the rollout says of itself has all these words in it.
    pub async fn rollout_says(&self, words: &[&str]) -> Result<()> {
        let told = |status: &EnvironmentStatus| {
            let rollout = status.rollout.as_ref();
            rollout.is_some_and(|one| words.iter().all(|word| one.message.contains(word)))
        };
        self.status(&words.join(" and "), told).await?;
        Ok(())
    }
}
