//! Git over a real `sshd`, with pinned host keys. Skipped where the package openssh-server is absent.

use std::{
    fs,
    io::Read,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::repository::{Followed, GO, Repository, branches, text, wanted};
use source::{Credentials, Limits, Reason, RepoUrl};
use tempfile::TempDir;

const DAEMON: &str = "/usr/sbin/sshd";

struct Sshd {
    directory: TempDir,
    port: u16,
    child: Child,
    _repository: Repository,
    path: PathBuf,
    first: source::Revision,
}

impl Sshd {
    fn start() -> Option<Self> {
        if !Path::new(DAEMON).exists() {
            eprintln_skip();
            return None;
        }
        // sshd wants this directory when it starts as root.
        let _ = fs::create_dir_all("/run/sshd");
        let (repository, first) = Repository::with(&[("a.yaml", "one"), ("base/b.yaml", "b")]);
        let directory = TempDir::new().unwrap();
        for name in ["host", "client", "stranger"] {
            keygen(&directory.path().join(name));
        }
        let file = |name: &str| directory.path().join(name).display().to_string();
        fs::copy(file("client.pub"), file("authorized")).unwrap();
        let port = free_port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nLogLevel QUIET\n",
            file("host"),
            file("authorized"),
        );
        fs::write(file("config"), config).unwrap();
        let child = Command::new(DAEMON)
            .args(["-D", "-e", "-f", &file("config")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let path = repository.path();
        let sshd = Self {
            directory,
            port,
            child,
            _repository: repository,
            path,
            first,
        };
        sshd.wait();
        Some(sshd)
    }

    /// Until it greets.
    fn wait(&self) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            let mut greeting = [0; 4];
            let greeted = TcpStream::connect(("127.0.0.1", self.port))
                .and_then(|mut stream| stream.read_exact(&mut greeting));
            if greeted.is_ok() && &greeting == b"SSH-" {
                return;
            }
            thread::yield_now();
        }
        panic!("sshd does not greet");
    }

    fn url(&self) -> RepoUrl {
        self.at(&self.path.display().to_string())
    }

    fn at(&self, path: &str) -> RepoUrl {
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout);
        let user = user.unwrap();
        RepoUrl::parse(&format!(
            "ssh://{}@127.0.0.1:{}{path}",
            user.trim(),
            self.port
        ))
        .unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    fn known_hosts(&self, key: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.read(key))
    }

    fn credentials(&self) -> Credentials {
        Credentials::ssh(self.read("client"), self.known_hosts("host.pub"))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn eprintln_skip() {
    eprintln!("skipped: no {DAEMON}; install openssh-server");
}

fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Nothing of a key is left on disk.
fn assert_swept(followed: &Followed) {
    let names = fs::read_dir(followed.cache.path()).unwrap();
    let names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().all(|name| !name.contains(".ssh-")),
        "{names:?}"
    );
}

#[test]
fn looks_and_fetches_with_a_pinned_host() {
    let Some(sshd) = Sshd::start() else { return };
    let followed = Followed::new(sshd.url());
    // Keys pasted with Windows' line ends or without the last one are the usual case.
    let pasted = sshd.read("client").trim_end().replace('\n', "\r\n");
    for identity in [sshd.read("client"), pasted] {
        let credentials = Credentials::ssh(identity, sshd.known_hosts("host.pub"));
        assert_eq!(followed.tip(&credentials, "master"), Some(sshd.first));
        assert_eq!(followed.tip(&credentials, "develop"), None);
    }
    let all = wanted(&[("master", sshd.first)]);
    let fetched = followed
        .mirror
        .fetch(&sshd.credentials(), &all, &GO)
        .unwrap();
    assert_eq!(fetched.objects, 5);
    assert_eq!(
        text(&followed.mirror.snapshot(&sshd.first).unwrap(), "a.yaml"),
        "one"
    );
    assert_swept(&followed);
}

#[test]
fn a_foreign_or_unknown_host_key_is_refused() {
    let Some(sshd) = Sshd::start() else { return };
    let followed = Followed::new(sshd.url());
    let stranger = sshd.known_hosts("stranger.pub");
    let nobody = format!("other.example {}", sshd.read("host.pub"));
    for (known_hosts, text) in [(stranger, "not the one"), (nobody, "not in known_hosts")] {
        let credentials = Credentials::ssh(sshd.read("client"), known_hosts);
        let error = followed
            .mirror
            .look(&credentials, &branches(&["master"]), &GO)
            .unwrap_err();
        assert_eq!(error.reason(), Reason::HostKeyRefused, "{error}");
        assert!(
            error.to_string().contains(text) && error.hint().is_some(),
            "{error}"
        );
    }
    assert_swept(&followed);
}

#[test]
fn wrong_keys_are_told_apart_and_never_shown() {
    let Some(sshd) = Sshd::start() else { return };
    let followed = Followed::new(sshd.url());
    let cases = [
        (
            Credentials::ssh(sshd.read("stranger"), sshd.known_hosts("host.pub")),
            Reason::AuthenticationFailed,
        ),
        (
            Credentials::ssh("canary-no-key", sshd.known_hosts("host.pub")),
            Reason::CredentialsUnusable,
        ),
        (
            Credentials::basic("bob", "canary"),
            Reason::CredentialsUnusable,
        ),
        (Credentials::none(), Reason::CredentialsUnusable),
    ];
    for (credentials, reason) in cases {
        let error = followed
            .mirror
            .look(&credentials, &branches(&["master"]), &GO)
            .unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        let shown = format!("{error:?}");
        assert!(
            !shown.contains("canary") && !shown.contains("PRIVATE KEY"),
            "{shown}"
        );
    }
    assert_swept(&followed);
}

#[test]
fn a_missing_repository_and_odd_paths_are_named() {
    let Some(sshd) = Sshd::start() else { return };
    for path in ["/nowhere.git", "/no'where;touch%20x.git"] {
        let followed = Followed::new(sshd.at(path));
        let error = followed
            .mirror
            .look(&sshd.credentials(), &branches(&["master"]), &GO)
            .unwrap_err();
        assert_eq!(error.reason(), Reason::RepositoryNotFound, "{error}");
    }
}

#[test]
fn an_absent_server_is_unreachable() {
    let Some(mut sshd) = Sshd::start() else {
        return;
    };
    sshd.child.kill().unwrap();
    sshd.child.wait().unwrap();
    let followed = Followed::new(sshd.url());
    let error = followed
        .mirror
        .look(&sshd.credentials(), &branches(&["master"]), &GO)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::Unreachable, "{error}");
}

#[test]
fn a_silent_server_meets_the_deadline_and_a_stop() {
    if !Path::new(DAEMON).exists() {
        return eprintln_skip();
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = RepoUrl::parse(&format!("ssh://git@127.0.0.1:{port}/a.git")).unwrap();
    let key = TempDir::new().unwrap();
    keygen(&key.path().join("k"));
    let identity = fs::read_to_string(key.path().join("k")).unwrap();
    let credentials = Credentials::ssh(identity, "x ssh-ed25519 AAAA");
    let limits = Limits {
        look: Duration::from_millis(300),
        ..Limits::default()
    };
    let followed = Followed::limited(url.clone(), limits);
    let start = Instant::now();
    let error = followed
        .mirror
        .look(&credentials, &branches(&["master"]), &GO)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout, "{error}");
    assert_swept(&followed);

    let followed = Followed::new(url);
    let stop = AtomicBool::new(true);
    let error = followed
        .mirror
        .look(&credentials, &branches(&["master"]), &stop)
        .unwrap_err();
    assert_eq!(error.reason(), Reason::Stopped, "{error}");
    assert!(stop.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(5));
    assert_swept(&followed);
}
