//! How much time, memory and disk a repository may cost.

use std::time::Duration;

/// Bounds that a hostile or broken server cannot pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest a [`look`](crate::Mirror::look) may take, all in all.
    pub look: Duration,
    /// The longest a [`fetch`](crate::Mirror::fetch) may take, all in all.
    pub fetch: Duration,
    /// Bytes received in one fetch.
    pub pack_bytes: u64,
    /// Objects received in one fetch; each costs about 100 bytes of memory while it is indexed.
    pub pack_objects: u32,
    /// Bytes of one object (a file, a directory, a commit) once unpacked; such an object stands in memory whole.
    pub object_bytes: u64,
    /// Bytes of a file that a render may read.
    pub file_bytes: u64,
    /// References a server may list; servers that ignore the asked prefix list all they have.
    pub references: u64,
    /// Directories inside one another on the way to a file.
    pub depth: usize,
    /// Packs in the mirror before they are rewritten as one: every fetch leaves one more.
    pub packs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(30),
            fetch: Duration::from_mins(5),
            pack_bytes: 1 << 30,
            pack_objects: 2_000_000,
            object_bytes: 64 << 20,
            file_bytes: 8 << 20,
            references: 100_000,
            depth: 64,
            packs: 50,
        }
    }
}

impl Limits {
    /// What a list of references may weigh: names have at most a few hundred bytes.
    pub(crate) fn list_bytes(&self) -> u64 {
        self.references.saturating_mul(256)
    }
}
