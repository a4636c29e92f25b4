//! What a commit is to contain, and its way into a repository as a `git fast-import` stream.

use std::fmt;

/// Who makes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// A commit to be made: on which branch, by whom, changing what.
///
/// ```
/// let commit = lab::Commit::on("develop", "web: two replicas").write("base/web.yaml", "replicas: 2\n");
/// ```
#[derive(Debug, Clone)]
pub struct Commit {
    pub(crate) branch: String,
    message: String,
    author: Author,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(String, Vec<u8>),
    Remove(String),
    Rename(String, String),
    Link(String, String),
}

impl Author {
    /// Somebody by name; the address follows from it.
    pub fn named(name: &str) -> Self {
        let local = name.to_lowercase().replace(' ', ".");
        Self {
            name: name.to_owned(),
            email: format!("{local}@example.com"),
        }
    }

    /// The build server.
    pub fn ci() -> Self {
        Self::named("ci")
    }
}

impl Default for Author {
    fn default() -> Self {
        Self::named("Robin Ops")
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}>", self.name, self.email)
    }
}

impl Commit {
    /// A commit on a branch, which is begun if there is none yet.
    pub fn on(branch: &str, message: &str) -> Self {
        let (branch, message) = (branch.to_owned(), message.to_owned());
        Self {
            branch,
            message,
            author: Author::default(),
            changes: Vec::new(),
        }
    }

    /// Made by somebody else than the default author.
    #[must_use]
    pub fn by(mut self, author: Author) -> Self {
        self.author = author;
        self
    }

    /// Writes a file.
    #[must_use]
    pub fn write(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.changes
            .push(Change::Write(path.to_owned(), content.as_ref().to_vec()));
        self
    }

    /// Removes a file or a folder.
    #[must_use]
    pub fn remove(mut self, path: &str) -> Self {
        self.changes.push(Change::Remove(path.to_owned()));
        self
    }

    /// Renames a file or a folder.
    #[must_use]
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        self.changes
            .push(Change::Rename(from.to_owned(), to.to_owned()));
        self
    }

    /// Makes a symbolic link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.changes
            .push(Change::Link(path.to_owned(), target.to_owned()));
        self
    }

    /// The stream `git fast-import` reads: a commit at `seconds` on top of `parent`.
    pub(crate) fn stream(self, parent: Option<&str>, seconds: i64) -> Vec<u8> {
        let mut stream = format!(
            "commit refs/heads/{}\nauthor {author} {seconds} +0000\ncommitter {author} {seconds} +0000\n",
            self.branch,
            author = self.author,
        )
        .into_bytes();
        data(&mut stream, self.message.as_bytes());
        if let Some(parent) = parent {
            stream.extend(format!("from {parent}\n").bytes());
        }
        for change in self.changes {
            change.stream(&mut stream);
        }
        stream.extend(b"done\n");
        stream
    }
}

impl Change {
    fn stream(self, stream: &mut Vec<u8>) {
        let quoted =
            |path: &str| format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
        match self {
            Self::Write(path, content) => {
                stream.extend(format!("M 100644 inline {}\n", quoted(&path)).bytes());
                data(stream, &content);
            }
            Self::Link(path, target) => {
                stream.extend(format!("M 120000 inline {}\n", quoted(&path)).bytes());
                data(stream, target.as_bytes());
            }
            Self::Remove(path) => stream.extend(format!("D {}\n", quoted(&path)).bytes()),
            Self::Rename(from, to) => {
                stream.extend(format!("R {} {}\n", quoted(&from), quoted(&to)).bytes());
            }
        }
    }
}

fn data(stream: &mut Vec<u8>, content: &[u8]) {
    stream.extend(format!("data {}\n", content.len()).bytes());
    stream.extend(content);
    stream.push(b'\n');
}
