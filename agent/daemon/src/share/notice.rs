//! Who cares for which Environment: a pure function of which replicas there are.
//!
//! Rendezvous hashing: each replica draws a number for each Environment, and the highest wins. When a replica comes or
//! goes, only the Environments it wins or had won change hands. Knows no Leases, clocks or tasks.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

/// The names of replicas that share the work.
pub(crate) type View = BTreeSet<String>;

/// What a replica tells the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Among whom it takes the work to be shared. Empty: it takes on nothing.
    pub(crate) view: View,
    /// True once it only finishes what it has begun.
    pub(crate) leaving: bool,
    /// What it has not put down yet although `view` gives it to others.
    pub(crate) keeps: Keeps,
}

/// Environments that a replica has not put down yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    These(BTreeSet<String>),
    /// Too many to name them.
    All,
}

/// So many are named at most; a Lease holds no more than 256 KiB of annotations.
const NAMED: usize = 500;

/// Which of `view` cares for the Environment `key`.
///
/// The one with the largest first 8 bytes of SHA-256 over its name, a zero byte and the key. All replicas have to
/// agree, so this never changes.
pub(crate) fn owner<'a>(view: &'a View, key: &str) -> Option<&'a str> {
    let drawn = |name: &&String| {
        let hash = Sha256::new()
            .chain_update(name.as_bytes())
            .chain_update([0])
            .chain_update(key.as_bytes())
            .finalize();
        <[u8; 8]>::try_from(&hash[..8]).unwrap_or_default()
    };
    view.iter()
        .max_by_key(|name| (drawn(name), *name))
        .map(String::as_str)
}

impl Notice {
    /// True if `name`, whose notice this is, cares for `key` or has not put it down yet.
    pub(crate) fn claims(&self, name: &str, key: &str) -> bool {
        self.keeps.contains(key) || owner(&self.view, key) == Some(name)
    }
}

impl Keeps {
    /// Names them, or gives up to.
    pub(crate) fn of(keys: BTreeSet<String>) -> Self {
        match keys.len() > NAMED {
            true => Self::All,
            false => Self::These(keys),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::These(keys) if keys.is_empty())
    }

    fn contains(&self, key: &str) -> bool {
        match self {
            Self::These(keys) => keys.contains(key),
            Self::All => true,
        }
    }
}

impl Default for Keeps {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn view(names: &[&str]) -> View {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_work_is_spread_evenly() {
        let all = view(&["agent-a", "agent-b", "agent-c"]);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for number in 0..3000 {
            let key = format!("shop/env-{number}");
            *counts.entry(owner(&all, &key).unwrap()).or_default() += 1;
        }
        assert_eq!(counts.len(), 3);
        assert!(
            counts.values().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn only_what_a_replica_wins_or_had_won_changes_hands() {
        let (two, three) = (view(&["a", "b"]), view(&["a", "b", "c"]));
        let mut moved = 0;
        for number in 0..3000 {
            let key = format!("shop/env-{number}");
            let (before, after) = (owner(&two, &key), owner(&three, &key));
            assert!(after == before || after == Some("c"));
            moved += usize::from(after != before);
        }
        assert!((900..1100).contains(&moved), "{moved}");
    }

    /// A change here would let two versions of the agent work on the same Environment.
    #[test]
    fn the_hash_is_the_one_it_always_was() {
        let all = view(&["a", "b", "c"]);
        let owners: String = (0..12)
            .filter_map(|number| owner(&all, &format!("shop/{number}")))
            .collect();
        assert_eq!(owners, "caabcbcbaaaa");
        assert_eq!(owner(&View::new(), "shop/0"), None);
    }

    #[test]
    fn what_is_kept_is_claimed_whatever_the_view() {
        let many = (0..=NAMED).map(|number| format!("shop/{number}")).collect();
        for keeps in [Keeps::of(["shop/x".to_owned()].into()), Keeps::of(many)] {
            let notice = Notice {
                keeps,
                ..Notice::default()
            };
            assert!(notice.claims("a", "shop/x"));
            assert!(!notice.keeps.is_empty());
        }
        assert!(!Notice::default().claims("a", "shop/x"));
    }
}
