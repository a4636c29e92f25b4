//! Hooks of what goes out step by step: which objects they are now, and how those stand that come first.
//!
//! Whose turn it is is `rollout::hooks`' to say. How a hook is made and heard is the same as without a rollout.

use plan::{
    inventory::{Entry, HookRun},
    point::Point,
};
use rollout::{
    State, Wish,
    hooks::Turn,
    observe::Prepared,
    split::{Object, hook, sides},
};

use super::{Look, Pass};
use crate::rendered::Rendering;

/// The hooks that come before the revision on its way.
pub(in crate::pass) struct Ahead {
    /// The release they are run in.
    release: String,
    /// What they are called in git.
    hooks: Vec<String>,
    /// How far they were when the rollout was looked at.
    seen: Prepared,
}

fn release(look: &Look) -> &str {
    let toward = look.toward.as_ref();
    toward.map_or("", |toward| toward.release.as_str())
}

impl Pass<'_> {
    /// How far the hooks are that come before the revision on its way, or that would be next.
    pub(super) fn prepared(&mut self, look: &Look) -> Prepared {
        let release = release(look).to_owned();
        let hooks = hook::names(&look.new, Point::Before);
        let seen = self.preparation(&release, &hooks);
        self.ahead = Some(Ahead {
            release,
            hooks,
            seen: seen.clone(),
        });
        seen
    }

    fn preparation(&self, release: &str, hooks: &[String]) -> Prepared {
        let rollouts = self.state.rollouts.as_ref();
        let refused = rollouts.and_then(|rollouts| rollouts.unprepared.as_ref());
        if let Some((_, why)) = refused.filter(|(of, _)| of == release) {
            return Prepared::Failed(why.clone());
        }
        let all = hooks.iter().map(|name| {
            let many = hooks.iter().filter(|other| *other == name).count();
            self.stands_of(release, name, many)
        });
        all.max_by_key(urgency).unwrap_or_default()
    }

    /// How the `many` hooks called `name` stand in a release.
    fn stands_of(&self, release: &str, name: &str, many: usize) -> Prepared {
        let ledger = self.state.ledger.as_ref();
        let entries = ledger.into_iter().flat_map(|one| one.inventory.iter());
        let runs: Vec<_> = entries
            .filter_map(|(id, entry)| Some((id, entry, entry.hook.as_deref()?)))
            .filter(|(_, _, run)| is_of(run, release, name))
            .collect();
        let lacks =
            (runs.len() < many).then(|| Prepared::Coming(format!("hook {name} has not run yet")));
        let told = runs.iter().map(|(id, entry, run)| match run.ended {
            Some(true) => Prepared::Done,
            Some(false) => Prepared::Failed(format!("hook {id} failed{}", self.why(&id.name))),
            None if is_made(entry) => Prepared::Running(format!("hook {id} is at work")),
            None => Prepared::Coming(format!("hook {id} is about to run")),
        });
        let all = told.chain(lacks);
        all.max_by_key(urgency).unwrap_or_default()
    }

    /// What was last told of the Job of a hook, as the end of a sentence.
    fn why(&self, job: &str) -> String {
        let last = self.state.last.iter().flat_map(|last| &last.hooks);
        let mut told = self.outcome.hooks.iter().chain(last);
        let told = told.find(|record| record.job == job);
        let why = told.and_then(|record| record.message.clone());
        why.map_or_else(String::new, |why| format!(": {why}"))
    }

    /// Sees to another look once the hooks are farther than the rollout has seen them.
    pub(in crate::pass) fn note_prepared(&mut self) {
        let Some(ahead) = self.ahead.take() else {
            return;
        };
        let now = self.preparation(&ahead.release, &ahead.hooks);
        if let Some(rollouts) = &mut self.state.rollouts
            && urgency(&now) != urgency(&ahead.seen)
            && rollouts.state.rollout.is_some()
        {
            rollouts.wake_at(Some(rollouts.now()));
        }
    }

    /// Notes that a hook of the revision on its way is refused.
    pub(in crate::pass) fn cannot_prepare(&mut self) {
        let Turn::Ahead(release) = self.hooks.turn.clone() else {
            return;
        };
        let failures = self.outcome.failures.iter();
        let why: Vec<_> = failures.map(crate::report::failure_sentence).collect();
        let why = format!("a hook cannot be run: {}", why.join("; "));
        if let Some(rollouts) = &mut self.state.rollouts {
            rollouts.unprepared = Some((release, why));
        }
        self.note_prepared();
    }

    /// The objects that are to stand, with the hooks whose turn it is. `None` if the cluster cannot be asked.
    pub(super) async fn take_turns(
        &mut self,
        mut objects: Vec<Object>,
        state: &State,
        wish: &Wish,
        rendering: &Rendering,
    ) -> Option<Vec<Object>> {
        let asked = self.digest_of(rendering);
        let turn = Turn::of(state, &asked);
        if matches!(turn, Turn::Rejected(_) | Turn::Nobody) {
            objects.retain(|(object, _)| !hook::is_hook(object));
        }
        if let Turn::Rejected(release) = &turn
            && self.is_open(release)
        {
            objects.extend(self.hooks_of_rejected(wish, rendering).await?);
        }
        self.hooks.turn = turn;
        Some(objects)
    }

    /// True while there is more to tell of a release.
    fn is_open(&self, release: &str) -> bool {
        let open = self.state.release.as_ref();
        open.is_some_and(|open| open.name == release && !open.has_ended())
    }

    /// What the rejected revision has to be run when it fails, where the good one serves.
    async fn hooks_of_rejected(
        &mut self,
        wish: &Wish,
        rendering: &Rendering,
    ) -> Option<Vec<Object>> {
        if hook::names(&rendering.objects, Point::Failed).is_empty() {
            return Some(Vec::new());
        }
        let kinds = self.kinds_for([rendering.objects.as_slice()]).await?;
        let home = self.namespace();
        let side = wish.side.as_deref().unwrap_or(home);
        Some(sides::hooks(
            &rendering.objects,
            (home, side),
            Point::Failed,
            &kinds,
        ))
    }
}

fn is_of(run: &HookRun, release: &str, name: &str) -> bool {
    run.point == Point::Before && run.release == release && run.hook == name
}

fn is_made(entry: &Entry) -> bool {
    entry.uid.is_some()
}

/// What counts of several: the one that is farthest from being done.
const fn urgency(prepared: &Prepared) -> u8 {
    match prepared {
        Prepared::Done => 0,
        Prepared::Running(_) => 1,
        Prepared::Coming(_) => 2,
        Prepared::Failed(_) => 3,
    }
}
