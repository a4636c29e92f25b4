//! The judging's words as the words of documents.

use api::v1alpha1::{Action, Health, HookPoint};
use plan::{diff, health::HealthStatus, point::Point};

/// The same health.
pub(crate) const fn health(status: HealthStatus) -> Health {
    match status {
        HealthStatus::Healthy => Health::Healthy,
        HealthStatus::Suspended => Health::Suspended,
        HealthStatus::Progressing => Health::Progressing,
        HealthStatus::Missing => Health::Missing,
        HealthStatus::Degraded => Health::Degraded,
        HealthStatus::Unknown => Health::Unknown,
    }
}

/// What carrying out a change is called afterwards; nothing for putting drift right, which is told as drift.
pub(crate) const fn action(action: diff::Action) -> Option<Action> {
    match action {
        diff::Action::Create => Some(Action::Created),
        diff::Action::Update => Some(Action::Updated),
        diff::Action::Adopt => Some(Action::Adopted),
        diff::Action::Repair | diff::Action::Restore => None,
    }
}

/// The word for a call to the API server that failed.
pub(crate) const fn call(error: &cluster::CallError) -> api::Reason {
    match error {
        cluster::CallError::Forbidden(_) => api::Reason::Forbidden,
        cluster::CallError::Unauthorized(_) => api::Reason::AuthenticationFailed,
        _ => api::Reason::ClusterUnreachable,
    }
}

/// The same for a call to our own custom resources.
pub(crate) fn kube(error: &kube::Error) -> api::Reason {
    match error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => api::Reason::Forbidden,
        kube::Error::Api(_) => api::Reason::ApplyFailed,
        _ => api::Reason::ClusterUnreachable,
    }
}

/// The document's word for when a hook runs.
pub(crate) const fn hook_point(point: Point) -> HookPoint {
    match point {
        Point::Before => HookPoint::Before,
        Point::After => HookPoint::After,
        Point::Failed => HookPoint::Failed,
        Point::Sample => HookPoint::Sample,
    }
}

#[cfg(test)]
mod tests {
    use api::names;
    use plan::desired::words;

    /// `plan` imports no documents, so it has the words a second time.
    #[test]
    fn the_judging_and_the_documents_use_the_same_words() {
        assert_eq!(words::ENVIRONMENT_LABEL, names::ENVIRONMENT_LABEL);
        assert_eq!(words::WAVE, names::WAVE);
        assert_eq!(words::PRUNE, names::PRUNE);
        assert_eq!(words::APPLY, names::APPLY);
        assert_eq!(words::IGNORE, names::IGNORE);
        assert_eq!(words::RECONCILE, names::RECONCILE);
        assert_eq!(words::RECREATE, names::RECREATE);
        assert_eq!(words::ADOPT, names::ADOPT);
        assert_eq!(words::HOOK, names::HOOK);
        assert_eq!(words::HOOK_KEEP, names::HOOK_KEEP);
        assert_eq!(words::HOOK_LOG, names::HOOK_LOG);
    }
}
