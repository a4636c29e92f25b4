//! Notices as annotations of Leases.

use std::collections::BTreeMap;

use api::names;
use cluster::lease::Lease;

use super::{
    notice::{Keeps, Notice},
    roster::Sighting,
};

/// Stands for more than can be named.
const ALL: &str = "*";

/// What the Lease of another replica says; none if its version cannot be compared.
pub(super) fn sighting(lease: &Lease) -> Option<Sighting> {
    let list = |key: &str| {
        let text = lease.annotations.get(key).map_or("", String::as_str);
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let keeps = list(names::KEEPS);
    Some(Sighting {
        name: lease.name.clone(),
        uid: lease.uid.clone(),
        version: lease.version.parse().ok()?,
        ttl: lease.ttl,
        notice: Notice {
            view: list(names::VIEW),
            leaving: lease.holder.is_none(),
            keeps: match keeps.contains(ALL) {
                true => Keeps::All,
                false => Keeps::These(keeps),
            },
        },
    })
}

/// What our own Lease says.
pub(super) fn annotations(notice: &Notice) -> BTreeMap<String, String> {
    let join = |all: &std::collections::BTreeSet<String>| {
        all.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    };
    let mut annotations = BTreeMap::from([(names::VIEW.to_owned(), join(&notice.view))]);
    let keeps = match &notice.keeps {
        Keeps::These(keys) => join(keys),
        Keeps::All => ALL.to_owned(),
    };
    if !keeps.is_empty() {
        annotations.insert(names::KEEPS.to_owned(), keeps);
    }
    annotations
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for keeps in [
            Keeps::default(),
            Keeps::All,
            Keeps::These(set(&["a/x", "a/y"])),
        ] {
            for leaving in [false, true] {
                let view = if leaving {
                    set(&[])
                } else {
                    set(&["one", "two"])
                };
                let keeps = keeps.clone();
                let notice = Notice {
                    view,
                    leaving,
                    keeps,
                };
                let lease = Lease {
                    name: "one".to_owned(),
                    uid: "u".to_owned(),
                    version: "7".to_owned(),
                    holder: (!leaving).then(|| "pod".to_owned()),
                    ttl: Duration::from_secs(12),
                    annotations: annotations(&notice),
                };
                assert_eq!(sighting(&lease).unwrap().notice, notice);
            }
        }
    }
}
