//! What a control plane is started with.

use std::collections::BTreeSet;

use crate::progress::Progress;

/// One of the programs a control plane is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The store; always there.
    Etcd,
    /// The API server; always there.
    ApiServer,
    /// Deployments, jobs, namespaces, garbage collection, service accounts.
    ControllerManager,
    /// Gives pods their nodes.
    Scheduler,
    /// Plays the nodes: pods become ready, jobs end.
    Kwok,
}

/// What a control plane is started with; the default is every part and the server's own defaults.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) parts: BTreeSet<Part>,
    pub(crate) nodes: usize,
    pub(crate) feature_gates: Vec<String>,
    pub(crate) apiserver_flags: Vec<String>,
    pub(crate) autoscaler: bool,
    pub(crate) progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        let all = [
            Part::Etcd,
            Part::ApiServer,
            Part::ControllerManager,
            Part::Scheduler,
            Part::Kwok,
        ];
        Self {
            parts: BTreeSet::from(all),
            nodes: 3,
            feature_gates: Vec::new(),
            apiserver_flags: Vec::new(),
            autoscaler: false,
            progress: Progress::default(),
        }
    }
}

impl Options {
    /// etcd and the API server alone: starts faster, takes less, and nothing but the caller changes objects.
    pub fn apiserver_only() -> Self {
        Self {
            parts: BTreeSet::from([Part::Etcd, Part::ApiServer]),
            nodes: 0,
            ..Self::default()
        }
    }

    /// Leaves one part out.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        self.parts.remove(&part);
        self
    }

    /// How many nodes to pretend; three unless told.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = count;
        self
    }

    /// Sets a feature gate of the API server: `("MutatingAdmissionPolicy", true)`.
    #[must_use]
    pub fn feature_gate(mut self, name: &str, on: bool) -> Self {
        self.feature_gates.push(format!("{name}={on}"));
        self
    }

    /// Adds a flag of the API server; given later than the lab's own, it overrides.
    #[must_use]
    pub fn apiserver_flag(mut self, flag: &str) -> Self {
        self.apiserver_flags.push(flag.to_owned());
        self
    }

    /// Runs the controller of autoscalers too. Without a metrics server it does nothing but keep their bounds.
    #[must_use]
    pub fn autoscaler(mut self) -> Self {
        self.autoscaler = true;
        self
    }

    /// Tells what is being done while it is being done.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}
