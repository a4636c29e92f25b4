//! A load generator: a steady stream of requests, and what became of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Client;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::serving::VERSION_HEADER;

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A running load; dropped, it stops.
#[derive(Debug)]
pub struct Load {
    samples: Arc<Mutex<Vec<Sample>>>,
    began: Instant,
    /// The same moment by the clock on the wall.
    began_at: Timestamp,
    task: JoinHandle<()>,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it was sent, from the start of the load.
    pub at: Duration,
    /// How long the answer took.
    pub took: Duration,
    /// The HTTP status; 0 where none came.
    pub status: u16,
    /// The version that answered, if it said so.
    pub version: Option<String>,
}

/// Some samples, ready to be counted.
#[derive(Debug, Clone, Default)]
pub struct Samples(pub Vec<Sample>);

impl Load {
    /// Asks `address` for `/` of `host`, `per_second` times a second, evenly spread.
    pub fn start(address: SocketAddr, host: &str, per_second: u32) -> Result<Self, reqwest::Error> {
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let samples = Arc::new(Mutex::new(Vec::new()));
        let began = Instant::now();
        let request = Request {
            client,
            url: format!("http://{address}/"),
            host: host.to_owned(),
        };
        let pause = Duration::from_secs(1) / per_second.max(1);
        let task = tokio::spawn(send_all(request, pause, began, samples.clone()));
        Ok(Self {
            samples,
            began,
            began_at: Timestamp::now(),
            task,
        })
    }

    /// When it began: what samples count from, for comparison with what others wrote down.
    pub fn began(&self) -> Timestamp {
        self.began_at
    }

    /// How long it has been running.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The samples sent from `from` on, that have ended.
    pub fn since(&self, from: Duration) -> Samples {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        Samples(
            samples
                .iter()
                .filter(|sample| sample.at >= from)
                .cloned()
                .collect(),
        )
    }
}

impl Samples {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that were not answered, or with a server's error.
    #[must_use]
    pub fn failed(&self) -> Self {
        let failed = self
            .0
            .iter()
            .filter(|sample| sample.status == 0 || sample.status >= 500);
        Self(failed.cloned().collect())
    }

    /// How many each version answered.
    pub fn by_version(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for version in self.0.iter().filter_map(|sample| sample.version.clone()) {
            *counts.entry(version).or_default() += 1;
        }
        counts
    }

    /// When `version` answered last.
    pub fn last_of(&self, version: &str) -> Option<Duration> {
        let of = self
            .0
            .iter()
            .filter(|sample| sample.version.as_deref() == Some(version));
        of.map(|sample| sample.at).max()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Request {
    client: Client,
    url: String,
    host: String,
}

async fn send_all(
    request: Request,
    pause: Duration,
    began: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
) {
    let mut tick = tokio::time::interval(pause);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut flying = JoinSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let (request, samples) = (request.clone(), samples.clone());
                flying.spawn(async move {
                    let sample = request.send(began).await;
                    samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
                });
            }
            Some(_) = flying.join_next() => {}
        }
    }
}

impl Request {
    async fn send(&self, began: Instant) -> Sample {
        let at = began.elapsed();
        let answer = self
            .client
            .get(&self.url)
            .header("host", &self.host)
            .send()
            .await;
        let (status, version) = match answer {
            Err(_) => (0, None),
            Ok(answer) => {
                let (status, version) = (answer.status().as_u16(), said_version(&answer));
                match answer.bytes().await {
                    Ok(_) => (status, version),
                    Err(_) => (0, version),
                }
            }
        };
        Sample {
            at,
            took: began.elapsed().saturating_sub(at),
            status,
            version,
        }
    }
}

fn said_version(answer: &reqwest::Response) -> Option<String> {
    let header = answer.headers().get(VERSION_HEADER)?;
    header.to_str().ok().map(str::to_owned)
}
