//! The turns in which an environment is audited, and the audits that somebody asks for.

use api::{
    names,
    v1alpha1::{AuditEntry, AuditStatus, Environment},
};
use tokio::time::Instant;

use super::Actor;
use crate::{
    audit::Turn,
    context::Context,
    pass::{Audit, NoAudit, Pass},
    publish,
};

/// How many places a status shows.
const ENTRIES: usize = 20;

/// Waits for the turn, having queued for it once; for ever where nobody is audited.
pub(super) async fn turn(waiting: &mut Option<Turn>, context: &Context, seed: u64) -> usize {
    let Some(turns) = &context.turns else {
        return std::future::pending().await;
    };
    let objects = waiting.get_or_insert_with(|| turns.next(seed)).await;
    *waiting = None;
    objects
}

impl Actor {
    /// Looks at the next few objects.
    pub(super) async fn audit(&mut self, environment: &Environment, objects: usize) {
        let after = self.state.audited_up_to.take();
        let pass = Pass::new(&self.context, &self.key, environment, &mut self.state);
        match pass.audit(objects, after.as_ref()).await {
            Ok(audit) => {
                self.state.audited_up_to.clone_from(&audit.last);
                self.put_right(audit);
            }
            Err(no) => self.no_audit(&no),
        }
    }

    /// The audit that somebody asked for and that was not taken up yet.
    pub(super) fn audit_asked(&self) -> Option<String> {
        let wanted = self.wanted.borrow();
        let asked = wanted.metadata.annotations.as_ref()?.get(names::AUDIT_AT)?;
        let told = self.state.status.audit.as_ref();
        let known = told.is_some_and(|audit| audit.request == *asked)
            || self.audited.as_ref() == Some(asked);
        (!known).then(|| asked.clone())
    }

    /// Looks at all objects and tells in the status what came of it.
    pub(super) async fn audit_all(&mut self, environment: &Environment) {
        let annotations = environment.metadata.annotations.as_ref();
        let asked = annotations
            .and_then(|all| all.get(names::AUDIT_AT))
            .cloned();
        let Some(request) = asked else {
            return;
        };
        let pass = Pass::new(&self.context, &self.key, environment, &mut self.state);
        let status = match pass.audit(usize::MAX, None).await {
            Ok(audit) => {
                let status = told(request, &audit);
                self.put_right(audit);
                status
            }
            Err(NoAudit::News) => {
                // What is newer comes first; the request stands, and is taken up after that.
                self.retry = Some(Instant::now());
                return;
            }
            Err(NoAudit::Unknown(why)) => AuditStatus {
                request,
                message: Some(why),
                ..AuditStatus::default()
            },
        };
        self.audited = Some(status.request.clone());
        self.state.owing.failed = false;
        publish::audit(&self.context, &self.key, &mut self.state, status).await;
        if self.state.owing.failed {
            self.settle = self.owes();
        }
    }

    /// What was found is drift that nobody told: the next pass deals with it as the spec says.
    fn put_right(&mut self, audit: Audit) {
        if audit.missed.is_empty() {
            return;
        }
        let objects: Vec<_> = audit.missed.keys().map(ToString::to_string).collect();
        tracing::warn!(environment = %self.key, objects = objects.join(", "), "an audit found differences that the watch had not told");
        self.state.audited(audit.missed);
        self.retry = Some(Instant::now());
    }

    fn no_audit(&mut self, no: &NoAudit) {
        match no {
            NoAudit::News => self.retry = Some(Instant::now()),
            NoAudit::Unknown(why) => {
                tracing::debug!(environment = %self.key, why, "was not audited");
            }
        }
    }
}

fn told(request: String, audit: &Audit) -> AuditStatus {
    let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
    let entries = audit.missed.iter().flat_map(|(id, places)| {
        places.iter().map(|place| AuditEntry {
            object: id.to_string(),
            field: place.clone(),
        })
    });
    AuditStatus {
        request,
        checked: count(audit.checked),
        missed: count(audit.missed.len()),
        entries: entries.take(ENTRIES).collect(),
        message: None,
    }
}
