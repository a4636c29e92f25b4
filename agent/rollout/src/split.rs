//! Which objects are to stand now: the last good ones, the new version beside them, and what waits.
//!
//! A commit moves or stays together. The rule, kind by kind:
//!
//! - what changed stays as it was until promotion; what left git stays until the rollout is over;
//! - what is new goes first, since the new version may need it, unless it acts on what already serves ([`order`]);
//! - a Deployment that is rolled out gets a sibling `<name>-canary` of the new revision, with copies of the ConfigMaps
//!   and Secrets that changed under their old name, and twins of the Services, autoscalers, budgets and network
//!   policies that pick its pods;
//! - a StatefulSet or DaemonSet is changed in place, pod by pod;
//! - hooks are those of the new revision ([`hook`]);
//! - routes and Services decide who gets what, and are the only objects of the stable side that change on the way.
//!
//! [`changed`] says what a revision changes, [`Split::new`] who follows which way, [`Split::shape`] what stands for a
//! wish. Nothing here says what is wished for.

use std::{collections::BTreeMap, fmt};

use krm::{Gvk, ObjectId};
use plan::desired::Origin;
use serde_json::Value;

use crate::{
    observe::Router,
    strategy::{Chaos, Step, Strategy, Testers, Traffic},
    wish::{Canary, Wish},
};

pub mod config;
mod disturb;
mod flag;
pub mod hook;
mod in_place;
pub mod order;
mod pick;
mod route;
pub mod shares;
mod sibling;
pub mod sides;
mod twin;

pub use config::{Changed, changed, workloads};
pub use flag::{overlay, said};
use pick::Picked;

/// An object as it was rendered, and where it is written.
pub type Object = (Value, Option<Origin>);

/// The objects of two revisions.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Of the one that is good.
    pub good: &'a [Object],
    /// Of the one that is on its way.
    pub new: &'a [Object],
    /// The namespace of objects that name none.
    pub namespace: &'a str,
}

/// Two revisions taken apart for a strategy.
#[derive(Debug)]
pub struct Split<'a> {
    given: Given<'a>,
    tracks: Vec<Track>,
    copies: Vec<config::Copied>,
}

/// One workload that is rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// The workload.
    pub id: ObjectId,
    /// How its users are divided.
    pub router: Router,
    /// The name of the one beside it; its own if it is changed in place.
    pub canary: String,
    /// Services that lead to its pods.
    pub services: Vec<String>,
    /// How many pods the new revision asks for, unless an autoscaler in git decides that or git says nothing.
    pub fixed: Option<u32>,
    /// The most pods that an autoscaler of the new revision lets it have.
    pub most: Option<u32>,
    /// Its pods, and those of the canary.
    picked: Picked,
}

/// What is to stand.
#[derive(Clone, Default, PartialEq)]
pub struct Shape {
    /// Every object, stable ones first.
    pub objects: Vec<Object>,
    /// Those that decide who gets what. On the way back they are written before anything else.
    pub routing: Vec<ObjectId>,
    /// What the new revision changes and that waits until promotion.
    pub deferred: Vec<ObjectId>,
    /// What stands in a namespace that does not serve, and goes with its revision.
    pub aside: Vec<ObjectId>,
}

/// Pods that a chaos step may kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// Whose: `Deployment/shop/web-canary`.
    pub workload: String,
    /// Where they are.
    pub namespace: String,
    /// What picks them and no others.
    pub labels: BTreeMap<String, String>,
}

/// Why a workload cannot be rolled out as its strategy says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// `Deployment/shop/web`
    pub object: String,
    /// What is in the way and what to do.
    pub message: String,
}

impl<'a> Split<'a> {
    /// Takes the revisions apart for the `chosen` workloads, or says everything that is in the way.
    pub fn new(
        given: Given<'a>,
        chosen: &[ObjectId],
        strategy: &Strategy,
    ) -> Result<Self, Vec<Fault>> {
        let (mut tracks, mut faults) = (Vec::new(), Vec::new());
        for id in chosen {
            match Track::new(&given, id, strategy) {
                Ok(track) => tracks.push(track),
                Err(fault) => faults.push(fault),
            }
        }
        if let Some(testers) = &strategy.testers {
            faults.extend(route::too_many(&given, &tracks, testers));
        }
        let mut readers = chosen.to_vec();
        readers.extend(hook::before(&given));
        let copies = config::copies(&given, &readers);
        faults.extend(taken(&given, &tracks, &copies));
        faults.extend(disturb::faults(&given, &tracks, strategy));
        match faults.is_empty() {
            true => Ok(Self {
                given,
                tracks,
                copies,
            }),
            false => Err(faults),
        }
    }

    /// The workloads that are rolled out, and how.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The routes that lead to the workload of `track`, and in which version they are written.
    pub fn routes(&self, track: &Track) -> Vec<(Gvk, ObjectId)> {
        if track.router != Router::Route {
            return Vec::new();
        }
        let tracks = std::slice::from_ref(track);
        let ids = route::routing(self.given.good, tracks, self.given.namespace);
        let objects = self.given.good.iter().map(|(object, _)| object);
        let routes = objects.map(|object| (id_of(object, self.given.namespace), object));
        let routes = routes.filter(|(id, _)| ids.contains(id));
        let version = |object: &Value| object["apiVersion"].as_str().unwrap_or_default().to_owned();
        routes
            .map(|(id, object)| (Gvk::new(&version(object), &id.kind), id))
            .collect()
    }

    /// What `chaos` makes, and what is gone once it is over.
    pub fn disturbances(&self, chaos: &Chaos) -> Vec<ObjectId> {
        let made = disturb::made(&self.given, &self.tracks, chaos);
        let ids = made
            .iter()
            .map(|object| id_of(object, self.given.namespace));
        ids.collect()
    }

    /// Pods that `chaos` may kill, workload by workload.
    pub fn exposed(&self, chaos: &Chaos) -> Vec<Exposed> {
        disturb::exposed(&self.given, &self.tracks, chaos)
    }

    /// What is to stand for `wish`. Without a canary in it that is the good revision alone.
    pub fn shape(&self, wish: &Wish) -> Shape {
        let Some(canary) = &wish.canary else {
            return self.alone(wish);
        };
        let up = wish.base.as_ref() == Some(&canary.revision);
        let mut shape = order::base(&self.given, up);
        for (object, _) in &mut shape.objects {
            self.adapt(object, canary);
        }
        shape.routing = route::routing(&shape.objects, &self.tracks, self.given.namespace);
        if !up {
            self.change_in_place(&mut shape, canary);
        }
        self.add_siblings(&mut shape, canary);
        let hooks = hook::of_new(&self.given, &self.copies);
        shape.objects.extend(hooks);
        if let Some(chaos) = &wish.chaos {
            disturb::add(&mut shape.objects, &self.given, &self.tracks, &chaos.chaos);
        }
        flag::overlay(&mut shape.objects, wish);
        shape
    }

    fn alone(&self, wish: &Wish) -> Shape {
        let mut objects = self.given.good.to_vec();
        flag::overlay(&mut objects, wish);
        Shape {
            objects,
            ..Shape::default()
        }
    }

    /// Makes a stable object fit beside the canary.
    fn adapt(&self, object: &mut Value, canary: &Canary) {
        for track in &self.tracks {
            if track.namespace() != namespace_of(object, self.given.namespace) {
                continue;
            }
            route::weigh(object, track, canary.weight);
            route::switch(object, track, canary.weight);
            twin::let_peers_in(object, track);
            let floor = canary.floors.get(&track.id.to_string());
            twin::raise_floor(object, track, floor.copied());
        }
        if let Some(testers) = &canary.testers {
            route::lead_testers(object, &self.tracks, testers, self.given.namespace);
        }
    }

    fn change_in_place(&self, shape: &mut Shape, canary: &Canary) {
        let tracks = self.tracks.iter();
        for track in tracks.filter(|track| track.router == Router::InPlace) {
            let key = track.id.to_string();
            let pods = canary.pods.get(&key).copied().unwrap_or_default();
            let all = canary.floors.get(&key).copied().unwrap_or_default();
            let new = find(self.given.new, &track.id, self.given.namespace);
            let old = shape.objects.iter_mut();
            let mut old = old.filter(|(object, _)| id_of(object, self.given.namespace) == track.id);
            let (Some(new), Some(slot), true) = (new, old.next(), pods > 0) else {
                continue;
            };
            *slot = new.clone();
            config::point_to_copies(&mut slot.0, &self.copies, self.given.namespace);
            in_place::advance(&mut slot.0, pods, all, &canary.revision.digest);
        }
    }

    fn add_siblings(&self, shape: &mut Shape, canary: &Canary) {
        let serving: Vec<_> = self.serving(canary).collect();
        let hooks = hook::before(&self.given);
        let copied = self.copies.iter().filter(|copy| {
            let mut users = serving.iter().map(|track| &track.id).chain(&hooks);
            users.any(|user| copy.users.contains(user))
        });
        shape.objects.extend(copied.map(|copy| copy.object.clone()));
        for track in serving {
            if track.router != Router::InPlace {
                let pods = canary.pods.get(&track.id.to_string()).copied();
                let made =
                    sibling::make(&self.given, track, &self.copies, pods.unwrap_or_default());
                shape.objects.extend(made);
            }
        }
    }

    /// Tracks whose new version is there in some form.
    fn serving(&self, canary: &Canary) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| {
            let pods = canary.pods.get(&track.id.to_string()).copied();
            track.router != Router::InPlace || pods.unwrap_or_default() > 0
        })
    }
}

impl Track {
    fn new(given: &Given<'_>, id: &ObjectId, strategy: &Strategy) -> Result<Self, Fault> {
        let fault = |message: String| Fault {
            object: id.to_string(),
            message,
        };
        let good = find(given.good, id, given.namespace);
        let new = find(given.new, id, given.namespace);
        let (Some(good), Some(new)) = (good, new) else {
            return Err(fault("is not in both revisions".to_owned()));
        };
        let sibling = id.kind == "Deployment";
        if in_place::is_by_hand(&good.0) || in_place::is_by_hand(&new.0) {
            return Err(fault(
                "has updateStrategy OnDelete, so that people replace its pods; choose `strategy: none`"
                    .to_owned(),
            ));
        }
        let services = pick::services(given, id, &good.0);
        let router = match sibling {
            false => Router::InPlace,
            true => router(given, id, &services, strategy).map_err(&fault)?,
        };
        let apart = router.is_exact();
        let picked = Picked::new(given, &good.0, &new.0, &services, apart).map_err(&fault)?;
        let name = match sibling {
            true => beside(&id.name),
            false => id.name.clone(),
        };
        let longest = services
            .iter()
            .map(|service| beside(service))
            .chain([name.clone()]);
        if let Some(long) = longest.into_iter().find(|name| name.len() > 63) {
            return Err(fault(format!(
                "{long} would be longer than 63 characters; shorten the name"
            )));
        }
        Ok(Self {
            id: id.clone(),
            router,
            canary: name,
            services,
            fixed: twin::fixed(given, id, &new.0),
            most: twin::most(given, id),
            picked,
        })
    }

    /// The workload's namespace.
    pub fn namespace(&self) -> &str {
        &self.id.namespace
    }

    /// Labels that pick the pods of the canary and no others.
    pub const fn canary_labels(&self) -> &BTreeMap<String, String> {
        &self.picked.canary_selector
    }
}

fn router(
    given: &Given<'_>,
    id: &ObjectId,
    services: &[String],
    strategy: &Strategy,
) -> Result<Router, String> {
    let routed = route::leads_to(given, &id.namespace, services);
    let weighs = strategy
        .steps
        .iter()
        .any(|step| matches!(step, Step::Weight(_)));
    match strategy.traffic {
        Traffic::Auto if routed && weighs => Ok(Router::Route),
        Traffic::Auto | Traffic::Replicas => Ok(Router::Replicas),
        Traffic::Switch if routed => Ok(Router::Route),
        Traffic::Switch if services.is_empty() => Err(
            "no route and no Service leads to its pods, so that nothing can be switched; choose another strategy"
                .to_owned(),
        ),
        Traffic::Switch => Ok(Router::Selector),
    }
}

/// Names that are taken already by something in git.
fn taken(given: &Given<'_>, tracks: &[Track], copies: &[config::Copied]) -> Vec<Fault> {
    let siblings = tracks
        .iter()
        .filter(|track| track.router != Router::InPlace);
    let names = siblings.map(|track| ObjectId {
        name: track.canary.clone(),
        ..track.id.clone()
    });
    let copied = copies
        .iter()
        .map(|copy| id_of(&copy.object.0, given.namespace));
    let mut faults = Vec::new();
    for id in names.chain(copied) {
        let there = |objects| find(objects, &id, given.namespace).is_some();
        if there(given.good) || there(given.new) {
            faults.push(Fault {
                object: id.to_string(),
                message: "is in git, and its name is needed for the canary; rename it".to_owned(),
            });
        }
    }
    faults
}

/// `web` → `web-canary`
pub fn beside(name: &str) -> String {
    format!("{name}{}", crate::words::SUFFIX)
}

/// The object called `id`.
pub(crate) fn find<'a>(
    objects: &'a [Object],
    id: &ObjectId,
    namespace: &str,
) -> Option<&'a Object> {
    objects.iter().find(|(object, _)| {
        object["metadata"]["name"] == id.name.as_str() && id_of(object, namespace) == *id
    })
}

/// What `object` is called, in `namespace` if it names none. The same for cluster-wide ones: only compared here.
pub(crate) fn id_of(object: &Value, namespace: &str) -> ObjectId {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    ObjectId {
        group: version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
        kind: text(&object["kind"]),
        namespace: namespace_of(object, namespace).to_owned(),
        name: text(&object["metadata"]["name"]),
    }
}

pub(crate) fn namespace_of<'a>(object: &'a Value, default: &'a str) -> &'a str {
    let written = object["metadata"]["namespace"].as_str();
    written
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or(default)
}

/// Prints what there is, never what it says: there may be Secrets among it.
impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("good", &ids(self.good, self.namespace))
            .field("new", &ids(self.new, self.namespace))
            .finish_non_exhaustive()
    }
}

/// Prints what there is, never what it says: there may be Secrets among it.
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape")
            .field("objects", &ids(&self.objects, ""))
            .field("routing", &self.routing)
            .field("deferred", &self.deferred)
            .field("aside", &self.aside)
            .finish()
    }
}

pub(crate) fn ids(objects: &[Object], namespace: &str) -> Vec<String> {
    let ids = objects.iter().map(|(object, _)| id_of(object, namespace));
    ids.map(|id| id.to_string()).collect()
}

/// `Deployment/shop/web: …`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.message)
    }
}

/// Testers in a form that routes understand.
pub(crate) fn tester_headers(testers: &Testers) -> Vec<Value> {
    let headers = testers
        .headers
        .iter()
        .map(|one| serde_json::json!({ "name": one.name, "type": "Exact", "value": one.value }));
    let cookies = testers.cookies.iter().map(|one| {
        let value = format!(
            "(^|.*; *){}={}(;.*|$)",
            escape(&one.name),
            escape(&one.value)
        );
        serde_json::json!({ "name": "Cookie", "type": "RegularExpression", "value": value })
    });
    headers.chain(cookies).collect()
}

fn escape(text: &str) -> String {
    let special = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}
