//! Looks at once when a repo on this machine changes.

use std::sync::Arc;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use source::Mirror;
use tokio::sync::Notify;

/// Pokes when the refs of a `file://` repo change. `None` for other repos, and where the system cannot
/// watch files: polling finds the change later.
pub(super) fn watch(mirror: &Mirror, poke: Arc<Notify>) -> Option<RecommendedWatcher> {
    let (url, paths) = (mirror.url(), mirror.watch_paths());
    if paths.is_empty() {
        return None;
    }
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a ref is an event too; acting on it would make us read for ever.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            poke.notify_one();
        }
    });
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!(%url, %error, "cannot watch the repository; polling"))
        .ok()?;
    for path in paths {
        if let Err(error) = watcher.watch(&path, RecursiveMode::Recursive) {
            tracing::debug!(%url, path = %path.display(), %error, "cannot watch this path");
        }
    }
    Some(watcher)
}
