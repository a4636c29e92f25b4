//! What is wrong with one object, all of it.

use super::RefusalReason;

/// One fault: its kind, and what to do, without the object's name.
pub(super) type Fault = (RefusalReason, String);

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, reason: RefusalReason, message: impl Into<String>) {
        self.0.push((reason, message.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
