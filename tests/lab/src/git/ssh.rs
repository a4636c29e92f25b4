//! A Git server over ssh: the real sshd, with keys of its own, as the user who runs it.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ports::Port;
use crate::process::{Process, ProcessError};

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// A running sshd; every repository this user can reach is served under its full path.
#[derive(Debug)]
pub struct GitSsh {
    sshd: Process,
    port: Port,
    user: String,
    directory: TempDir,
}

/// Why sshd could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// There is no sshd.
    #[error("sshd is not installed: install openssh-server")]
    Missing,
    /// A file, a port or a program.
    #[error("cannot set up sshd")]
    Io(#[from] io::Error),
    /// sshd could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// sshd does not answer; the end of its log is included.
    #[error("sshd does not answer; its log ends:\n{0}")]
    Silent(String),
}

impl GitSsh {
    /// Whether this machine has an sshd.
    pub fn available() -> bool {
        program().is_some()
    }

    /// Starts sshd with a new host key and one new key that may log in.
    pub async fn start() -> Result<Self, SshError> {
        let sshd = program().ok_or(SshError::Missing)?;
        let directory = tempfile::Builder::new()
            .prefix("driftless-lab-ssh-")
            .tempdir()?;
        let path = directory.path();
        for key in ["host", "client"] {
            keygen(&path.join(key))?;
        }
        fs::copy(path.join("client.pub"), path.join("authorized"))?;
        let port = Port::reserve()?;
        let user = text_of(Command::new("id").arg("-un"))?;
        fs::write(path.join("config"), config(path, port.number))?;
        if user == "root" {
            // As root sshd locks itself into this folder, which the distribution's service would make.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(path.join("config"));
        let process = Process::spawn("sshd", command, &path.join("sshd.log"))?;
        let server = Self {
            sshd: process,
            port,
            user,
            directory,
        };
        server.wait_for_banner().await?;
        Ok(server)
    }

    /// The URL of a repository on disk: `ssh://robin@127.0.0.1:20445/tmp/x/config.git`.
    pub fn url(&self, repo: &Path) -> String {
        format!(
            "ssh://{}@127.0.0.1:{}{}",
            self.user,
            self.port.number,
            repo.display()
        )
    }

    /// The private key that may log in, in OpenSSH format.
    pub fn identity(&self) -> io::Result<String> {
        fs::read_to_string(self.directory.path().join("client"))
    }

    /// The line of `known_hosts` for this server.
    pub fn known_hosts(&self) -> io::Result<String> {
        let key = fs::read_to_string(self.directory.path().join("host.pub"))?;
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        Ok(format!(
            "[127.0.0.1]:{} {}\n",
            self.port.number,
            key.join(" ")
        ))
    }

    /// A `known_hosts` line with a key this server does not have, as an impostor would be met.
    pub fn wrong_known_hosts(&self) -> io::Result<String> {
        let key = fs::read_to_string(self.directory.path().join("client.pub"))?;
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        Ok(format!(
            "[127.0.0.1]:{} {}\n",
            self.port.number,
            key.join(" ")
        ))
    }

    async fn wait_for_banner(&self) -> Result<(), SshError> {
        let since = Instant::now();
        let mut banner = [0; 4];
        loop {
            let answer = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number))
                .and_then(|mut stream| stream.read_exact(&mut banner));
            if answer.is_ok() && &banner == b"SSH-" {
                return Ok(());
            }
            if !self.sshd.running() || since.elapsed() > PATIENCE {
                return Err(SshError::Silent(self.sshd.tail()));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// sshd insists on being started by its full path.
fn program() -> Option<PathBuf> {
    let folders = [
        "/usr/sbin",
        "/usr/local/sbin",
        "/usr/bin",
        "/opt/homebrew/sbin",
    ];
    folders
        .iter()
        .map(|folder| Path::new(folder).join("sshd"))
        .find(|path| path.exists())
}

fn keygen(path: &Path) -> io::Result<()> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f"])
        .arg(path);
    text_of(&mut command).map(drop)
}

fn text_of(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

fn config(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nPidFile none\n\
         AuthorizedKeysFile {directory}/authorized\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nAllowTcpForwarding no\n"
    )
}
