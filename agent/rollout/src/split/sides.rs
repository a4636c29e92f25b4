//! A whole environment in two namespaces that take turns.
//!
//! What lives in the environment's namespace goes to the side of its revision. Routes and Gateways stay in front of both
//! sides, with what they name there; so does what is marked as shared. Cluster-wide objects, and those that name another
//! namespace, are there once. Of everything that is there once, the serving revision decides, and the other one only adds.

use krm::Gvk;
use plan::{desired::Scopes, point::Point};
use serde_json::{Value, json};

use super::{
    Object, Shape, config, find,
    hook::{is_at, is_hook},
    id_of, namespace_of, order, route,
};
use crate::{wish::Wish, words};

mod check;
mod front;
mod pods;

pub use check::check;
pub use front::{achieved, leads, routes};

use front::Front;

/// The revisions that there are.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// Objects of the wish's base.
    pub base: &'a [Object],
    /// Objects of what stands in the other namespace, if anything does.
    pub other: Option<&'a [Object]>,
    /// The environment's own namespace, where routes live.
    pub home: &'a str,
    /// True once the Services of the other side are there: then routes name them before they lead anybody there, and
    /// their gateway says whether it can.
    pub introduced: bool,
}

/// What is to stand for `wish`, in both namespaces.
pub fn shape(sides: &Sides<'_>, wish: &Wish, scopes: &impl Scopes) -> Shape {
    let nothing: &[Object] = &[];
    let other = sides.other.unwrap_or(nothing);
    let plan = Layout {
        sides,
        wish,
        serving: wish.side.as_deref().unwrap_or(sides.home),
        idle: idle(wish).filter(|_| sides.other.is_some()),
        base: Placed::new(sides.base, sides.home, scopes),
        other: Placed::new(other, sides.home, scopes),
    };
    let mut shape = Shape::default();
    plan.add_serving(&mut shape);
    plan.add_once(&mut shape);
    plan.add_idle(&mut shape);
    plan.add_grants(&mut shape);
    super::overlay(&mut shape.objects, wish);
    shape
}

/// The namespace that does not serve, if something stands there.
pub fn idle(wish: &Wish) -> Option<&str> {
    wish.other.as_ref().map(|other| other.namespace.as_str())
}

/// The workloads that are in both namespaces.
pub fn workloads<'a>(objects: &'a [Object], home: &str, scopes: &impl Scopes) -> Vec<&'a Value> {
    let placed = Placed::new(objects, home, scopes);
    let sided = placed.objects.into_iter();
    sided
        .filter(|(object, place)| place.is_sided() && config::is_workload(&object.0))
        .map(|(object, _)| &object.0)
        .collect()
}

/// Hooks of `objects` that run at `point`, where `side` serves.
pub fn hooks(
    objects: &[Object],
    place: (&str, &str),
    point: Point,
    scopes: &impl Scopes,
) -> Vec<Object> {
    let (home, side) = place;
    let placed = Placed::new(objects, home, scopes).objects.into_iter();
    let hooks = placed.filter(|(object, _)| is_at(&object.0, point));
    let there = hooks.map(|((object, origin), place)| {
        let mut object = object.clone();
        if place.is_sided() {
            object["metadata"]["namespace"] = json!(side);
        }
        (object, origin.clone())
    });
    there.collect()
}

/// True if the revisions differ in something that is in both namespaces.
pub fn differ(good: &[Object], new: &[Object], home: &str, scopes: &impl Scopes) -> bool {
    let sided = |objects| -> Vec<Value> {
        let placed = Placed::new(objects, home, scopes);
        let sided = placed
            .objects
            .into_iter()
            .filter(|(_, place)| place.is_sided());
        sided.map(|(object, _)| object.0.clone()).collect()
    };
    sided(good) != sided(new)
}

/// Where an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On each side.
    Side,
    /// On each side, and before them for a Gateway or route that names it.
    Both,
    /// A route before the sides.
    Route,
    /// Once.
    Once,
}

/// The objects of one revision, and where each stands.
struct Placed<'a> {
    objects: Vec<(&'a Object, Place)>,
}

struct Layout<'a> {
    sides: &'a Sides<'a>,
    wish: &'a Wish,
    /// The namespace that serves.
    serving: &'a str,
    /// The one that does not.
    idle: Option<&'a str>,
    base: Placed<'a>,
    other: Placed<'a>,
}

impl Place {
    const fn is_sided(self) -> bool {
        matches!(self, Self::Side | Self::Both)
    }
}

impl<'a> Placed<'a> {
    fn new(objects: &'a [Object], home: &str, scopes: &impl Scopes) -> Self {
        let named = front::named(objects, home);
        let place = |object: &'a Object| {
            let version = object.0["apiVersion"].as_str().unwrap_or_default();
            let gvk = Gvk::new(version, object.0["kind"].as_str().unwrap_or_default());
            let at_home =
                scopes.namespaced(&gvk) == Some(true) && namespace_of(&object.0, home) == home;
            let shared = object.0["metadata"]["annotations"][words::ROLLOUT] == words::SHARED;
            let id = id_of(&object.0, home);
            let place = match at_home {
                _ if !at_home || shared || gvk.kind == "Gateway" => Place::Once,
                _ if route::is_route(&object.0) => Place::Route,
                _ if named.contains(&(id.kind, id.name)) => Place::Both,
                _ => Place::Side,
            };
            (object, place)
        };
        Self {
            objects: objects.iter().map(place).collect(),
        }
    }

    fn at(&self, wanted: impl Fn(Place) -> bool) -> impl Iterator<Item = &'a Object> {
        let objects = self.objects.iter();
        objects
            .filter(move |(_, place)| wanted(*place))
            .map(|(object, _)| *object)
    }

    /// The names of Services that are on a side.
    fn services(&self) -> Vec<&'a str> {
        self.at(Place::is_sided)
            .filter(|(object, _)| object["apiVersion"] == "v1" && object["kind"] == "Service")
            .filter_map(|(object, _)| object["metadata"]["name"].as_str())
            .collect()
    }
}

impl Layout<'_> {
    fn weight(&self) -> u8 {
        let canary = self.wish.canary.as_ref();
        canary.map_or(0, |canary| canary.weight.min(100))
    }

    fn add_serving(&self, shape: &mut Shape) {
        let floors = self.wish.canary.as_ref().map(|canary| &canary.floors);
        let ran = |(object, _): &&Object| !(self.is_on_its_way() && is_hook(object));
        for object in self.base.at(Place::is_sided).filter(ran) {
            let mut object = self.moved(object, self.serving);
            if let Some(floors) = floors {
                pods::raise_autoscaler(&mut object.0, floors);
            }
            shape.objects.push(object);
        }
    }

    fn add_idle(&self, shape: &mut Shape) {
        let (Some(idle), Some(other)) = (self.idle, &self.wish.other) else {
            return;
        };
        let ran = |(object, _): &&Object| !self.is_on_its_way() && is_hook(object);
        for object in self.other.at(Place::is_sided).filter(|one| !ran(one)) {
            let mut object = self.moved(object, idle);
            pods::keep(&mut object.0, &other.pods);
            pods::raise_autoscaler(&mut object.0, &other.pods);
            shape.aside.push(id_of(&object.0, idle));
            shape.objects.push(object);
        }
    }

    /// What there is one of. The serving revision's stays as it is; what the other one adds goes first.
    fn add_once(&self, shape: &mut Shape) {
        let home = self.sides.home;
        let other = self.sides.other.unwrap_or_default();
        // Hooks are of the revision on its way; those of the one that serves have run.
        let is_out = |object: &Value, on_its_way: bool| {
            is_hook(object) && on_its_way != self.is_on_its_way()
        };
        let once = self.base.at(|place| place == Place::Once);
        for base in once.filter(|one| !is_out(&one.0, false)) {
            let id = id_of(&base.0, home);
            let new = find(other, &id, home).filter(|_| self.wish.canary.is_some());
            let first = new.filter(|new| order::comes_first(&new.0));
            if new.is_none_or(|new| new.0 != base.0) && first.is_none() && self.is_on_its_way() {
                shape.deferred.push(id);
            }
            shape.objects.push(self.told_sides(first.unwrap_or(base)));
        }
        for base in self.base.at(|place| place == Place::Both) {
            shape.objects.push(base.clone());
        }
        let once = self.other.at(|place| place == Place::Once);
        for new in once.filter(|one| !is_out(&one.0, true)) {
            let id = id_of(&new.0, home);
            match find(self.sides.base, &id, home) {
                _ if is_hook(&new.0) => shape.objects.push(new.clone()),
                Some(_) => {}
                None if order::only_adds(&new.0) => shape.objects.push(self.told_sides(new)),
                None => shape.deferred.push(id),
            }
        }
        self.add_routes(shape);
    }

    fn is_on_its_way(&self) -> bool {
        self.wish.canary.is_some()
    }

    fn add_routes(&self, shape: &mut Shape) {
        let home = self.sides.home;
        let services = (self.base.services(), self.other.services());
        let front = Front {
            home,
            serving: (self.serving, &services.0),
            idle: self.idle.map(|idle| (idle, services.1.as_slice())),
            weight: self.weight(),
            named: self.sides.introduced || self.weight() > 0,
            testers: self
                .wish
                .canary
                .as_ref()
                .and_then(|one| one.testers.as_ref()),
        };
        let is_route = |place| place == Place::Route;
        // Once everybody is there, the routes are those of the revision that is there.
        let over = self.weight() == 100;
        for base in self.base.at(is_route) {
            let new = self.sides.other.unwrap_or_default();
            let new = find(new, &id_of(&base.0, home), home).filter(|_| over);
            shape.objects.push(front.lead(new.unwrap_or(base)));
        }
        for new in self.other.at(is_route) {
            let id = id_of(&new.0, home);
            match find(self.sides.base, &id, home) {
                Some(_) => {}
                None if over => shape.objects.push(front.lead(new)),
                None => shape.deferred.push(id),
            }
        }
        if self.is_on_its_way() {
            let objects = shape.objects.iter().map(|(object, _)| object);
            let routes = objects
                .filter(|object| route::is_route(object) && namespace_of(object, home) == home);
            shape.routing = routes.map(|object| id_of(object, home)).collect();
        }
    }

    fn add_grants(&self, shape: &mut Shape) {
        let kinds: std::collections::BTreeSet<String> = shape
            .objects
            .iter()
            .filter(|(object, _)| route::is_route(object))
            .map(|(object, _)| id_of(object, self.sides.home).kind)
            .collect();
        let filled = [Some(self.serving), self.idle];
        let away = filled
            .into_iter()
            .flatten()
            .filter(|side| *side != self.sides.home && !kinds.is_empty());
        let grants = away.map(|side| (front::grant(side, self.sides.home, &kinds), None));
        shape.objects.extend(grants);
    }

    /// An object of a side, there.
    fn moved(&self, (object, origin): &Object, side: &str) -> Object {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(side);
        self.tell_subjects(&mut object, &[side]);
        forget_addresses(&mut object);
        (object, origin.clone())
    }

    /// An object that there is one of, which lets in the accounts of both sides.
    fn told_sides(&self, (object, origin): &Object) -> Object {
        let mut object = object.clone();
        let sides: Vec<&str> = [Some(self.serving), self.idle]
            .into_iter()
            .flatten()
            .collect();
        self.tell_subjects(&mut object, &sides);
        (object, origin.clone())
    }

    /// Accounts of the environment's namespace are those of `sides`.
    fn tell_subjects(&self, object: &mut Value, sides: &[&str]) {
        let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) else {
            return;
        };
        let told = subjects.iter().flat_map(|subject| {
            let here = subject["namespace"] == self.sides.home && !self.is_shared(subject);
            let places = if here { sides } else { &[] };
            let moved = places.iter().map(|side| {
                let mut subject = subject.clone();
                subject["namespace"] = json!(side);
                subject
            });
            let as_it_was = (!here).then(|| subject.clone());
            as_it_was.into_iter().chain(moved).collect::<Vec<_>>()
        });
        *subjects = told.collect();
    }

    /// True for an account that there is one of.
    fn is_shared(&self, subject: &Value) -> bool {
        let once = self.base.at(|place| place == Place::Once);
        let mut once = once.chain(self.other.at(|place| place == Place::Once));
        once.any(|(object, _)| {
            object["kind"] == subject["kind"]
                && object["metadata"]["name"] == subject["name"]
                && namespace_of(object, self.sides.home) == self.sides.home
        })
    }
}

/// Prints what there is, never what it says: there may be Secrets among it.
impl std::fmt::Debug for Sides<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let other = self.other.map(|other| super::ids(other, self.home));
        f.debug_struct("Sides")
            .field("base", &super::ids(self.base, self.home))
            .field("other", &other)
            .finish_non_exhaustive()
    }
}

/// A fixed address cannot be had twice.
fn forget_addresses(object: &mut Value) {
    if object["apiVersion"] != "v1" || object["kind"] != "Service" {
        return;
    }
    let Some(spec) = object["spec"].as_object_mut() else {
        return;
    };
    if spec
        .get("clusterIP")
        .is_some_and(|address| address != "None")
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    for field in ["loadBalancerIP", "healthCheckNodePort"] {
        spec.remove(field);
    }
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        port.remove("nodePort");
    }
}
