//! A number that stands for an id where whole ids would take too much room.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use krm::ObjectId;

/// The same for the same id, for as long as the process runs. Two ids may share it.
pub(crate) fn hash(id: &ObjectId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
