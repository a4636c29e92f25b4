//! The agent of the demo: this same program as a process of its own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use lab::Process;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{DemoError, Screen, Target};

/// Signs the webhooks of the demo; it guards nothing but this machine's loopback.
const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// A running agent.
pub(crate) struct Agent {
    process: Process,
    port: u16,
    log: PathBuf,
}

impl Agent {
    /// Starts it with the rights of its service account.
    pub(crate) async fn start(
        target: &Target,
        folder: &Path,
        screen: &Screen,
    ) -> Result<Self, DemoError> {
        let io = |what: &str| {
            let what = what.to_owned();
            move |error| DemoError::Io(what, error)
        };
        let kubeconfig = target.agent_kubeconfig(folder).await?;
        let secret = folder.join("webhook-secret");
        std::fs::write(&secret, WEBHOOK_SECRET).map_err(io("write the webhook secret"))?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|port| port.local_addr());
        let port = free.map_err(io("find a free port"))?.port();
        let log = folder.join("agent.log");
        let program = std::env::current_exe().map_err(io("find this program"))?;
        let mut command = Command::new(program);
        command
            .arg("agent")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--namespace", super::cluster::AGENT_NAMESPACE])
            .arg("--cache-dir")
            .arg(folder.join("cache"))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg("--webhook-secret-file")
            .arg(secret)
            // All servers of the demo are on this machine.
            .arg("--checks-on-loopback");
        let process = Process::spawn("agent", command, &log).map_err(DemoError::Agent)?;
        screen.ready(
            "agent",
            &format!(
                "process {}, with the rights of deploy/ and no more",
                process.id()
            ),
        );
        Ok(Self { process, port, log })
    }

    /// Where it writes its log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The end of it.
    pub(crate) fn tail(&self) -> String {
        self.process.tail()
    }

    /// Fails if it is no longer there.
    pub(crate) fn check(&self) -> Result<(), DemoError> {
        match self.process.running() {
            true => Ok(()),
            false => Err(DemoError::AgentEnded(self.process.tail())),
        }
    }

    /// Waits until it ends, which it should not.
    pub(crate) async fn ended(&self) -> Result<(), DemoError> {
        loop {
            self.check()?;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    /// Tells it of a push, as a Git host does.
    pub(crate) async fn webhook(&self) -> Result<(), DemoError> {
        let post = async {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
            let request = format!(
                "POST /hooks/git HTTP/1.1\r\nHost: localhost\r\nX-Gitlab-Token: {WEBHOOK_SECRET}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(drop)
        };
        post.await
            .map_err(|error: std::io::Error| DemoError::Io("send the webhook".to_owned(), error))
    }
}
