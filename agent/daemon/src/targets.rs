//! The clusters that environments are kept in: the one the agent runs in, and those that kubeconfigs in Secrets name.
//!
//! Environments with the same kubeconfig share connections and watches, which end with the last of them. Clusters
//! share nothing with each other, so one that is gone slows no other one down.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use api::v1alpha1::SecretRef;
use cluster::{Cluster, Connect, ConnectError};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::live::{Fault, Inbox, Live};

/// All clusters that environments are kept in.
pub(crate) struct Targets {
    home: Arc<Target>,
    /// How to connect to the others.
    connect: Connect,
    /// By the SHA-256 of their kubeconfigs.
    others: Mutex<BTreeMap<[u8; 32], Weak<Target>>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

/// One cluster that environments are kept in.
pub(crate) struct Target {
    pub(crate) cluster: Cluster,
    /// What it holds of ours.
    pub(crate) live: Live,
    _watches: DropGuard,
}

/// What one environment knows of the cluster it is kept in.
pub(crate) struct Aim {
    /// The Secret that the kubeconfig came from; none at home.
    pub(crate) secret: Option<SecretRef>,
    pub(crate) target: Arc<Target>,
    /// True if the kubeconfig has to be read again before that cluster is used.
    pub(crate) doubted: bool,
    /// Which of the environment's objects changed there.
    inbox: Arc<Inbox>,
    gone: watch::Receiver<Option<Fault>>,
}

/// What happened in the cluster an environment is kept in.
pub(crate) enum Stir {
    /// Some of its objects changed.
    Objects,
    /// It went away or came back.
    Reach,
}

impl Targets {
    pub(crate) fn new(
        home: Cluster,
        connect: Connect,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        let home = Arc::new(Target::new(home, tracker.clone(), &cancel));
        // Which context is said by each kubeconfig itself.
        let connect = Connect {
            kubeconfig: None,
            context: None,
            ..connect
        };
        Self {
            home,
            connect,
            others: Mutex::default(),
            tracker,
            cancel,
        }
    }

    /// The cluster the agent runs in.
    pub(crate) fn home(&self) -> Arc<Target> {
        self.home.clone()
    }

    /// The cluster that `kubeconfig` names. Sends nothing.
    pub(crate) async fn of(&self, kubeconfig: &str) -> Result<Arc<Target>, ConnectError> {
        let digest: [u8; 32] = Sha256::digest(kubeconfig).into();
        if let Some(known) = self.locked().get(&digest).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let cluster = Cluster::from_kubeconfig_text(kubeconfig, &self.connect).await?;
        let mut others = self.locked();
        others.retain(|_, target| target.strong_count() > 0);
        // Somebody else may have been faster.
        let known = others.get(&digest).and_then(Weak::upgrade);
        Ok(known.unwrap_or_else(|| {
            let target = Target::new(cluster, self.tracker.clone(), &self.cancel);
            let target = Arc::new(target);
            others.insert(digest, Arc::downgrade(&target));
            target
        }))
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Weak<Target>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    fn new(cluster: Cluster, tracker: TaskTracker, cancel: &CancellationToken) -> Self {
        let watches = cancel.child_token();
        Self {
            live: Live::new(cluster.clone(), tracker, watches.clone()),
            cluster,
            _watches: watches.drop_guard(),
        }
    }
}

impl Aim {
    /// At `target`, for the environment whose objects carry `label`. Listens from now on.
    pub(crate) fn at(target: Arc<Target>, secret: Option<SecretRef>, label: &str) -> Self {
        Self {
            secret,
            inbox: target.live.listen(label),
            gone: target.live.reach(),
            target,
            doubted: false,
        }
    }

    /// Why the cluster is gone, if it is one of the others and is gone.
    pub(crate) fn gone(&mut self) -> Option<Fault> {
        // Without our own cluster nothing could be told anyway.
        self.secret.as_ref()?;
        self.gone.borrow_and_update().clone()
    }

    /// Waits until something happens.
    pub(crate) async fn stirred(&mut self) -> Stir {
        let away = self.secret.is_some();
        tokio::select! {
            () = self.inbox.some() => Stir::Objects,
            Ok(()) = self.gone.changed(), if away => Stir::Reach,
        }
    }

    /// The objects that changed since somebody last looked.
    pub(crate) fn changed(&self) -> std::collections::BTreeSet<krm::ObjectId> {
        self.inbox.take()
    }
}
