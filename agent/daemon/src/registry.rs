//! What environments need to know of each other: whether one is ready at the commit another wants.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use api::{
    ConditionType,
    conditions::find,
    v1alpha1::{DependencyRef, Environment},
};
use tokio::sync::watch;

use crate::key::EnvironmentKey;

/// All Environments, as far as others depend on them.
pub(crate) struct Registry {
    known: Mutex<BTreeMap<EnvironmentKey, Entry>>,
    moved: watch::Sender<u64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    ready: bool,
    source: (String, String),
    /// The overlay it renders.
    path: String,
    /// The newest commit that concerned it, by its status.
    seen: Option<String>,
    /// The head that was last dealt with, whether or not it concerned this environment. Known only if it is cared for
    /// by this replica.
    settled: Option<String>,
    depends_on: Vec<DependencyRef>,
}

/// Why an environment has to wait for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Another one is not there yet.
    For(String),
    /// They wait for each other.
    Cycle(String),
    /// Perhaps for one that another replica cares for: that depends on what git says.
    Perhaps(Doubt),
}

/// Whether a commit concerns an environment that another replica cares for.
///
/// Its status names the newest commit that concerned it. If nothing it reads differs between that one and `head`, it
/// has nothing to do there and counts as being at `head`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Doubt {
    pub(crate) path: String,
    pub(crate) seen: String,
    pub(crate) head: String,
}

/// True where the commit concerns the environment.
pub(crate) type Answers = BTreeMap<Doubt, bool>;

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            moved: watch::Sender::new(0),
        }
    }

    /// Notes what the cluster says of an Environment.
    pub(crate) fn saw(&self, key: &EnvironmentKey, environment: &Environment) {
        let status = environment.status.as_ref();
        let ready = status.is_some_and(|status| {
            status.observed_generation == environment.metadata.generation
                && find(&status.conditions, ConditionType::Ready)
                    .is_some_and(|c| c.status == "True")
        });
        let spec = &environment.spec;
        self.change(key, |entry| {
            entry.ready = ready;
            entry.source = (spec.source.url.clone(), spec.source.branch.clone());
            entry.path.clone_from(&spec.source.path);
            entry.seen = status.and_then(|status| status.revision.seen.clone());
            entry.depends_on.clone_from(&spec.depends_on);
        });
    }

    /// Notes that `key` has dealt with `head`, and whether it is ready there. Says nothing of one that was lost meanwhile.
    pub(crate) fn settled(&self, key: &EnvironmentKey, head: Option<&str>, ready: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let change = |entry: &mut Entry| {
            entry.ready = ready;
            entry.settled = head.map(str::to_owned);
        };
        let moved = known.get_mut(key).is_some_and(|it| it.moved(change));
        drop(known);
        self.tell(moved);
    }

    /// Notes that `key` is no longer cared for here: from now on only its status says how it stands.
    pub(crate) fn let_go(&self, key: &EnvironmentKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get_mut(key) {
            entry.settled = None;
        }
    }

    /// Forgets an Environment.
    pub(crate) fn lost(&self, key: &EnvironmentKey) {
        let removed = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
        self.tell(removed.is_some());
    }

    /// Tells whenever anything here changes.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// What `key`, which wants `head`, has to wait for, as far as `answers` go.
    pub(crate) fn wait(&self, key: &EnvironmentKey, head: &str, answers: &Answers) -> Option<Wait> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let me = known.get(key)?;
        if let Some(circle) = circle(&known, key) {
            return Some(Wait::Cycle(circle));
        }
        me.depends_on.iter().find_map(|dependency| {
            let other = key.beside(&dependency.name);
            let waiting = match known.get(&other) {
                None => format!("environment {other} does not exist"),
                Some(entry) if !entry.ready => format!("environment {other} is not ready"),
                Some(entry) if entry.source != me.source => return None,
                Some(entry) => match entry.is_at(head, answers) {
                    Ok(true) => return None,
                    Ok(false) => format!("environment {other} is not yet at the same commit"),
                    Err(doubt) => return Some(Wait::Perhaps(doubt)),
                },
            };
            Some(Wait::For(waiting))
        })
    }

    fn change(&self, key: &EnvironmentKey, change: impl FnOnce(&mut Entry)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(key.clone()).or_insert_with(|| Entry {
            ready: false,
            source: Default::default(),
            path: String::new(),
            seen: None,
            settled: None,
            depends_on: Vec::new(),
        });
        let moved = entry.moved(change);
        drop(known);
        self.tell(moved);
    }

    fn tell(&self, moved: bool) {
        if moved {
            self.moved.send_modify(|count| *count += 1);
        }
    }
}

impl Entry {
    /// True if `change` has changed it.
    fn moved(&mut self, change: impl FnOnce(&mut Self)) -> bool {
        let before = self.clone();
        change(self);
        *self != before
    }

    /// Whether it has dealt with `head`.
    fn is_at(&self, head: &str, answers: &Answers) -> Result<bool, Doubt> {
        if self.settled.is_some() {
            return Ok(self.settled.as_deref() == Some(head));
        }
        let Some(seen) = self.seen.clone().filter(|seen| seen != head) else {
            return Ok(self.seen.is_some());
        };
        let (path, head) = (self.path.clone(), head.to_owned());
        let doubt = Doubt { path, seen, head };
        let concerned = answers.get(&doubt);
        concerned.map(|concerned| !concerned).ok_or(doubt)
    }
}

/// The way from `start` along `dependsOn` back to itself, if there is one.
fn circle(known: &BTreeMap<EnvironmentKey, Entry>, start: &EnvironmentKey) -> Option<String> {
    let mut paths = vec![vec![start.clone()]];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        for dependency in known
            .get(last)
            .into_iter()
            .flat_map(|entry| &entry.depends_on)
        {
            let next = last.beside(&dependency.name);
            if next == *start {
                let names: Vec<_> = path
                    .iter()
                    .chain([&next])
                    .map(ToString::to_string)
                    .collect();
                return Some(names.join(" -> "));
            }
            if seen.insert(next.clone()) {
                paths.push([path.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn environment(name: &str, ready: &str) -> (EnvironmentKey, Environment) {
        let object = json!({
            "apiVersion": "driftless.dev/v1alpha1", "kind": "Environment",
            "metadata": { "namespace": "shop", "name": name, "generation": 1 },
            "spec": {
                "source": { "url": "https://git.example.com/config.git", "branch": "main" },
                "dependsOn": if name == "above" { json!([{ "name": "below" }]) } else { json!([]) },
            },
            "status": {
                "observedGeneration": 1, "revision": { "seen": "1111" },
                "conditions": [{
                    "type": "Ready", "status": ready, "reason": "Ready", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }],
            },
        });
        let environment: Environment = serde_json::from_value(object).unwrap();
        (EnvironmentKey::of(&environment), environment)
    }

    #[test]
    fn who_works_on_what_is_gone_does_not_bring_it_back() {
        let registry = Registry::new();
        let (above, ours) = environment("above", "True");
        let (below, theirs) = environment("below", "True");
        registry.saw(&above, &ours);
        registry.saw(&below, &theirs);
        let waits = |head| registry.wait(&above, head, &Answers::new());
        assert_eq!(waits("1111"), None);
        registry.lost(&below);
        let gone = Some(Wait::For(
            "environment shop/below does not exist".to_owned(),
        ));
        assert_eq!(waits("1111"), gone);
        let moved = registry.watch();
        registry.settled(&below, Some("1111"), true);
        assert_eq!(waits("1111"), gone);
        assert!(!moved.has_changed().unwrap(), "no news");
        // A namesake is as ready as it says itself.
        registry.saw(&below, &environment("below", "False").1);
        let unready = Some(Wait::For("environment shop/below is not ready".to_owned()));
        assert_eq!(waits("1111"), unready);
    }
}
