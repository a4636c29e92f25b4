//! `driftless rollout --watch`: watches of the Environment, its Releases and the pods of its workloads; no polling.
//!
//! On a terminal the view is painted again on each change, and once a second so that times go on; that second costs no
//! request. Into a pipe goes one line (or document) per change.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use api::v1alpha1::{Environment, Release};
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};

use super::known::{Known, key};
use super::view::{self, View};
use super::{paint, pods};
use crate::args::Format;
use crate::connect::Link;
use crate::context::Context;
use crate::environments;
use crate::error::{Exit, Failure};
use crate::request::RequestError;
use crate::term::format;

/// How often times are told anew.
const REPAINT: Duration = Duration::from_secs(1);
/// How long changes that come together are gathered.
const GATHER: Duration = Duration::from_millis(40);

/// What a watch has seen.
enum News {
    Environment(Box<Event<Environment>>),
    Release(Box<Event<Release>>),
    Pod(String, Box<Event<Pod>>),
    Lost(watcher::Error),
}

/// What is on the screen, and what is known.
struct Screen<'a> {
    link: &'a Link,
    context: &'a Context,
    known: Known,
    watches: SelectAll<BoxStream<'static, News>>,
    /// Namespaces whose pods are watched.
    watched: BTreeSet<String>,
    /// What was told last, where nothing is painted.
    told: String,
    /// Lines painted before; they are painted over.
    height: usize,
}

/// Watches until the user has seen enough, or the Environment is gone.
pub(super) async fn run(known: Known, link: &Link, context: &Context) -> Result<Exit, Failure> {
    let paints = context.format == Format::Text && context.interactive();
    let mut screen = Screen::new(known, link, context);
    let mut tick = tokio::time::interval(REPAINT);
    loop {
        screen.watch_pods().await;
        match paints {
            true => screen.paint()?,
            false => screen.tell()?,
        }
        tokio::select! {
            news = screen.watches.next() => {
                if let Some(news) = news {
                    screen.learn(news)?;
                }
                screen.gather().await?;
            }
            _ = tick.tick(), if paints => {}
        }
        if screen.known.environment.is_none() {
            writeln!(
                context.talk(),
                "Environment `{}` was deleted",
                screen.known.name
            )?;
            return Ok(Exit::Error);
        }
    }
}

impl<'a> Screen<'a> {
    fn new(known: Known, link: &'a Link, context: &'a Context) -> Self {
        let only = Config::default().fields(&format!("metadata.name={}", known.name));
        let ours = Config::default().labels(&known.label());
        let releases = Api::namespaced(link.client.clone(), &link.namespace);
        let mut watches = SelectAll::new();
        watches.push(stream(environments::within(link, false), only, |event| {
            News::Environment(Box::new(event))
        }));
        watches.push(stream(releases, ours, |event| {
            News::Release(Box::new(event))
        }));
        Self {
            link,
            context,
            known,
            watches,
            watched: BTreeSet::new(),
            told: String::new(),
            height: 0,
        }
    }

    /// Watches the pods of workloads that have come into sight.
    async fn watch_pods(&mut self) {
        for namespace in self.known.namespaces() {
            if !self.watched.insert(namespace.clone()) {
                continue;
            }
            // Where they may not be read, a watch would only ask again and again.
            if self.known.look_at(&namespace, self.link).await {
                let api: Api<Pod> = Api::namespaced(self.link.client.clone(), &namespace);
                let news = move |event| News::Pod(namespace.clone(), Box::new(event));
                self.watches.push(stream(api, Config::default(), news));
            }
        }
    }

    /// Takes in what comes in the next moment, too.
    async fn gather(&mut self) -> Result<(), Failure> {
        let end = tokio::time::sleep(GATHER);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                news = self.watches.next() => match news {
                    Some(news) => self.learn(news)?,
                    None => return Ok(()),
                },
            }
        }
    }

    fn learn(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Environment(event) => match *event {
                Event::Apply(new) | Event::InitApply(new) => self.known.environment = Some(new),
                Event::Delete(_) => self.known.environment = None,
                Event::Init | Event::InitDone => {}
            },
            News::Release(event) => self.learn_of_release(*event),
            News::Pod(namespace, event) => self.learn_of_pod(&namespace, *event),
            News::Lost(error) => self.lost(error)?,
        }
        Ok(())
    }

    fn learn_of_release(&mut self, event: Event<Release>) {
        let releases = &mut self.known.releases;
        match event {
            Event::Apply(new) | Event::InitApply(new) => {
                releases.insert(new.name_any(), new);
            }
            Event::Delete(old) => drop(releases.remove(&old.name_any())),
            Event::Init | Event::InitDone => {}
        }
    }

    fn learn_of_pod(&mut self, namespace: &str, event: Event<Pod>) {
        let pods = &mut self.known.pods;
        match event {
            Event::Apply(new) | Event::InitApply(new) => {
                pods.insert(key(&new), pods::see(&new));
            }
            Event::Delete(old) => drop(pods.remove(&key(&old))),
            // All of them are told anew: those that are gone are not.
            Event::Init => pods.retain(|(place, _), _| place != namespace),
            Event::InitDone => {}
        }
    }

    fn paint(&mut self) -> Result<(), Failure> {
        let now = self.context.now();
        let room = paint::Room::of(self.context);
        let lines = paint::paint(&view::of(&self.known, now), room, now);
        let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
        let most = room
            .height
            .map_or(lines.len(), |height| height.saturating_sub(1));
        if self.height > 0 {
            // Up to the first line painted before, and clear from there. This is no colour, so it is not filtered.
            write!(std::io::stdout(), "\x1b[{}F\x1b[J", self.height)?;
        }
        let mut out = self.context.out();
        for line in lines.iter().take(most) {
            out.write_all(line)?;
        }
        self.height = lines.len().min(most);
        Ok(out.flush()?)
    }

    /// Writes what is new, if anything is.
    fn tell(&mut self) -> Result<(), Failure> {
        let now = self.context.now();
        let view = view::of(&self.known, now);
        // What differs by the time alone is no news.
        let told = match self.context.format {
            Format::Text => line(&view),
            Format::Json | Format::Yaml => {
                let timeless = View {
                    seconds_to_go: None,
                    ..view.clone()
                };
                serde_json::to_string(&timeless).map_err(std::io::Error::from)?
            }
        };
        if told == self.told {
            return Ok(());
        }
        let mut out = self.context.out();
        match self.context.format {
            Format::Text => writeln!(out, "{told}")?,
            Format::Json => {
                let text = serde_json::to_string(&view).map_err(std::io::Error::from)?;
                writeln!(out, "{text}")?;
            }
            Format::Yaml => {
                writeln!(out, "---")?;
                format::yaml(&mut out, &view)?;
            }
        }
        self.told = told;
        Ok(out.flush()?)
    }

    /// The connection broke; the watch tries again by itself.
    fn lost(&mut self, error: watcher::Error) -> Result<(), Failure> {
        self.height = 0;
        let text = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => {
                RequestError::new(error, "what is watched", self.link).to_string()
            }
            other => other.to_string(),
        };
        Ok(writeln!(self.context.talk(), "{text}; trying again")?)
    }
}

fn stream<K>(
    api: Api<K>,
    config: Config,
    news: impl Fn(Event<K>) -> News + Send + 'static,
) -> BoxStream<'static, News>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    watcher(api, config)
        .default_backoff()
        .map(move |seen| match seen {
            Ok(event) => news(event),
            Err(error) => News::Lost(error),
        })
        .boxed()
}

/// `production Stepping, step 6 of 12, 10 % asked, 10 % achieved, 1/1 pods: paused until …`
pub(super) fn line(view: &View) -> String {
    let (word, _) = paint::phase(view);
    let mut parts = vec![format!("{} {word}", view.environment)];
    parts.extend(view.weight.map(|asked| format!("{asked} % asked")));
    parts.extend(view.achieved().map(|share| format!("{share} % achieved")));
    let new = view.revisions.iter().find(|one| one.new);
    for workload in new.into_iter().flat_map(|one| &one.workloads) {
        let (object, ready, wanted) = (&workload.object, workload.ready, workload.wanted);
        parts.push(format!("{object} {ready}/{wanted}"));
    }
    let line = parts.join(", ");
    match (&view.held, view.waiting.as_str()) {
        (Some(held), _) => format!("{line}: {}: {}", held.reason, held.message),
        (None, "") => line,
        (None, waiting) => format!("{line}: {waiting}"),
    }
}
