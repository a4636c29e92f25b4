//! Git over ssh, through the machine's `ssh` program: the one subprocess of the agent.
//!
//! Its whole configuration is given on the command line; no file, agent, terminal or environment of the machine has
//! a say. Key and known hosts lie in a directory that only we can read, for as long as the connection lasts.

use std::{
    fs::{self, Permissions},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    thread::JoinHandle,
};

use gix::protocol::{
    self,
    transport::{
        Protocol,
        client::git::{ConnectMode, blocking_io::Connection},
    },
};
use tempfile::TempDir;

use crate::{
    Credentials, FetchError, Reason,
    address::SshPlace,
    budget::{Budget, judge},
    credentials::Method,
    wire::{Talk, greet},
};

/// What `ssh` says before it gives up fits into this.
const COMPLAINT_BYTES: u64 = 16 << 10;

/// Talks over one connection, opened and closed here. `scratch` is where the key may lie meanwhile.
pub(crate) fn talk<T>(
    place: &SshPlace,
    credentials: &Credentials,
    (scratch, prefix): (&Path, &str),
    (budget, stop): (&Arc<Budget>, &AtomicBool),
    work: Talk<'_, T>,
) -> Result<T, FetchError> {
    let files = KeyFiles::write(scratch, prefix, credentials)?;
    let mut command = command(place, &files);
    let mut line = Line::open(&mut command, budget)?;
    let child = line.child.clone();
    let out = budget.watch(stop, || end(&child), || line.talk(budget, work));
    end(&line.child);
    let said = line.complaint();
    out.map_err(|error| match budget.fault() {
        Some(fault) => fault,
        None => complaint(&said).unwrap_or_else(|| unexplained(&said, judge(&error))),
    })
}

/// The private directory with the key; it goes away with this value.
struct KeyFiles(TempDir);

struct Line {
    child: Arc<Mutex<Child>>,
    connection: Connection<Metered, ChildStdin>,
    stderr: Option<JoinHandle<String>>,
}

/// Counts what comes in.
struct Metered {
    inner: ChildStdout,
    budget: Arc<Budget>,
}

impl KeyFiles {
    fn write(scratch: &Path, prefix: &str, credentials: &Credentials) -> Result<Self, FetchError> {
        let Method::Ssh {
            identity,
            known_hosts,
        } = &credentials.method
        else {
            let text = "an ssh address needs the keys identity and known_hosts in its Secret";
            return Err(FetchError::new(Reason::CredentialsUnusable, text));
        };
        let write = || -> io::Result<Self> {
            let owner_only = Permissions::from_mode(0o700);
            let directory = tempfile::Builder::new()
                .prefix(prefix)
                .permissions(owner_only)
                .tempdir_in(scratch)?;
            for (name, text) in [("identity", identity), ("known_hosts", known_hosts)] {
                let path = directory.path().join(name);
                // ssh takes no key without a line end at its end, and none with Windows' line ends.
                fs::write(&path, format!("{}\n", text.replace('\r', "").trim_end()))?;
                fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            }
            Ok(Self(directory))
        };
        write().map_err(|error| {
            FetchError::new(
                Reason::Storage,
                format!("the ssh key cannot be written: {error}"),
            )
        })
    }

    /// The path of a file as ssh's options read it.
    fn path(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_string_lossy().replace('%', "%%")
    }
}

fn command(place: &SshPlace, files: &KeyFiles) -> Command {
    let known_hosts = format!("UserKnownHostsFile=\"{}\"", files.path("known_hosts"));
    let identity = format!("IdentityFile=\"{}\"", files.path("identity"));
    let options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "ClearAllForwardings=yes",
        "ConnectTimeout=20",
        "ServerAliveInterval=15",
        "SendEnv=GIT_PROTOCOL",
        "LogLevel=ERROR",
        &known_hosts,
        &identity,
    ];
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T", "-a", "-x"]);
    for option in options {
        command.args(["-o", option]);
    }
    if let Some(port) = place.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["-l", &place.user, "--", &place.host]);
    command.arg(format!(
        "git-upload-pack '{}'",
        place.path.replace('\'', r"'\''")
    ));
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("GIT_PROTOCOL", "version=2");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Line {
    fn open(command: &mut Command, budget: &Arc<Budget>) -> Result<Self, FetchError> {
        let mut child = command.spawn().map_err(|error| {
            FetchError::new(
                Reason::Unsupported,
                format!("the program ssh does not start: {error}"),
            )
        })?;
        let piped = "piped because the command says so";
        let stdin = child.stdin.take().expect(piped);
        let stdout = child.stdout.take().expect(piped);
        let mut stderr = child.stderr.take().expect(piped);
        let stderr = std::thread::spawn(move || {
            let mut said = Vec::new();
            // An error while listening leaves what was heard so far; what is too much is drained.
            let _ = stderr.by_ref().take(COMPLAINT_BYTES).read_to_end(&mut said);
            let _ = io::copy(&mut stderr, &mut io::sink());
            String::from_utf8_lossy(&said).into_owned()
        });
        let metered = Metered {
            inner: stdout,
            budget: budget.clone(),
        };
        let nowhere = None::<(&str, Option<u16>)>;
        // The path went out on ssh's command line.
        let mode = ConnectMode::Process;
        let connection = Connection::new(metered, stdin, Protocol::V2, "", nowhere, mode, false);
        Ok(Self {
            child: Arc::new(Mutex::new(child)),
            connection,
            stderr: Some(stderr),
        })
    }

    fn talk<T>(&mut self, budget: &Budget, work: Talk<'_, T>) -> gix::Result<T> {
        let mut greeting = greet(&mut self.connection, budget)?;
        let out = work(&mut self.connection, &mut greeting)?;
        // A server that does not hear goodbye has already given all we asked for.
        let _ = protocol::indicate_end_of_interaction(&mut self.connection, false);
        Ok(out)
    }

    /// What ssh said; to be asked once it has ended.
    fn complaint(&mut self) -> String {
        self.stderr
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.budget.receive(count)?;
        Ok(count)
    }
}

/// Ends the process, whatever it does, and collects it.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // Both fail only when it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A failure with words that we do not know.
fn unexplained(said: &str, fault: FetchError) -> FetchError {
    match last_line(said) {
        "" => fault,
        line => FetchError::new(fault.reason(), format!("{fault} ({line})")),
    }
}

fn last_line(said: &str) -> &str {
    let line = said.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim()
}

/// What `ssh` or the server behind it complained about.
fn complaint(said: &str) -> Option<FetchError> {
    let rules: [(&[&str], Reason, &str); 6] = [
        (
            &["REMOTE HOST IDENTIFICATION HAS CHANGED"],
            Reason::HostKeyRefused,
            "the server's ssh host key is not the one in known_hosts: it changed, or somebody is in between",
        ),
        (
            &["Host key verification failed", "host key is known"],
            Reason::HostKeyRefused,
            "the server's ssh host key is not in known_hosts",
        ),
        (
            &[
                "error in libcrypto",
                "invalid format",
                "incorrect passphrase",
            ],
            Reason::CredentialsUnusable,
            "identity is no private key that ssh can read; it must not be protected by a passphrase",
        ),
        (
            &["Permission denied"],
            Reason::AuthenticationFailed,
            "the server does not accept the ssh key",
        ),
        (
            &[
                "not appear to be a git repository",
                "epository not found",
                "no such repository",
            ],
            Reason::RepositoryNotFound,
            "there is no such repository on the server",
        ),
        (
            &[
                "Could not resolve",
                "onnection refused",
                "onnection timed out",
                "onnection closed",
                "onnection reset",
                "unreachable",
                "No route to host",
                "kex_exchange_identification",
            ],
            Reason::Unreachable,
            "no ssh connection came about",
        ),
    ];
    let (_, reason, text) = rules
        .into_iter()
        .find(|(words, ..)| words.iter().any(|word| said.contains(word)))?;
    let text = format!("{text} ({})", last_line(said));
    Some(FetchError::new(reason, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_become_reasons() {
        let cases = [
            (
                "git@h: Permission denied (publickey).\r\n",
                Reason::AuthenticationFailed,
            ),
            (
                "No ED25519 host key is known for h\nHost key verification failed.",
                Reason::HostKeyRefused,
            ),
            (
                "fatal: '/x' does not appear to be a git repository",
                Reason::RepositoryNotFound,
            ),
            ("ERROR: Repository not found.", Reason::RepositoryNotFound),
            (
                "ssh: connect to host h port 22: Connection refused",
                Reason::Unreachable,
            ),
            (
                "Load key \"/x\": error in libcrypto\nPermission denied",
                Reason::CredentialsUnusable,
            ),
        ];
        for (said, reason) in cases {
            assert_eq!(complaint(said).unwrap().reason(), reason, "{said}");
        }
        assert!(complaint("").is_none());
    }
}
