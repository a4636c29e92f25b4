//! Repositories to read from, made with the real git.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
};

use source::{Branch, Credentials, Limits, Mirror, RepoUrl, Revision};
use tempfile::TempDir;

/// Nobody stops anything.
pub(crate) static GO: AtomicBool = AtomicBool::new(false);

/// A bare repository in a directory of its own.
pub(crate) struct Repository {
    pub(crate) directory: TempDir,
}

impl Repository {
    pub(crate) fn empty() -> Self {
        let directory = TempDir::new().unwrap();
        let repository = Self { directory };
        std::fs::create_dir(repository.path()).unwrap();
        repository.git(&["init", "-q", "--bare", "-b", "master"], "");
        repository
    }

    /// With one commit on `master`.
    pub(crate) fn with(files: &[(&str, &str)]) -> (Self, Revision) {
        let repository = Self::empty();
        let revision = repository.commit("master", None, files);
        (repository, revision)
    }

    /// What a server serves.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("config.git")
    }

    pub(crate) fn url(&self) -> RepoUrl {
        RepoUrl::parse(&format!("file://{}", self.path().display())).unwrap()
    }

    /// Runs git in the repository; what it prints, without the last line end.
    pub(crate) fn git(&self, arguments: &[&str], input: &str) -> String {
        self.git_bytes(arguments, input.as_bytes())
    }

    pub(crate) fn git_bytes(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_AUTHOR_DATE", "1700000000 +0100")
            .env("GIT_COMMITTER_NAME", "Grace")
            .env("GIT_COMMITTER_EMAIL", "grace@example.com")
            .env("GIT_COMMITTER_DATE", "1700000060 +0200")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn blob(&self, text: &str) -> String {
        self.git(&["hash-object", "-w", "--stdin"], text)
    }

    /// A directory from lines of `mode type id<TAB>name`.
    pub(crate) fn tree(&self, lines: &[String]) -> String {
        self.git(&["mktree"], &lines.join("\n"))
    }

    /// Commits files (paths may have directories) on a branch, on top of `parent` and not of its files.
    pub(crate) fn commit(
        &self,
        branch: &str,
        parent: Option<Revision>,
        files: &[(&str, &str)],
    ) -> Revision {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, self.blob(text)))
            .collect();
        let tree = self.nest(&files);
        self.commit_tree(branch, parent, &tree)
    }

    pub(crate) fn commit_tree(
        &self,
        branch: &str,
        parent: Option<Revision>,
        tree: &str,
    ) -> Revision {
        let parent = parent.map(|id| id.to_string());
        let mut arguments = vec!["commit-tree", tree, "-m", "web: raise the tag\n\nBecause."];
        if let Some(parent) = &parent {
            arguments.extend(["-p", parent]);
        }
        let id = self.git(&arguments, "");
        self.git(&["update-ref", &format!("refs/heads/{branch}"), &id], "");
        Revision::parse(&id).unwrap()
    }

    /// The answer of a server to a fetch: a pack of exactly the objects listed.
    pub(crate) fn pack(&self, ids: &str) -> Vec<u8> {
        let list = self.root().join("ids");
        std::fs::write(&list, ids).unwrap();
        let out = Command::new("git")
            .args(["pack-objects", "--stdout", "-q"])
            .current_dir(self.path())
            .stdin(std::fs::File::open(list).unwrap())
            .output()
            .unwrap();
        assert!(out.status.success());
        let mut answer = b"000dpackfile\n".to_vec();
        for chunk in out.stdout.chunks(1000) {
            answer.extend_from_slice(format!("{:04x}\x01", chunk.len() + 5).as_bytes());
            answer.extend_from_slice(chunk);
        }
        answer.extend_from_slice(b"0000");
        answer
    }

    fn nest(&self, files: &[(&str, String)]) -> String {
        let mut lines = Vec::new();
        let mut below: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
        for (path, id) in files {
            match path.split_once('/') {
                Some((directory, rest)) => {
                    below.entry(directory).or_default().push((rest, id.clone()));
                }
                None => lines.push(format!("100644 blob {id}\t{path}")),
            }
        }
        for (name, files) in below {
            lines.push(format!("040000 tree {}\t{name}", self.nest(&files)));
        }
        self.tree(&lines)
    }
}

/// A mirror with a cache of its own.
pub(crate) struct Followed {
    pub(crate) mirror: Mirror,
    pub(crate) cache: TempDir,
}

impl Followed {
    pub(crate) fn new(url: RepoUrl) -> Self {
        Self::limited(url, Limits::default())
    }

    pub(crate) fn limited(url: RepoUrl, limits: Limits) -> Self {
        let cache = TempDir::new().unwrap();
        let mirror = Mirror::open(cache.path(), url, limits).unwrap();
        Self { mirror, cache }
    }

    pub(crate) fn tip(&self, credentials: &Credentials, branch: &str) -> Option<Revision> {
        let found = self
            .mirror
            .look(credentials, &branches(&[branch]), &GO)
            .unwrap();
        found[&Branch::parse(branch).unwrap()]
    }
}

pub(crate) fn branches(names: &[&str]) -> BTreeSet<Branch> {
    names
        .iter()
        .map(|name| Branch::parse(name).unwrap())
        .collect()
}

pub(crate) fn wanted(pairs: &[(&str, Revision)]) -> BTreeMap<Branch, Revision> {
    let pair = |(name, revision): &(&str, Revision)| (Branch::parse(name).unwrap(), *revision);
    pairs.iter().map(pair).collect()
}

/// A file's text in a snapshot.
pub(crate) fn text(snapshot: &source::Snapshot, path: &str) -> String {
    use render::tree::FileTree;
    let path = render::TreePath::parse(path).unwrap();
    String::from_utf8(snapshot.read(&path).unwrap().into_owned()).unwrap()
}
