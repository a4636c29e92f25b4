//! A way to a server that can be cut: connections stay open, and nothing comes through.
//!
//! For one client alone, where freezing the server would hurt everybody. It carries bytes and knows nothing of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A loopback port that leads to a server, until dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Leads to `server`.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (cut, is_cut) = watch::channel(false);
        let task = tokio::spawn(lead(listener, server, is_cut));
        Ok(Self { address, cut, task })
    }

    /// Where it begins.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing comes through any more, in either direction.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// What was on its way arrives, and what comes after it.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn lead(listener: TcpListener, server: SocketAddr, cut: watch::Receiver<bool>) {
    let mut all = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let cut = cut.clone();
        all.spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else {
                return;
            };
            let ((from, to), (back, forth)) = (client.into_split(), server.into_split());
            tokio::join!(carry(from, forth, cut.clone()), carry(back, to, cut));
        });
    }
}

/// Carries bytes until one side has no more to say.
async fn carry(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut cut: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if cut.wait_for(|cut| !cut).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
