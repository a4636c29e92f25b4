//! Follows all objects of a kind, for ever.
//!
//! A list, then a watch from where the list ended; a broken watch goes on from the last version seen, and only when the
//! server has forgotten that version is there another list. Our own machine instead of kube's: an answer that is no list
//! is a fault and never an empty cluster, a line has a largest size, silence is noticed, and Secrets come without a body.
//! A log has a line for when it breaks and when it goes on, and none for each try.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, stream};
use http::Method;
use krm::ObjectId;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    CallError, Cluster, Facts, Live, Resource, Trouble, WatchFault,
    answer::{Ask, Failure, JSON, METADATA, METADATA_ONLY},
    guard::jittered,
    live::{Part, item_facts},
    read::Selection,
};

mod lines;
mod pause;

use lines::Lines;
use pause::Pause;

/// How long the server keeps one watch open.
const WATCH_SECONDS: u64 = 290;
/// A watch that has been silent for this long may be dead. A server that has anything to tell sends a bookmark a minute;
/// of a kind where nothing happens it may tell nothing, and then asking anew from the same version costs one request.
const SILENCE: Duration = Duration::from_secs(90);
/// After so many faults in a row the version may be what is wrong with it.
const FAULTS_BEFORE_LIST: u32 = 4;

/// How much of each object is wanted. Of Secrets it is always the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Metadata.
    Metadata,
    /// The whole object without its managed fields, which come beside it.
    Full,
}

/// What a watch has to say.
#[derive(Clone, Debug)]
pub enum Watched {
    /// A list begins. What is not shown until [`Watched::Synced`] does not exist any more.
    Restarted,
    /// An object as it now is.
    Object(Box<Live>),
    /// An object is no longer shown: deleted, or it lost the label that is watched for.
    Gone {
        /// Which.
        id: ObjectId,
        /// Its UID.
        uid: String,
    },
    /// The list is complete.
    Synced,
    /// A watch that had failed goes on from where it was; nothing was missed.
    Resumed,
    /// It does not go on for now; it is being tried again, ever more slowly.
    Failed(std::sync::Arc<WatchFault>),
}

/// What to follow, and how far it has come.
struct Watcher {
    cluster: Cluster,
    resource: Resource,
    selection: Selection,
    part: Part,
    state: State,
    ready: VecDeque<Watched>,
    pause: Pause,
    trouble: Trouble,
}

enum State {
    /// Listing; the token says which page.
    List(Option<String>),
    /// Listed up to a version, not watching.
    Listed(String),
    /// Watching.
    Following { version: String, lines: Lines },
}

impl Cluster {
    /// Follows the objects that `selector` (of labels; empty means all) selects, in one namespace or in all.
    pub fn watch(
        &self,
        resource: &Resource,
        namespace: Option<String>,
        selector: String,
        detail: Detail,
    ) -> impl Stream<Item = Watched> + Send + use<> {
        let part = match detail {
            Detail::Full if !resource.is_secret() => Part::Whole,
            _ => Part::Metadata,
        };
        self.follow(
            resource,
            Selection {
                namespace,
                labels: selector,
                fields: String::new(),
            },
            part,
        )
    }

    pub(crate) fn follow(
        &self,
        resource: &Resource,
        selection: Selection,
        part: Part,
    ) -> impl Stream<Item = Watched> + Send + use<> {
        let watcher = Watcher {
            cluster: self.clone(),
            resource: resource.clone(),
            selection,
            part,
            state: State::List(None),
            ready: VecDeque::new(),
            pause: Pause::default(),
            trouble: Trouble::default(),
        };
        stream::unfold(watcher, |mut watcher| async move {
            let next = watcher.next().await;
            Some((next, watcher))
        })
    }
}

impl Watcher {
    async fn next(&mut self) -> Watched {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return next;
            }
            sleep(self.pause.take()).await;
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match std::mem::replace(&mut self.state, State::List(None)) {
            State::List(token) => self.list(token).await,
            State::Listed(version) => self.start(version).await,
            State::Following { version, lines } => self.follow(version, lines).await,
        }
    }

    async fn list(&mut self, token: Option<String>) {
        let page = self
            .cluster
            .page(&self.resource, &self.selection, self.part, token.as_deref())
            .await;
        let page = match page {
            Ok(page) => page,
            Err(failure) if token.is_some() && is_expired(&failure) => return,
            Err(failure) => {
                self.state = State::List(token);
                return self.failed(failure.plain());
            }
        };
        if token.is_none() {
            self.ready.push_back(Watched::Restarted);
        }
        for item in page.items {
            match Live::read(&self.resource, item, self.part) {
                Ok(live) => self.ready.push_back(Watched::Object(Box::new(live))),
                // The list is not what it should be: nothing of it counts, and it begins anew.
                Err(fault) => return self.failed(fault),
            }
        }
        if let Some(next) = page.next {
            self.state = State::List(Some(next));
            return;
        }
        self.ready.push_back(Watched::Synced);
        self.pause.reset();
        self.state = State::Listed(page.version);
    }

    async fn start(&mut self, version: String) {
        match self.cluster.ask_stream(self.ask(&version)).await {
            Ok(body) => {
                if self.pause.faults() > 0 {
                    self.ready.push_back(Watched::Resumed);
                }
                if let Some(tries) = self.trouble.over() {
                    let server = self.cluster.server();
                    tracing::info!(kind = %self.resource.gvk, server, tries, "watches again");
                }
                self.state = State::Following {
                    version,
                    lines: Lines::new(body),
                }
            }
            Err(failure) if is_expired(&failure) => {}
            Err(failure) => {
                let fault = failure.plain();
                // A kind that is gone, or a version from the future: the next list says.
                let relist = matches!(fault, CallError::UnknownKind(_))
                    || self.pause.faults() >= FAULTS_BEFORE_LIST;
                if !relist {
                    self.state = State::Listed(version);
                }
                self.failed(fault);
            }
        }
    }

    async fn follow(&mut self, mut version: String, mut lines: Lines) {
        match lines.next(SILENCE).await {
            Some(Ok(line)) => match self.take_in(&line, &mut version) {
                Ok(()) => {
                    self.pause.reset();
                    self.state = State::Following { version, lines };
                }
                Err(Stop::Relist) => {}
                Err(Stop::Fault(fault)) => {
                    self.state = State::Listed(version);
                    self.failed(fault);
                }
            },
            // The end of a watch is nothing special: the server ends each after a while. One that ends at once again
            // and again is.
            Some(Err(lines::TooLong)) => {
                self.state = State::Listed(version);
                self.failed(CallError::Garbage(
                    "a watch event is larger than any object".into(),
                ));
            }
            None => {
                self.state = State::Listed(version);
                self.pause.after_end(lines.lived());
            }
        }
    }

    /// Takes in one event and moves `version` on.
    fn take_in(&mut self, line: &[u8], version: &mut String) -> Result<(), Stop> {
        let garbage = |what: &str| Stop::Fault(CallError::Garbage(what.to_owned()));
        let mut event: Value =
            serde_json::from_slice(line).map_err(|_| garbage("a watch event is not JSON"))?;
        let object = event["object"].take();
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ERROR" {
            return Err(stopped(&object));
        }
        let moved = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if is_back_in_time(version, &moved) {
            return Err(Stop::Relist);
        }
        match kind {
            "ADDED" | "MODIFIED" => {
                let live = Live::read(&self.resource, object, self.part).map_err(Stop::Fault)?;
                self.ready.push_back(Watched::Object(Box::new(live)));
            }
            "DELETED" => {
                let Facts { id, uid, .. } =
                    item_facts(&self.resource, &object).map_err(Stop::Fault)?;
                self.ready.push_back(Watched::Gone { id, uid });
            }
            "BOOKMARK" => {}
            _ => return Err(garbage("a watch event of no known type")),
        }
        *version = moved;
        Ok(())
    }

    fn failed(&mut self, fault: CallError) {
        self.pause.after_fault(&fault);
        if self.trouble.is_news(&fault.to_string()) {
            let server = self.cluster.server();
            tracing::warn!(kind = %self.resource.gvk, server, error = %fault, "cannot watch; trying again, ever more slowly");
        }
        self.ready
            .push_back(Watched::Failed(std::sync::Arc::new(fault)));
    }

    fn ask(&self, version: &str) -> Ask<'_> {
        // Watches that all began at the start do not all end at once.
        let seconds = jittered(Duration::from_secs(WATCH_SECONDS)).as_secs();
        let parameters = format!(
            "watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}"
        );
        let accept = match (self.part, self.resource.is_secret()) {
            (Part::Whole, _) => JSON,
            (Part::Metadata, true) => METADATA_ONLY,
            (Part::Metadata, false) => METADATA,
        };
        let path = self.selection.path(&self.resource, &parameters);
        Ask {
            method: Method::GET,
            path,
            accept,
            body: None,
            about: &self.resource.gvk,
        }
    }
}

/// Why a watch cannot go on as it is.
enum Stop {
    /// It can after a new list.
    Relist,
    /// It may from the same version.
    Fault(CallError),
}

/// The server no longer (or not yet) knows the version.
fn is_expired(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(status) => {
            status.code == 410 || status.message.contains("Too large resource version")
        }
        Failure::Call(_) => false,
    }
}

fn stopped(status: &Value) -> Stop {
    let message = status["message"]
        .as_str()
        .unwrap_or("the watch failed")
        .to_owned();
    let code = status["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .unwrap_or(500);
    match code == 410 || message.contains("Too large resource version") {
        true => Stop::Relist,
        false => Stop::Fault(CallError::Other { code, message }),
    }
}

/// Versions only ever grow, unless the server's store was put back from a backup. Then a watch from the old version
/// would stay silent until the numbers have caught up.
fn is_back_in_time(from: &str, to: &str) -> bool {
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) => to < from,
        _ => false,
    }
}
