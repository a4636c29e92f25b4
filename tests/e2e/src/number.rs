//! A server with a number for rollouts to be judged by, and for checks to find well.

use std::{
    convert::Infallible,
    future::ready,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use http_body_util::Full;
use hyper::{
    Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

/// Answers with a number, until dropped.
pub struct Number {
    address: SocketAddr,
    said: Arc<Mutex<Said>>,
    task: JoinHandle<()>,
}

struct Said {
    /// None: it answers with nothing that is a number.
    number: Option<f64>,
    asked: usize,
}

impl Number {
    /// On a free port.
    pub async fn start(number: f64) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let said = Said {
            number: Some(number),
            asked: 0,
        };
        let (address, said) = (listener.local_addr()?, Arc::new(Mutex::new(said)));
        let task = tokio::spawn(accept(listener, Arc::clone(&said)));
        Ok(Self {
            address,
            said,
            task,
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Says another number from now on, or none.
    pub fn says(&self, number: Option<f64>) {
        locked(&self.said).number = number;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        locked(&self.said).asked
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, said: Arc<Mutex<Said>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let said = said.clone();
        let service =
            service_fn(move |_: Request<Incoming>| ready(Ok::<_, Infallible>(answer(&said))));
        tokio::spawn(async move {
            // A connection that breaks is the asker's loss.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(said: &Mutex<Said>) -> Response<Full<Bytes>> {
    let mut said = locked(said);
    said.asked += 1;
    let text = said
        .number
        .map_or("null".to_owned(), |number| number.to_string());
    Response::new(Full::from(text))
}

fn locked(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
