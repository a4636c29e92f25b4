//! The wiring: connects, starts the tasks, and ends them in order.

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cluster::{
    Cluster, Connect, ConnectError,
    lease::{Group, Tenure},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    archive::Archives,
    audit::Turns,
    checks::Visitor,
    claims::Claims,
    config::Config,
    context::Context,
    events::Events,
    measure::Measures,
    metrics::Metrics,
    poke::Poke,
    registry::Registry,
    repos::Repos,
    serve::{Site, serve},
    share::share,
    shelf::Shelf,
    targets::Targets,
    traces::Traces,
};

/// How long tasks may take to come to an end before the process leaves without them.
const GRACE: Duration = Duration::from_secs(20);

/// So many webhooks may wait to be passed on.
const POKES: usize = 64;

/// Why the agent could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The API server cannot be used.
    #[error("cannot use the cluster")]
    Connect(#[source] ConnectError),
    /// The address for webhooks, probes and metrics is taken, or not ours to take.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The directory for mirrors cannot be made.
    #[error("cannot make the cache directory {0}")]
    Cache(String, #[source] io::Error),
    /// The address for traces is no URL.
    #[error("cannot send traces to {0}")]
    Traces(String, #[source] opentelemetry_otlp::ExporterBuildError),
    /// A task that runs as long as the agent has ended.
    #[error("the {0} ended, which it never should")]
    Ended(&'static str),
}

/// Runs the agent until `shutdown`.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    let connect = Connect {
        kubeconfig: config.kubeconfig.clone(),
        context: config.context.clone(),
        user_agent: format!(
            "driftless/{} ({})",
            env!("CARGO_PKG_VERSION"),
            config.identity
        ),
        ..Connect::default()
    };
    let cluster = Cluster::connect(&connect)
        .await
        .map_err(RunError::Connect)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| RunError::Listen(config.listen, error))?;
    let address = listener.local_addr().unwrap_or(config.listen);
    std::fs::create_dir_all(&config.cache)
        .map_err(|error| RunError::Cache(config.cache.display().to_string(), error))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), identity = config.identity, server = cluster.server(),
        namespace = config.namespace, %address, "the agent starts"
    );
    let traces =
        Traces::to(config.otlp_endpoint.as_deref(), &config.identity).map_err(|error| {
            let endpoint = config.otlp_endpoint.clone().unwrap_or_default();
            RunError::Traces(endpoint, error)
        })?;
    let traces = Arc::new(traces);
    let ended = Agent::new(config, cluster, connect, shutdown, traces.clone())
        .run(listener)
        .await;
    // The last traces, too, get only so long.
    let close = tokio::task::spawn_blocking(move || traces.close());
    if tokio::time::timeout(GRACE, close).await.is_err() {
        tracing::warn!("the last traces were not taken in time");
    }
    ended
}

/// What lives as long as the process.
struct Agent {
    config: Config,
    cluster: Cluster,
    /// How other clusters are spoken to.
    connect: Connect,
    metrics: Arc<Metrics>,
    traces: Arc<Traces>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
    ready: Arc<AtomicBool>,
}

impl Agent {
    fn new(
        config: Config,
        cluster: Cluster,
        connect: Connect,
        shutdown: CancellationToken,
        traces: Arc<Traces>,
    ) -> Self {
        Self {
            config,
            cluster,
            metrics: Arc::new(Metrics::new(connect.meter.clone())),
            connect,
            traces,
            tracker: TaskTracker::new(),
            shutdown,
            ready: Arc::default(),
        }
    }

    async fn run(self, listener: TcpListener) -> Result<(), RunError> {
        let repos = Arc::new(Repos::new(
            self.config.cache.clone(),
            self.metrics.clone(),
            self.tracker.clone(),
            self.shutdown.child_token(),
        ));
        let (pokes, receiver) = mpsc::channel(POKES);
        let site = Site {
            secret: self.config.webhook_secret.clone(),
            repos: repos.clone(),
            metrics: self.metrics.clone(),
            ready: self.ready.clone(),
            pokes,
        };
        // Probes and metrics go on until the very end, so that a slow end can be watched.
        let closed = CancellationToken::new();
        let mut server = tokio::spawn(serve(listener, site, closed.clone()));
        let ended = tokio::select! {
            ended = self.take_part(repos, receiver) => ended,
            _ = &mut server => Err(RunError::Ended("HTTP server")),
        };
        self.ready.store(false, Ordering::Relaxed);
        self.shutdown.cancel();
        self.tracker.close();
        if tokio::time::timeout(GRACE, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = self.tracker.len(), "some tasks did not end in time");
        }
        closed.cancel();
        tracing::info!("the agent ends");
        ended
    }

    fn archives(&self) -> Result<Archives, RunError> {
        let cache = &self.config.cache;
        let failed = |error| RunError::Cache(cache.display().to_string(), error);
        Archives::below(cache).map_err(failed)
    }

    /// With whom it shares the work.
    fn group(&self) -> Group {
        Group {
            namespace: self.config.namespace.clone(),
            name: self.config.lease_name.clone(),
            identity: self.config.identity.clone(),
            ttl: self.config.lease,
        }
    }

    /// Cares for those environments that fall to this replica, until the end.
    async fn take_part(
        &self,
        repos: Arc<Repos>,
        pokes: mpsc::Receiver<Poke>,
    ) -> Result<(), RunError> {
        let tracker = self.tracker.clone();
        let watches = CancellationToken::new();
        let (events, outbox) = Events::new(
            self.cluster.client(),
            &self.config.identity,
            self.metrics.clone(),
        );
        tracker.spawn(outbox.run(watches.clone()));
        let context = Arc::new(Context {
            targets: Arc::new(Targets::new(
                self.cluster.clone(),
                self.connect.clone(),
                tracker.clone(),
                watches.clone(),
            )),
            events,
            cluster: self.cluster.clone(),
            repos,
            registry: Arc::new(Registry::new()),
            claims: Arc::new(Claims::new()),
            tenancy: self.config.tenancy.clone(),
            metrics: self.metrics.clone(),
            traces: self.traces.clone(),
            visitor: Visitor::new(self.config.checks_on_loopback),
            measures: Measures::new(
                self.config.prometheus.as_deref(),
                self.config.checks_on_loopback,
            ),
            // Closed: each environment has one of its own.
            fence: Tenure::default().fence(),
            shelf: Shelf::new(self.cluster.client(), &self.config.namespace),
            archives: self.archives()?,
            renders: Arc::new(Semaphore::new(cores())),
            turns: Turns::new(self.config.audit_per_minute).map(Arc::new),
            environments_in: self.config.environments_in.clone(),
            concurrency: self.config.concurrency.max(1),
            tracker,
        });
        let group = self.group();
        let environments =
            || cluster::store::environments(&self.cluster, self.config.environments_in.clone());
        let leave = self.shutdown.child_token();
        let mut part = pin!(share(context, group, pokes, environments, leave));
        self.ready.store(true, Ordering::Relaxed);
        let handed_over = tokio::select! {
            ended = &mut part => Some(ended),
            () = self.shutdown.cancelled() => tokio::time::timeout(GRACE, part).await.ok(),
        };
        watches.cancel();
        match handed_over {
            Some(true) => Ok(()),
            Some(false) => Err(RunError::Ended("watch of Environments")),
            None => {
                tracing::warn!("not everything came to an end in time; our Lease will run out");
                Ok(())
            }
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
