//! That somebody said: look at these config repos now.

use std::collections::BTreeSet;

use source::RepoUrl;

/// From so many on, all repos are meant.
const NAMED: usize = 20;

/// Which config repos to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Poke {
    /// Host and path of each; none means all of them.
    addresses: BTreeSet<String>,
}

impl Poke {
    /// What a webhook named.
    pub(crate) fn of<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            addresses: addresses.into_iter().map(plain).collect(),
        }
    }

    /// What it named, each as host and path.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().map(String::as_str)
    }

    /// True if `url` is meant.
    pub(crate) fn means(&self, url: &RepoUrl) -> bool {
        let all = self.addresses.is_empty();
        all || self.addresses.iter().any(|name| same(url, name))
    }

    /// Both.
    pub(crate) fn and(self, other: &Self) -> Self {
        if self.addresses.is_empty() || other.addresses.is_empty() {
            return Self::default();
        }
        let addresses = &self.addresses | &other.addresses;
        match addresses.len() > NAMED {
            true => Self::default(),
            false => Self { addresses },
        }
    }
}

/// True if `name` is an address of the repo, whatever the scheme, user and ending.
fn same(url: &RepoUrl, name: &str) -> bool {
    plain(&url.to_string()) == plain(name)
}

/// Host and path of an address: `git@host:a/b.git` and `https://host/a/b` are the same.
fn plain(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once(['/', ':']).unwrap_or((rest, ""));
    // A port is not part of what is compared: hosts announce themselves without.
    let path = path
        .split_once('/')
        .filter(|(port, _)| is_port(port))
        .map_or(path, |(_, path)| path);
    let path = path.trim_matches('/').trim_end_matches(".git");
    format!("{}/{path}", host.to_ascii_lowercase())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_repo_by_any_of_its_addresses() {
        let url: RepoUrl = "https://git.example.com/acme/config.git".parse().unwrap();
        assert!(same(&url, "git@git.example.com:acme/config.git"));
        assert!(same(&url, "ssh://git@Git.example.com:2222/acme/config"));
        assert!(!same(&url, "https://git.example.com/acme/other.git"));
        assert!(!same(&url, "https://git.example.org/acme/config.git"));
    }

    #[test]
    fn several_are_all_that_they_name() {
        let url: RepoUrl = "https://git.example.com/acme/config.git".parse().unwrap();
        let ours = Poke::of(["git@git.example.com:acme/config.git"]);
        let theirs = Poke::of(["https://git.example.com/acme/other"]);
        assert!(ours.means(&url) && !theirs.means(&url));
        let again = Poke::of(ours.addresses());
        assert_eq!(again, ours, "an address as it is passed on means the same");
        assert!(theirs.clone().and(&ours).means(&url));
        assert_eq!(theirs.and(&Poke::default()), Poke::default());
    }
}
