//! Asks the API server in time for what a pass will need of it, while the pass still waits for something else.
//!
//! Nothing is concluded here: what is asked for is remembered by others, and a fault is met again by whoever needs the
//! answer.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join;
use krm::Gvk;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Pass,
    scopes::{Kinds, kinds_of},
};
use crate::{rendered::Rendering, repos::News, targets::Target, trigger::Trigger};

impl Pass<'_> {
    /// Follows the repo. Meanwhile the first pass of all has what it has made before listed.
    pub(super) async fn follow_at_last(&mut self, cancel: &CancellationToken) -> Option<News> {
        let kept = match self.state.last {
            None if self.is_home() => self.kept_kinds(),
            _ => BTreeSet::new(),
        };
        let watched = watch(self.context.targets.home(), kept);
        join(self.follow(cancel), watched).await.0
    }

    /// Sees to the finalizer and the release. Meanwhile the kinds of `rendering` are asked for. False if the pass ends here.
    pub(super) async fn begin(&mut self, rendering: &Rendering, trigger: &Trigger) -> bool {
        let bodies = rendering.objects.iter().map(|(body, _): &(Value, _)| body);
        let kinds = ask(self.target().clone(), kinds_of(bodies));
        let opened = async {
            let guarded = self.guard().await;
            if guarded {
                self.release(trigger).await;
            }
            guarded
        };
        join(opened, kinds).await.0
    }
}

/// Begins the watches of `wanted`.
async fn watch(target: Arc<Target>, wanted: BTreeSet<Gvk>) {
    let mut kinds = Kinds::default();
    kinds.learn(&target.cluster, wanted).await;
    target.live.begin(&kinds.resources());
}

/// Has `wanted` remembered.
async fn ask(target: Arc<Target>, wanted: BTreeSet<Gvk>) {
    Kinds::default().learn(&target.cluster, wanted).await;
}
