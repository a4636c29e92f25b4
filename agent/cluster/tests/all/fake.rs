//! An API server that says whatever a test wants.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cluster::{Cluster, Connect, Limits, Resource};
use krm::Gvk;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// It, and how often it was asked.
pub(crate) struct Fake {
    pub(crate) cluster: Cluster,
    asked: Arc<AtomicUsize>,
}

/// What it says to a request for this path and query.
type Says = dyn Fn(&str) -> Vec<u8> + Send + Sync;

impl Fake {
    /// Answers every request with these bytes, status line and all; with nothing at all if there are none.
    pub(crate) async fn saying(answer: impl Into<Vec<u8>>, limits: Limits) -> Self {
        let answer = answer.into();
        Self::answering(move |_| answer.clone(), limits).await
    }

    /// Answers every request with what `says` makes of its path and query.
    pub(crate) async fn answering(
        says: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
        limits: Limits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, says) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::<Says>::from(Box::new(says) as Box<Says>),
        );
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, says.clone(), count.clone()));
            }
        });
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        );
        let connect = Connect {
            limits,
            ..Connect::default()
        };
        let cluster = Cluster::from_kubeconfig_text(&kubeconfig, &connect)
            .await
            .unwrap();
        Self { cluster, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub(crate) fn config_maps() -> Resource {
    Resource {
        gvk: Gvk::new("v1", "ConfigMap"),
        plural: "configmaps".into(),
        namespaced: true,
        verbs: vec![],
    }
}

/// A whole answer.
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

async fn serve(stream: TcpStream, says: Arc<Says>, asked: Arc<AtomicUsize>) {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length, mut path) = (String::new(), 0, String::new());
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let answer = says(&path);
    if answer.is_empty() {
        // A black hole: open for as long as the other side is.
        drop(stream.read_u8().await);
        return;
    }
    drop(stream.write_all(&answer).await);
    drop(stream.shutdown().await);
}
