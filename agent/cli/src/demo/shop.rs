//! The shop while the demo lasts: its pods, and users who come to them.
//!
//! The demo's cluster has no container runtime, so a ready pod is a listener of this program, which answers as podinfo
//! would with the pod's variables. Users go to the ready pods of a Service in turn; what they get is counted, and that
//! count is the number that the agent asks for. Knows nothing of rollouts but the label that tells versions apart.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::names::VERSION_LABEL;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::DemoError;

/// Where a number over the last moments comes from.
const WINDOW: Duration = Duration::from_secs(2);
/// Requests below which a share says nothing.
const ENOUGH: usize = 10;
/// Between two users.
const PAUSE: Duration = Duration::from_millis(8);
/// What podinfo calls it; it then fails for one request of three.
const FAULTY: &str = "PODINFO_RANDOM_ERROR";
/// What tells the pods of one version from those of another.
const HASH: &str = "pod-template-hash";
/// One request of so many.
const FAILS: usize = 3;

/// Open for as long as this lives.
pub(crate) struct Shop {
    counted: Arc<Mutex<Counted>>,
    metric: SocketAddr,
    _tasks: JoinSet<()>,
}

/// What users got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visits {
    /// How many came.
    pub(crate) all: usize,
    /// How many of them were sent away with an error.
    pub(crate) failed: usize,
    /// How many of them came to a version beside the stable one.
    pub(crate) new: usize,
}

#[derive(Default)]
struct Counted {
    visits: Visits,
    /// The last moments: when, which version beside the stable one if it was one, whether it failed.
    recent: VecDeque<(Instant, Option<String>, bool)>,
    pods: BTreeMap<String, Door>,
    turn: usize,
}

/// Where a pod answers.
struct Door {
    address: SocketAddr,
    /// The version, if it is one beside the stable one.
    new: Option<String>,
    task: AbortHandle,
}

impl Shop {
    /// Opens the shop for the pods of `namespace` with `label`.
    pub(crate) async fn open(
        client: Client,
        namespace: &str,
        label: &str,
    ) -> Result<Self, DemoError> {
        let counted = Arc::new(Mutex::new(Counted::default()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| DemoError::Io("open a port".to_owned(), error))?;
        let metric = listener.local_addr();
        let metric = metric.map_err(|error| DemoError::Io("open a port".to_owned(), error))?;
        let mut tasks = JoinSet::new();
        let staff = Staff {
            counted: counted.clone(),
            pods: Api::namespaced(client.clone(), namespace),
            maps: Api::namespaced(client, namespace),
        };
        tasks.spawn(staff.work(watcher::Config::default().labels(label)));
        tasks.spawn(users(counted.clone()));
        tasks.spawn(answer(listener, counted.clone()));
        Ok(Self {
            counted,
            metric,
            _tasks: tasks,
        })
    }

    /// Where the share of failed requests of the new version is told, under `/failed`.
    pub(crate) fn metric(&self) -> String {
        format!("http://{}/", self.metric)
    }

    /// Per cent of the users who come to a version beside the stable one: its part of the pods.
    pub(crate) fn share(&self) -> usize {
        let counted = locked(&self.counted);
        let new = counted.pods.values().filter(|door| door.new.is_some());
        (new.count() * 100)
            .checked_div(counted.pods.len())
            .unwrap_or_default()
    }

    /// All visits so far.
    pub(crate) fn visits(&self) -> Visits {
        locked(&self.counted).visits
    }
}

/// Sees to the pods.
struct Staff {
    counted: Arc<Mutex<Counted>>,
    pods: Api<Pod>,
    maps: Api<ConfigMap>,
}

impl Staff {
    async fn work(self, which: watcher::Config) {
        let mut events = watcher(self.pods.clone(), which).default_backoff().boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                    self.saw(&pod).await;
                }
                Ok(watcher::Event::Delete(pod)) => self.close(&pod.name_any()),
                Ok(watcher::Event::Init | watcher::Event::InitDone) | Err(_) => {}
            }
        }
    }

    async fn saw(&self, pod: &Pod) {
        let name = pod.name_any();
        let known = locked(&self.counted).pods.contains_key(&name);
        match (is_ready(pod), known) {
            (true, false) => {
                let faulty = self.is_faulty(pod).await;
                // Without a door nobody comes to it, which users do not notice.
                if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
                    && let Ok(address) = listener.local_addr()
                {
                    let task = tokio::spawn(serve(listener, faulty)).abort_handle();
                    let new = pod.labels().contains_key(VERSION_LABEL);
                    let hash = pod.labels().get(HASH).cloned().unwrap_or_default();
                    let new = new.then_some(hash);
                    let door = Door { address, new, task };
                    locked(&self.counted).pods.insert(name, door);
                }
            }
            (false, true) => self.close(&name),
            _ => {}
        }
    }

    /// Nobody is sent there any more; who is there is served.
    fn close(&self, name: &str) {
        if let Some(door) = locked(&self.counted).pods.remove(name) {
            tokio::spawn(async move {
                tokio::time::sleep(WINDOW).await;
                door.task.abort();
            });
        }
    }

    /// What its ConfigMaps say.
    async fn is_faulty(&self, pod: &Pod) -> bool {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let sources = containers.flat_map(|one| one.env_from.iter().flatten());
        let names: Vec<String> = sources
            .filter_map(|source| Some(source.config_map_ref.as_ref()?.name.clone()))
            .collect();
        for name in names {
            let map = self.maps.get_opt(&name).await.ok().flatten();
            let data = map.and_then(|map| map.data).unwrap_or_default();
            if data.get(FAULTY).is_some_and(|value| value == "true") {
                return true;
            }
        }
        false
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}

/// One pod's program.
async fn serve(listener: TcpListener, faulty: bool) {
    let mut number = 0_usize;
    while let Ok((mut stream, _)) = listener.accept().await {
        number += 1;
        let fails = faulty && number.is_multiple_of(FAILS);
        tokio::spawn(async move {
            let status = if fails {
                "500 Internal Server Error"
            } else {
                "200 OK"
            };
            // A visitor who leaves early loses nothing but the answer.
            let _ = reply(&mut stream, status, "{}").await;
        });
    }
}

async fn reply(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await?;
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// They come one after the other, and do not wait for each other.
async fn users(counted: Arc<Mutex<Counted>>) {
    let mut clock = tokio::time::interval(PAUSE);
    loop {
        clock.tick().await;
        let Some((address, new)) = locked(&counted).next() else {
            continue;
        };
        let counted = counted.clone();
        tokio::spawn(async move {
            let failed = !visit(address).await.unwrap_or(false);
            locked(&counted).count(new, failed);
        });
    }
}

/// True if it was served well.
async fn visit(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

/// Tells the share of failed requests of the new version.
async fn answer(listener: TcpListener, counted: Arc<Mutex<Counted>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let failed = locked(&counted).failed();
        let failed = failed.map_or_else(|| "null".to_owned(), |share| share.to_string());
        let body = format!("{{\"failed\": {failed}}}");
        tokio::spawn(async move { reply(&mut stream, "200 OK", &body).await });
    }
}

impl Counted {
    /// The pod whose turn it is.
    fn next(&mut self) -> Option<(SocketAddr, Option<String>)> {
        self.turn += 1;
        let place = self.turn.checked_rem(self.pods.len())?;
        let door = self.pods.values().nth(place)?;
        Some((door.address, door.new.clone()))
    }

    fn count(&mut self, new: Option<String>, failed: bool) {
        let now = Instant::now();
        self.visits.all += 1;
        self.visits.failed += usize::from(failed);
        self.visits.new += usize::from(new.is_some());
        self.recent.push_back((now, new, failed));
        while self
            .recent
            .front()
            .is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW)
        {
            self.recent.pop_front();
        }
    }

    /// Of the versions that are there now; what one before them did is none of theirs.
    fn failed(&self) -> Option<f64> {
        let here =
            |new: &Option<String>| new.is_some() && self.pods.values().any(|door| door.new == *new);
        let new = self.recent.iter().filter(|(_, new, _)| here(new));
        let (mut all, mut failed) = (0_u32, 0_u32);
        for (_, _, fails) in new {
            all += 1;
            failed += u32::from(*fails);
        }
        let enough = usize::try_from(all).is_ok_and(|all| all >= ENOUGH);
        enough.then(|| (f64::from(failed) / f64::from(all) * 10_000.0).round() / 10_000.0)
    }
}

fn locked(counted: &Mutex<Counted>) -> std::sync::MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}
