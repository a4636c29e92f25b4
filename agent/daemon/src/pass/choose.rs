//! Which revision the cluster is made equal to: the branch's head, or what was applied before while the
//! head cannot be.

use std::sync::Arc;

use api::{
    Reason,
    v1alpha1::{Failure, StageName, StageResult},
};
use render::TreePath;
use source::{Mirror, Revision};
use tokio::time::Instant;

use super::{Pass, upkeep::Applied, windows::Shut};
use crate::{
    outcome::{Head, Retry, Stop},
    rendered::{self, Rendering},
    repos::News,
    verify::{Rules, Verified, descent, verify},
};

/// The revision to go on with, and what is wrong with the head if it is not the head.
#[derive(Default)]
pub(super) struct Choice {
    /// The commit that reports speak of.
    head: Option<Head>,
    /// True if the head touches what this environment reads, or may.
    concerns: bool,
    verified: Option<Verified>,
    /// The head, if it may be applied, but not now.
    preview: Option<Verified>,
    hold: Option<Stop>,
    failures: Vec<Failure>,
}

/// What a blocking thread needs to choose.
struct Chooser {
    mirror: Arc<Mirror>,
    /// Of repos that were followed before.
    left: Vec<Arc<Mirror>>,
    /// Who holds on to the applied revision.
    label: String,
    head: Revision,
    applied: Option<Applied>,
    seen: Option<String>,
    path: TreePath,
    allow_rewrite: bool,
    shut: Option<Shut>,
}

impl Pass<'_> {
    /// Chooses and renders, without touching the cluster.
    pub(super) async fn choose(&mut self, news: &News) -> Choice {
        let source = &self.environment.spec.source;
        let head = self
            .state
            .followed
            .as_ref()
            .and_then(|followed| followed.dealt_with);
        let applied = self.applied();
        let fault = news.fault.as_ref().map(|fault| Stop {
            reason: fault.reason,
            message: fault.message.clone(),
            retry: Retry::Later,
        });
        let missing = (head == Some(None)).then(|| Stop {
            reason: Reason::BranchNotFound,
            message: format!(
                "branch {} does not exist in {}; push it, or correct spec.source.branch",
                source.branch, source.url
            ),
            retry: Retry::OnChange,
        });
        let Some(path) = TreePath::parse(&source.path) else {
            let at = &source.path;
            let message = format!("spec.source.path: {at} leads out of the repository");
            let mut choice = Choice::stop(Reason::InvalidSpec, message);
            if let Some(applied) = applied {
                choice.verified = self.applied_again(applied).await;
            }
            return choice;
        };
        let hold = fault.or(missing);
        self.unheard = hold.as_ref().map(|stop| stop.message.clone());
        let (Some(mirror), Some(head)) = (news.mirror.clone(), head.flatten()) else {
            return self.without_head(hold).await;
        };
        let chooser = Chooser {
            mirror,
            left: self.state.left.clone(),
            label: self.label.clone(),
            head,
            applied,
            seen: self.state.status.revision.seen.clone(),
            path,
            allow_rewrite: source.allow_rewrite,
            shut: self.shut(jiff::Timestamp::now()),
        };
        let chosen = self.context.on_a_core(move || chooser.choose()).await;
        let mut choice = chosen.unwrap_or_else(|broken| {
            let message = format!("rendering broke off: {broken}");
            Choice::stop(Reason::RenderFailed, message)
        });
        choice.hold = choice.hold.or(hold);
        choice
    }

    /// Takes the choice into the outcome. `None` if there is nothing to make the cluster equal to.
    pub(super) fn accept(&mut self, choice: Choice, began: Instant) -> Option<Rendering> {
        let (result, message) = match &choice.hold {
            None => (StageResult::Done, None),
            Some(stop) => (StageResult::Failed, Some(stop.message.clone())),
        };
        let stage = match choice.hold.as_ref().map(|stop| stop.reason) {
            Some(
                Reason::FetchFailed
                | Reason::AuthenticationFailed
                | Reason::CredentialsMissing
                | Reason::BranchNotFound,
            ) => StageName::Fetch,
            Some(Reason::HistoryRewritten) => StageName::Verify,
            _ => StageName::Render,
        };
        self.outcome.timed(stage, result, began.elapsed(), message);
        self.outcome.failures = choice.failures;
        self.outcome.stop = choice.hold;
        self.outcome.head = choice.head;
        self.outcome.concerns = choice.concerns;
        let rendering = choice.verified?.into_rendering();
        self.outcome.path = Some(rendering.path.to_string());
        self.state.memo = Some(rendering.memo.clone());
        Some(rendering)
    }
}

impl Choice {
    /// The head that has to wait for its time.
    pub(super) fn take_preview(&mut self) -> Option<Rendering> {
        self.preview.take().map(Verified::into_rendering)
    }

    fn stop(reason: Reason, message: String) -> Self {
        Self::stopped(Some(Stop {
            reason,
            message,
            retry: Retry::OnChange,
        }))
    }

    /// Nothing to go on with.
    pub(super) fn stopped(hold: Option<Stop>) -> Self {
        Self {
            hold,
            ..Self::default()
        }
    }

    /// Goes on with `verified`, while reports speak of `head`.
    pub(super) fn with(self, head: Head, verified: Verified) -> Self {
        Self {
            head: Some(head),
            verified: Some(verified),
            ..self
        }
    }
}

impl Chooser {
    fn choose(&self) -> Choice {
        let rules = Rules {
            applied: self.applied.as_ref().map(|applied| &applied.revision),
            allow_rewrite: self.allow_rewrite,
        };
        self.keep_applied();
        if let Err(refused) = descent(&self.mirror, &self.head, &rules) {
            return self.fall_back(Reason::HistoryRewritten, &refused, Vec::new());
        }
        let rendering = match rendered::render(&self.mirror, &self.head, &self.path) {
            Ok(rendering) => rendering,
            Err(fault) => {
                let failures = fault.failures.clone();
                return self.fall_back(Reason::RenderFailed, &fault, failures);
            }
        };
        let concerns = self.concerns(&rendering);
        let told = match (concerns, &self.applied) {
            (false, Some(applied)) => applied.revision,
            _ => self.head,
        };
        let shut = self
            .shut
            .as_ref()
            .filter(|shut| concerns && !shut.lets(&self.head));
        match (verify(&self.mirror, rendering, &rules), shut) {
            (Ok(verified), Some(shut)) => self.wait(verified, shut),
            (Ok(verified), None) => Choice {
                head: Some(rendered::head(&self.mirror, &told)),
                concerns,
                verified: Some(verified),
                ..Choice::default()
            },
            (Err(refused), _) => self.fall_back(Reason::HistoryRewritten, &refused, Vec::new()),
        }
    }

    /// The head has to wait: what was begun or applied before is kept up.
    fn wait(&self, head: Verified, shut: &Shut) -> Choice {
        Choice {
            head: Some(rendered::head(&self.mirror, &self.head)),
            verified: self.before(shut.begun).and_then(|it| self.again(&it)),
            preview: Some(head),
            hold: Some(shut.stop(&self.head)),
            ..Choice::default()
        }
    }

    /// What goes on while the head has to wait: the revision that was `begun`, or else what was applied.
    fn before(&self, begun: Option<Revision>) -> Option<Applied> {
        let applied = self.applied.clone();
        let Some(revision) = begun else {
            return applied;
        };
        let path = self.path.clone();
        let noted = applied.filter(|applied| applied.revision == revision);
        Some(noted.unwrap_or(Applied { revision, path }))
    }

    /// What was applied before, once more.
    fn again(&self, before: &Applied) -> Option<Verified> {
        let mut mirrors = std::iter::once(&self.mirror).chain(&self.left);
        mirrors.find_map(|mirror| again(mirror, before))
    }

    /// Holds on to what was applied, so that it can still be kept up when the branch leaves it behind.
    fn keep_applied(&self) {
        let applied = self.applied.as_ref().map(|applied| applied.revision);
        if let Some(applied) = applied.filter(|applied| *applied != self.head)
            && let Err(error) = self.mirror.keep(&self.label, &applied)
        {
            tracing::debug!(revision = %applied, %error, "cannot hold on to the applied revision");
        }
    }

    /// A commit concerns the environment if it touches anything that rendering reads: in what is applied, or in what was
    /// about to be. So a revert of what is still on its way, or held, is told of by its own name.
    fn concerns(&self, rendering: &Rendering) -> bool {
        let differs = |before: &Revision| rendered::differs(&self.mirror, before, &rendering.memo);
        let seen = self
            .seen
            .as_deref()
            .and_then(|seen| Revision::parse(seen).ok());
        let applied = self.applied.as_ref().map(|applied| applied.revision);
        match (applied, seen) {
            (None, _) => true,
            (Some(applied), _) if applied == self.head => false,
            (Some(_), Some(seen)) if seen == self.head => true,
            (Some(applied), None) => differs(&applied),
            (Some(applied), Some(seen)) => differs(&applied) || differs(&seen),
        }
    }

    /// The head cannot be applied: what was applied before is kept up instead.
    fn fall_back(
        &self,
        reason: Reason,
        fault: &dyn std::error::Error,
        failures: Vec<Failure>,
    ) -> Choice {
        let message = crate::chain::text(fault);
        let hold = Some(Stop {
            reason,
            message,
            retry: Retry::OnChange,
        });
        let head = self.head.to_string();
        let new = self.seen.as_deref() != Some(head.as_str());
        let refused =
            |applied: &&Applied| applied.revision == self.head && applied.path == self.path;
        let applied = self.applied.as_ref().filter(|applied| !refused(applied));
        let verified = applied.and_then(|applied| self.again(applied));
        Choice {
            head: Some(rendered::head(&self.mirror, &self.head)),
            concerns: new && reason == Reason::RenderFailed,
            verified,
            hold,
            failures,
            ..Choice::default()
        }
    }
}

/// What was applied before, once more.
pub(super) fn again(mirror: &Mirror, before: &Applied) -> Option<Verified> {
    let rules = Rules {
        applied: Some(&before.revision),
        allow_rewrite: false,
    };
    let rendering = rendered::render(mirror, &before.revision, &before.path).ok()?;
    verify(mirror, rendering, &rules).ok()
}
