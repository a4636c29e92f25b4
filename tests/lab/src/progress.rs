//! Telling a waiting person what is going on. Knows no terminal: whoever starts the lab decides how a step is shown.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One thing being done, told when it starts, about once a second while it lasts, and when it is done.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is being done, the same words each time: `building the control plane (first time only, …)`.
    pub what: String,
    /// How far it is, where that is known: `812 packages`.
    pub detail: String,
    /// The time since the step began.
    pub elapsed: Duration,
    /// Whether the step has ended.
    pub done: bool,
}

/// Where steps are told; the default tells nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Tell>>);

type Tell = dyn Fn(&Step) + Send + Sync;

/// A step under way.
pub(crate) struct Running<'a> {
    progress: &'a Progress,
    what: String,
    since: Instant,
}

impl Progress {
    /// Calls `tell` for every step.
    pub fn new(tell: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn begin(&self, what: &str) -> Running<'_> {
        let running = Running {
            progress: self,
            what: what.to_owned(),
            since: Instant::now(),
        };
        running.tell("", false);
        running
    }
}

impl Running<'_> {
    pub(crate) fn tick(&self, detail: &str) {
        self.tell(detail, false);
    }

    pub(crate) fn done(self) {
        self.tell("", true);
    }

    fn tell(&self, detail: &str, done: bool) {
        if let Some(tell) = &self.progress.0 {
            let (what, detail) = (self.what.clone(), detail.to_owned());
            tell(&Step {
                what,
                detail,
                elapsed: self.since.elapsed(),
                done,
            });
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(told)"
        } else {
            "Progress(silent)"
        })
    }
}
