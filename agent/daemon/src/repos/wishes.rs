//! Who follows which branch of a repo, and how often each of them wants to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use source::Branch;

/// No server is asked more often than this, whatever a spec says.
const SHORTEST: Duration = Duration::from_secs(1);

/// The wishes of all subscribers of one repo.
#[derive(Default)]
pub(super) struct Wishes {
    next: u64,
    by_subscriber: BTreeMap<u64, (Branch, Duration)>,
}

impl Wishes {
    /// A number for one more subscriber.
    pub(super) fn enter(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Notes what a subscriber wants. True if the next look would come too late for that.
    pub(super) fn set(&mut self, subscriber: u64, branch: &Branch, interval: Duration) -> bool {
        let wish = (branch.clone(), interval.max(SHORTEST));
        let mut all = self.by_subscriber.values();
        let followed = all.clone().any(|(other, _)| *other == wish.0);
        let soon = all.any(|(_, other)| *other <= wish.1);
        self.by_subscriber.insert(subscriber, wish);
        !(followed && soon)
    }

    /// Forgets a subscriber.
    pub(super) fn leave(&mut self, subscriber: u64) {
        self.by_subscriber.remove(&subscriber);
    }

    /// The branches somebody follows, and the shortest interval among them.
    pub(super) fn summary(&self) -> (BTreeSet<Branch>, Option<Duration>) {
        let all = self.by_subscriber.values();
        let branches = all.clone().map(|(branch, _)| branch.clone()).collect();
        (branches, all.map(|(_, interval)| *interval).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const HOUR: Duration = Duration::from_hours(1);

    fn branch(name: &str) -> Branch {
        Branch::parse(name).unwrap()
    }

    #[test]
    fn a_look_is_due_for_a_new_branch_and_for_whoever_wants_to_know_sooner_than_all() {
        let mut wishes = Wishes::default();
        let (one, two) = (wishes.enter(), wishes.enter());
        assert!(wishes.set(one, &branch("master"), HOUR), "nobody looked");
        assert!(!wishes.set(two, &branch("master"), HOUR), "as all others");
        assert!(wishes.set(two, &branch("next"), HOUR), "a new branch");
        assert!(wishes.set(two, &branch("next"), MINUTE), "sooner than all");
        assert!(!wishes.set(one, &branch("master"), MINUTE), "soon enough");
        assert!(!wishes.set(one, &branch("master"), HOUR), "later");
        assert_eq!(wishes.summary().1, Some(MINUTE));
        wishes.leave(two);
        let left = BTreeSet::from([branch("master")]);
        assert_eq!(wishes.summary(), (left, Some(HOUR)));
    }

    #[test]
    fn no_server_is_asked_more_than_once_a_second() {
        let mut wishes = Wishes::default();
        let one = wishes.enter();
        wishes.set(one, &branch("master"), Duration::ZERO);
        assert_eq!(wishes.summary().1, Some(SHORTEST));
    }
}
