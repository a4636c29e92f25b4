//! The first revision of an environment, which no strategy has to bring out: nobody is served yet whom it could hurt.
//!
//! So a strategy that cannot be used holds up the second revision, not the first one, and is told of meanwhile: what the
//! strategy needs may well come with that first revision. One thing is asked of it all the same: whether two namespaces
//! take turns, since that decides where everything is made. Where that cannot be told, the first revision waits.

use jiff::{SignedDuration, Timestamp};
use rollout::{Effects, State, Strategy, split::Object};

use super::{
    Pass,
    strategy::{Unfit, invalid},
};
use crate::{
    outcome::{Retry, Stop},
    rollouts::Chosen,
};

/// How long a Strategy may come later than its Environment: whoever makes both makes one of them first.
const LATER: SignedDuration = SignedDuration::from_secs(30);
/// How often to look again at one that cannot be used, while nothing else happens.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

impl Pass<'_> {
    /// How the first revision is brought out: at once, where it belongs.
    pub(super) async fn first(
        &mut self,
        new: &[Object],
    ) -> Result<(Option<Strategy>, Chosen), Stop> {
        let mut unfit = Vec::new();
        for name in self.asked_for(new) {
            match self.find(&name, new).await {
                Ok(strategy) if strategy.namespaces.is_some() => {
                    let workloads = Vec::new();
                    return Ok((Some(strategy), Chosen { workloads, name }));
                }
                Ok(_) => {}
                Err(Unfit::Missing(message)) => match self.comes_later() {
                    Some(until) => {
                        let message = format!(
                            "{message}; it is waited for until {until:.0}, then the first revision goes out without it"
                        );
                        return Err(invalid(message, Retry::Later));
                    }
                    None => unfit.push(message),
                },
                Err(Unfit::Faulty {
                    message,
                    takes_turns: false,
                }) => unfit.push(message),
                Err(unfit) => return Err(unfit.into()),
            }
        }
        self.note_unfit(&unfit);
        Ok((None, Chosen::default()))
    }

    /// Looks again at what could not be used, for as long as that is told.
    pub(super) async fn is_it_fit(&mut self, new: &[Object]) {
        if self.rollouts().unfit.is_none() {
            return;
        }
        let mut unfit = Vec::new();
        for name in self.asked_for(new) {
            match self.find(&name, new).await {
                Ok(_) => {}
                Err(Unfit::Missing(message) | Unfit::Faulty { message, .. }) => unfit.push(message),
                // Nothing new is known.
                Err(Unfit::Unread(_)) => return,
            }
        }
        self.note_unfit(&unfit);
    }

    /// Says at rest what the next revision will be held for.
    pub(super) fn say_unfit(&mut self, state: &State, effects: &mut Effects) {
        if state.rollout.is_some() || !effects.waiting.is_empty() {
            return;
        }
        if let Some(unfit) = &self.rollouts().unfit {
            effects.waiting.clone_from(unfit);
        }
    }

    /// When to look again at what could not be used.
    pub(super) fn unfit_again(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.rollouts().unfit.as_ref()?;
        now.checked_add(AGAIN).ok()
    }

    fn note_unfit(&mut self, unfit: &[String]) {
        let told = (!unfit.is_empty()).then(|| {
            format!(
                "{}; the first revision needs no strategy, a change of its workloads will be held for it",
                unfit.join("; ")
            )
        });
        if let Some(told) = &told
            && self.rollouts().unfit.as_ref() != Some(told)
        {
            tracing::warn!(environment = %self.key, told, "a strategy cannot be used");
        }
        self.rollouts().unfit = told;
    }

    /// Until when a Strategy may still come that belongs to the Environment.
    fn comes_later(&self) -> Option<Timestamp> {
        let made = self.environment.metadata.creation_timestamp.as_ref()?;
        let until = made.0.checked_add(LATER).ok()?;
        (Timestamp::now() < until).then_some(until)
    }
}
