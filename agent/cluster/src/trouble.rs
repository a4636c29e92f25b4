//! What is new about something that fails again and again, so that a log tells when that begins, changes and ends.
//!
//! Knows no log and no clock: whoever tries says what came of it and is told whether that is worth a line.

use std::collections::BTreeSet;

/// So many different reasons are told of one trouble. Whatever more there are says nothing new.
const TOLD: usize = 8;

/// The trouble with one thing that is tried again and again.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    told: BTreeSet<String>,
    tries: u32,
}

impl Trouble {
    /// One more try failed because of `why`. True if that was not told since the trouble began.
    pub fn is_news(&mut self, why: &str) -> bool {
        self.tries = self.tries.saturating_add(1);
        self.told.len() < TOLD && self.told.insert(why.to_owned())
    }

    /// It works. Returns how many tries had failed, if any had.
    pub fn over(&mut self) -> Option<u32> {
        let tries = std::mem::take(self).tries;
        (tries > 0).then_some(tries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_beginning_its_reasons_and_its_end_are_told_once() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.over(), None, "there was none");
        let whys = ["refused", "refused", "forbidden", "refused", "forbidden"];
        let told = whys.map(|why| trouble.is_news(why));
        assert_eq!(told, [true, false, true, false, false]);
        assert_eq!(trouble.over(), Some(5));
        assert_eq!(trouble.over(), None);
        assert!(trouble.is_news("refused"), "another one has begun");
    }

    #[test]
    fn reasons_that_are_never_the_same_do_not_fill_a_log() {
        let mut trouble = Trouble::default();
        let told = (0..1_000).filter(|number| trouble.is_news(&number.to_string()));
        assert_eq!(told.count(), TOLD);
        assert_eq!(trouble.over(), Some(1_000));
    }
}
