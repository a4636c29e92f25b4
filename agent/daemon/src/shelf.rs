//! Reads the inventories of many environments with few requests.
//!
//! At a start every environment wants its own at the same moment. Whoever comes first waits a moment and reads for all who
//! have come meanwhile, so that reads grow with pages and not with environments. Each read begins after it was asked for,
//! so nobody is given anything old. What an inventory means is not known here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::v1alpha1::Inventory as Document;
use kube::{Api, Client, api::ListParams};
use tokio::sync::oneshot;

/// Label on inventories: whose they are.
pub(crate) const OWNER_LABEL: &str = "driftless.dev/inventory-of";
/// How long the first one waits for others.
const GATHER: Duration = Duration::from_millis(3);
/// Environments in one request: their labels make a query of some 3 kB, which any proxy takes.
const AT_ONCE: usize = 50;
/// Documents in one answer, each of some 75 kB at most; those of older agents have up to four times as much.
const PAGE: u32 = 50;

/// All inventories of one cluster.
#[derive(Clone)]
pub(crate) struct Shelf {
    api: Api<Document>,
    namespace: String,
    waiting: Arc<Mutex<Vec<Ask>>>,
    /// Held by whoever reads for all.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// All documents of one environment, or why they cannot be read.
type Found = Result<Vec<Document>, Arc<kube::Error>>;

struct Ask {
    label: String,
    answer: oneshot::Sender<Found>,
}

impl Shelf {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            waiting: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// The same, written through `client`.
    pub(crate) fn by(&self, client: Client) -> Self {
        Self {
            api: Api::namespaced(client, &self.namespace),
            ..self.clone()
        }
    }

    /// Where they are written.
    pub(crate) fn api(&self) -> &Api<Document> {
        &self.api
    }

    /// The documents of the environment with this label, as they are now.
    pub(crate) async fn read(&self, label: &str) -> Found {
        let mut answer = self.ask(label);
        loop {
            let turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(found) => return found,
                // Whoever read for us gave up half way.
                Err(oneshot::error::TryRecvError::Closed) => answer = self.ask(label),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            tokio::time::sleep(GATHER).await;
            let batch = {
                let mut waiting = self.waiting();
                let many = waiting.len().min(AT_ONCE);
                waiting.drain(..many).collect()
            };
            self.serve(batch).await;
            drop(turn);
        }
    }

    fn ask(&self, label: &str) -> oneshot::Receiver<Found> {
        let (answer, answered) = oneshot::channel();
        let label = label.to_owned();
        self.waiting().push(Ask { label, answer });
        answered
    }

    async fn serve(&self, batch: Vec<Ask>) {
        let labels: Vec<_> = batch.iter().map(|ask| ask.label.as_str()).collect();
        let mut found = self.list(&labels).await;
        for Ask { label, answer } in batch {
            let mine = match &mut found {
                Ok(found) => Ok(found.remove(&label).unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            // Whoever no longer waits has no use for it.
            let _ = answer.send(mine);
        }
    }

    async fn list(
        &self,
        labels: &[&str],
    ) -> Result<HashMap<String, Vec<Document>>, Arc<kube::Error>> {
        let selector = format!("{OWNER_LABEL} in ({})", labels.join(","));
        let mut params = ListParams::default().labels(&selector).limit(PAGE);
        let mut found: HashMap<String, Vec<Document>> = HashMap::new();
        loop {
            let page = self.api.list(&params).await.map_err(Arc::new)?;
            for document in page.items {
                let owner = document.metadata.labels.as_ref();
                let owner = owner.and_then(|labels| labels.get(OWNER_LABEL)).cloned();
                found
                    .entry(owner.unwrap_or_default())
                    .or_default()
                    .push(document);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Ask>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
