//! Which commit wrote a line last.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::Serialize;

use super::{Git, GitError};

/// The commit that a line is from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blamed {
    /// Its full id.
    pub(crate) id: String,
    /// Who wrote it.
    pub(crate) author: String,
    /// When it was written.
    pub(crate) date: Timestamp,
    /// The first line of its message.
    pub(crate) subject: String,
}

/// The commits of `lines` of the file `path`, as it is on disk or at `commit`. Lines that are in no commit yet are
/// absent.
pub(crate) fn blame(
    git: &Git,
    commit: Option<&str>,
    path: &str,
    lines: RangeInclusive<u32>,
) -> Result<BTreeMap<u32, Blamed>, GitError> {
    let range = format!("{},{}", lines.start(), lines.end());
    let mut args = vec!["blame", "--porcelain", "-L", &range];
    args.extend(commit);
    args.extend(["--", path]);
    match git.run(&args) {
        Ok(text) => Ok(read(&text)),
        // A file, or a whole branch, without a commit.
        Err(GitError::Failed { told, .. })
            if told.contains("no such path") || told.contains("no such ref") =>
        {
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error),
    }
}

/// Reads what `--porcelain` prints: `<id> <line then> <line now>`, facts about a commit when it is first met, and
/// the line itself after a tab.
fn read(text: &str) -> BTreeMap<u32, Blamed> {
    let mut commits: BTreeMap<&str, Blamed> = BTreeMap::new();
    let mut lines: Vec<(u32, &str)> = Vec::new();
    let mut id = "";
    for line in text.lines().filter(|line| !line.starts_with('\t')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if is_id(word) {
            id = word;
            let now = rest.split(' ').nth(1).and_then(|now| now.parse().ok());
            lines.extend(now.map(|now| (now, id)));
        }
        let commit = commits.entry(id).or_default();
        match word {
            "author" => rest.clone_into(&mut commit.author),
            "summary" => rest.clone_into(&mut commit.subject),
            "author-time" => commit.date = time(rest).unwrap_or_default(),
            _ => id.clone_into(&mut commit.id),
        }
    }
    let in_commit = lines.into_iter().filter(|(_, id)| !is_nothing(id));
    in_commit
        .filter_map(|(line, id)| Some((line, commits.get(id)?.clone())))
        .collect()
}

fn time(seconds: &str) -> Option<Timestamp> {
    Timestamp::from_second(seconds.parse().ok()?).ok()
}

fn is_id(word: &str) -> bool {
    word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The id that git gives to what is not committed.
fn is_nothing(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}
