//! Whether a new revision may be applied now, and what it would do once it may.

use api::{
    Reason, names,
    v1alpha1::{PlannedAction, PlannedChange, WaitingRevision, WindowOverride},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plan::{
    desired::Desires,
    diff::{Action, Plan},
    windows::{Gate, WindowFault},
};
use source::Revision;

use super::Pass;
use crate::{
    outcome::{Retry, Stop},
    rendered::Rendering,
    windows::windows,
};

/// How many changes of a waiting revision are told.
const TOLD: usize = 50;

/// Windows that are closed now.
#[derive(Clone)]
pub(super) struct Shut {
    /// Why, and until when.
    stop: Stop,
    /// The revision that was begun while they were open; it is finished.
    pub(super) begun: Option<Revision>,
    /// The revision that somebody let through.
    let_through: Option<Revision>,
}

impl Shut {
    /// True if `head` may go on nevertheless.
    pub(super) fn lets(&self, head: &Revision) -> bool {
        [self.begun, self.let_through].contains(&Some(*head))
    }

    /// What to say of `head`, which has to wait.
    pub(super) fn stop(&self, head: &Revision) -> Stop {
        Stop {
            message: format!("revision {} waits: {}", head.short(), self.stop.message),
            ..self.stop.clone()
        }
    }
}

impl Pass<'_> {
    /// The windows of the spec, if they are closed at `now` or cannot be read.
    pub(super) fn shut(&self, now: Timestamp) -> Option<Shut> {
        let spec = &self.environment.spec.windows;
        let stop = match windows(spec).map(|windows| windows.gate(now)) {
            Ok(Gate::Open { .. }) => return None,
            Ok(Gate::Closed { opens, denied_by }) => closed(opens, denied_by.as_deref()),
            Err(faults) => unreadable(&faults),
        };
        let open = |release: &&crate::releases::OpenRelease| !release.has_ended();
        let begun = self.state.release.as_ref().filter(open);
        let asked = self.annotation(names::OUTSIDE_WINDOW);
        let let_through = asked.filter(|_| self.overridden().is_some());
        Some(Shut {
            stop,
            begun: begun.and_then(|release| Revision::parse(&release.revision).ok()),
            let_through: let_through.and_then(|revision| Revision::parse(revision).ok()),
        })
    }

    /// Who let which revision through, and why. Without a reason it counts for nothing.
    pub(super) fn overridden(&self) -> Option<WindowOverride> {
        self.annotation(names::OUTSIDE_WINDOW)?;
        let reason = self.annotation(names::OUTSIDE_WINDOW_REASON)?.trim();
        let by = self.annotation(names::REQUESTED_BY);
        (!reason.is_empty()).then(|| WindowOverride {
            by: by.unwrap_or("somebody").to_owned(),
            reason: reason.to_owned(),
        })
    }

    /// The override that lets `revision` through, if it needs one at `now`.
    pub(super) fn override_for(
        &self,
        revision: &Revision,
        now: Timestamp,
    ) -> Option<WindowOverride> {
        let asked = self.annotation(names::OUTSIDE_WINDOW)?;
        let shut = self.shut(now)?;
        (asked == revision.to_string() && shut.begun != Some(*revision))
            .then(|| self.overridden())
            .flatten()
    }

    /// Plans what `rendering` would change, and changes nothing.
    pub(super) async fn preview(&mut self, rendering: Rendering) {
        let revision = rendering.revision.to_string();
        let Some((kinds, desires)) = self.desires(rendering.objects).await else {
            return;
        };
        self.soon = desires
            .objects
            .iter()
            .map(|object| object.id.clone())
            .collect();
        self.want(&[]);
        let complete = desires.refused.is_empty();
        let Some((seen, _)) = self.see(&kinds, &desires.objects, complete).await else {
            return;
        };
        let plan = self.plan(&desires.objects, &seen, complete);
        let changes = planned(&desires, &plan);
        let until = match self.outcome.stop.as_ref().map(|stop| stop.retry) {
            Some(Retry::At(opens)) => Some(Time(opens)),
            _ => None,
        };
        self.warn_of_refused(&desires);
        self.outcome.waiting = Some(WaitingRevision {
            revision,
            until,
            count: u32::try_from(changes.len()).unwrap_or(u32::MAX),
            changes: changes.into_iter().take(TOLD).collect(),
        });
    }

    /// What will not work is said while there is time.
    fn warn_of_refused(&mut self, desires: &Desires) {
        if let (Some(stop), Some(first)) = (&mut self.outcome.stop, desires.refused.first()) {
            let (many, name, why) = (desires.refused.len(), &first.object, &first.message);
            let warning =
                format!("; {many} of its objects will be refused, the first: {name}: {why}");
            stop.message.push_str(&warning);
        }
    }

    /// An annotation of the Environment.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        let annotations = self.environment.metadata.annotations.as_ref()?;
        annotations.get(name).map(String::as_str)
    }
}

fn planned(desires: &Desires, plan: &Plan) -> Vec<PlannedChange> {
    let change = |change: &plan::diff::Change| {
        let action = match change.action {
            Action::Create => PlannedAction::Create,
            Action::Update => PlannedAction::Update,
            Action::Adopt => PlannedAction::Adopt,
            // Drift is no matter of the revision.
            Action::Repair | Action::Restore => return None,
        };
        let object = desires.objects[change.index].id.to_string();
        Some(PlannedChange { action, object })
    };
    let delete = |deletion: &plan::diff::Deletion| PlannedChange {
        action: PlannedAction::Delete,
        object: deletion.id.to_string(),
    };
    let changes = plan.changes().filter_map(change);
    changes.chain(plan.prune.iter().map(delete)).collect()
}

fn closed(opens: Option<Timestamp>, denied_by: Option<&str>) -> Stop {
    let why = match denied_by {
        Some(window) => format!("spec.windows has `{window}`"),
        None => "now is outside of all allow windows of spec.windows".to_owned(),
    };
    let (until, retry) = match opens {
        Some(opens) => (format!("until {opens}"), Retry::At(opens)),
        None => (
            "and no time within a year lets it through".to_owned(),
            Retry::OnChange,
        ),
    };
    Stop {
        reason: Reason::OutsideWindow,
        message: format!(
            "{why}, {until}; in an emergency: driftless sync ENV --outside-window --reason TEXT"
        ),
        retry,
    }
}

fn unreadable(faults: &[WindowFault]) -> Stop {
    let told = |fault: &WindowFault| {
        format!(
            "spec.windows[{}].{}: {}",
            fault.index, fault.field, fault.message
        )
    };
    let all: Vec<_> = faults.iter().map(told).collect();
    Stop {
        reason: Reason::InvalidSpec,
        message: all.join("; "),
        retry: Retry::OnChange,
    }
}
