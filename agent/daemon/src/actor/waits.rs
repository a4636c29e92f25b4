//! What an actor waits for.

use std::{pin::pin, sync::Arc};

use api::v1alpha1::Environment;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::comes,
    rollouts::Rollouts,
    state::Followed,
    targets::{Aim, Stir},
};

/// Waits for `pass`. A new spec tells it to `halt`, and whoever deletes the Environment changes that, too.
pub(super) async fn until_changed<T>(
    pass: impl Future<Output = T>,
    mut wanted: watch::Receiver<Arc<Environment>>,
    halt: &CancellationToken,
) -> T {
    let began = wanted.borrow().metadata.generation;
    let same = |now: &Arc<Environment>| now.metadata.generation == began;
    let mut pass = pin!(pass);
    tokio::select! {
        biased;
        done = &mut pass => return done,
        Ok(_) = wanted.wait_for(|now| !same(now)) => halt.cancel(),
    }
    pass.await
}

/// Waits until a rollout has a new number or its time has come, or for ever without one.
pub(super) async fn rolled(rollouts: Option<&Rollouts>) {
    let Some(rollouts) = rollouts else {
        return std::future::pending().await;
    };
    tokio::select! {
        () = rollouts.asking.some(), if rollouts.looked => {}
        () = comes(rollouts.wake) => {}
    }
}

/// Waits for news of the repo, or for ever without one.
pub(super) async fn news(followed: &mut Option<Followed>) {
    match followed {
        Some(followed) => followed.subscription.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits until something happens in the cluster, or for ever without one.
pub(super) async fn stirred(aim: &mut Option<Aim>) -> Stir {
    match aim {
        Some(aim) => aim.stirred().await,
        None => std::future::pending().await,
    }
}
