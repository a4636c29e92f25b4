//! Slows down repairs that do not last: when somebody keeps changing what is put back, neither side wins by speed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

/// So many repairs of one object within [`SPAN`] are made at once; after that it has to wait.
const AT_ONCE: usize = 5;
/// How long a repair counts.
const SPAN: Duration = Duration::from_mins(1);

/// When each object was last repaired.
#[derive(Debug, Default)]
pub(crate) struct Fights {
    repairs: BTreeMap<String, VecDeque<Instant>>,
}

impl Fights {
    /// Notes that `object` was put right.
    pub(crate) fn repaired(&mut self, object: &str, now: Instant) {
        let times = self.repairs.entry(object.to_owned()).or_default();
        times.push_back(now);
        if times.len() > AT_ONCE {
            times.pop_front();
        }
        self.repairs
            .retain(|_, times| times.back().is_some_and(|last| now - *last < SPAN));
    }

    /// How long all of `objects` have to wait; nothing if one of them need not.
    pub(crate) fn wait(
        &self,
        objects: impl Iterator<Item = String>,
        now: Instant,
    ) -> Option<Duration> {
        let mut shortest = None;
        for object in objects {
            let times = self
                .repairs
                .get(&object)
                .filter(|times| times.len() >= AT_ONCE)?;
            let wait = (*times.front()? + SPAN).checked_duration_since(now)?;
            shortest = Some(shortest.map_or(wait, |shortest: Duration| shortest.min(wait)));
        }
        shortest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> impl Iterator<Item = String> {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn an_object_that_keeps_being_changed_waits_and_others_do_not() {
        let mut fights = Fights::default();
        let begin = Instant::now();
        for second in 0..5 {
            assert_eq!(fights.wait(names(&["a"]), begin), None);
            fights.repaired("a", begin + Duration::from_secs(second));
        }
        let now = begin + Duration::from_secs(10);
        assert_eq!(
            fights.wait(names(&["a"]), now),
            Some(Duration::from_secs(50))
        );
        assert_eq!(fights.wait(names(&["a", "b"]), now), None);
        assert_eq!(
            fights.wait(names(&["a"]), begin + SPAN + Duration::from_secs(1)),
            None
        );
    }
}
