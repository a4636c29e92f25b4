//! Deletions that wait until the neighbours have looked at the newest commit: what has left git here may have come up
//! there.
//!
//! Who the neighbours are, and how long they are waited for, is not known here.

use std::{collections::BTreeMap, time::Duration};

use krm::ObjectId;
use source::Revision;
use tokio::time::Instant;

use crate::hashed::hash;

/// A commit that comes meanwhile begins the wait anew, but nothing waits for more than so many times as long: where commits
/// never cease, what has left git goes all the same.
const ANEW: u32 = 4;

/// What waits. Ids are kept as hashes: there may be thousands, and they stay until git is looked at again.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// The commit that the neighbours are to look at, and since when.
    head: Option<(Option<Revision>, Instant)>,
    /// Since when each was to be deleted, and until when it waits.
    known: BTreeMap<u64, (Instant, Instant)>,
    /// When the first of those that wait has waited long enough.
    until: Option<Instant>,
}

impl Patience {
    /// Nothing waits, or nobody is waited for.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// `gone` are all that is to be deleted at `head`, and wait for `most` at most.
    pub(crate) fn wait<'g>(
        &mut self,
        head: Option<Revision>,
        gone: impl Iterator<Item = &'g ObjectId>,
        most: Duration,
        now: Instant,
    ) {
        let same = self.head.filter(|(known, _)| *known == head);
        let (_, seen) = *self.head.insert(same.unwrap_or((head, now)));
        let known = std::mem::take(&mut self.known);
        let times = |id: &ObjectId| {
            let id = hash(id);
            let since = known.get(&id).map_or(now, |(since, _)| *since);
            let until = since.max(seen) + most;
            (id, (since, until.min(since + most * ANEW)))
        };
        self.known = gone.map(times).collect();
        let until = self.known.values().map(|(_, until)| *until);
        self.until = until.filter(|until| now < *until).min();
    }

    /// True if `id` waits.
    pub(crate) fn holds(&self, id: &ObjectId, now: Instant) -> bool {
        let known = self.known.get(&hash(id));
        known.is_some_and(|(_, until)| now < *until)
    }

    /// When to look again, if something waits.
    pub(crate) const fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(30);

    fn id(name: &str) -> ObjectId {
        ObjectId {
            kind: "ConfigMap".to_owned(),
            name: name.to_owned(),
            ..ObjectId::default()
        }
    }

    fn commit(digit: char) -> Revision {
        let text: String = std::iter::repeat_n(digit, 40).collect();
        Revision::parse(&text).unwrap()
    }

    #[test]
    fn waits_once_and_then_goes() {
        let (mut patience, begin) = (Patience::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let y = [id("y")];
        for (second, waits) in [(0, true), (29, true), (30, false), (600, false)] {
            patience.wait(Some(commit('1')), y.iter(), MOST, at(second));
            assert_eq!(patience.holds(&y[0], at(second)), waits, "{second}");
            assert_eq!(patience.until().is_some(), waits, "{second}");
        }
    }

    #[test]
    fn what_leaves_git_later_is_waited_for_anew() {
        let (mut patience, begin) = (Patience::default(), Instant::now());
        let late = begin + Duration::from_hours(1);
        patience.wait(Some(commit('1')), [id("y")].iter(), MOST, begin);
        patience.wait(Some(commit('2')), [id("x")].iter(), MOST, late);
        assert!(patience.holds(&id("x"), late), "with the next commit");
        let mut patience = Patience::default();
        patience.wait(Some(commit('1')), [id("y")].iter(), MOST, begin);
        patience.wait(Some(commit('1')), [id("x"), id("y")].iter(), MOST, late);
        assert!(patience.holds(&id("x"), late), "by a change of the spec");
        assert!(!patience.holds(&id("y"), late), "it has waited");
        assert_eq!(patience.until(), Some(late + MOST));
    }

    #[test]
    fn commits_that_never_cease_delay_but_do_not_stop_it() {
        let (mut patience, begin) = (Patience::default(), Instant::now());
        let waited = (0..100).find(|round| {
            let now = begin + Duration::from_secs(20 * round);
            let head = commit(char::from(b'1' + u8::try_from(round % 9).unwrap()));
            patience.wait(Some(head), [id("y")].iter(), MOST, now);
            !patience.holds(&id("y"), now)
        });
        assert_eq!(waited, Some(6), "two minutes");
    }

    #[test]
    fn what_came_back_into_git_waits_anew_when_it_leaves_again() {
        let (mut patience, begin) = (Patience::default(), Instant::now());
        let late = begin + Duration::from_mins(1);
        patience.wait(Some(commit('1')), [id("x")].iter(), MOST, begin);
        patience.wait(Some(commit('1')), [].iter(), MOST, begin + MOST);
        patience.wait(Some(commit('1')), [id("x")].iter(), MOST, late);
        assert!(patience.holds(&id("x"), late));
    }
}
