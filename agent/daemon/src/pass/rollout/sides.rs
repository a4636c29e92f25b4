//! A whole environment in two namespaces: which they are, whose they are, and what is seen in them.
//!
//! What stands in which is `rollout::split::sides`' to say; the namespaces are made like any other target namespace.

use std::collections::BTreeMap;

use api::v1alpha1::Environment;
use krm::{Gvk, ObjectId};
use plan::desired::Desired;
use rollout::{
    State, Strategy, Wish,
    observe::{Pods, Router, Workload, pods},
    split::{
        Fault, Object,
        sides::{self, Sides},
    },
    state::Rollout,
    strategy::Namespaces,
    watched::{Place, Watched},
};
use serde_json::Value;

use super::{Cut, Look, Pass, bakes};
use crate::{
    chain,
    key::EnvironmentKey,
    outcome::Retry,
    pass::scopes::{Kinds, kinds_of},
    rendered::Rendering,
    rollouts::Objects,
};

/// The namespaces of a pass.
pub(in crate::pass) struct Reached {
    /// Those that it reaches with the agent's rights; the first is the target.
    pub(in crate::pass) namespaces: Vec<String>,
    /// Objects that go with a revision that does not serve.
    aside: Vec<ObjectId>,
}

/// The way from one namespace to the other.
pub(super) struct Two {
    /// Every workload that is in both, under the environment's own namespace, as the new revision has it.
    workloads: Vec<Tracked>,
    /// The routes that lead to the good revision, and those that lead to the new one.
    routes: [Vec<(String, String, String)>; 2],
}

struct Tracked {
    id: ObjectId,
    /// What picks its pods.
    labels: BTreeMap<String, String>,
    /// The Services by which routes lead to it.
    services: Vec<String>,
}

/// Where two versions are.
struct Places {
    serving: String,
    other: Option<String>,
}

impl Reached {
    pub(in crate::pass) fn new(key: &EnvironmentKey, environment: &Environment) -> Self {
        let target = environment.spec.target.namespace.as_deref();
        Self {
            namespaces: vec![target.unwrap_or(&key.namespace).to_owned()],
            aside: Vec::new(),
        }
    }
}

impl Pass<'_> {
    /// Takes the way to the other namespace apart. The outer `None` ends the pass.
    pub(super) async fn cut_sides<'l>(
        &mut self,
        look: &'l Look,
        strategy: &Strategy,
    ) -> Option<Result<Cut<'l>, Vec<Fault>>> {
        let kinds = self
            .kinds_for([look.good.as_slice(), look.new.as_slice()])
            .await?;
        let home = look.namespace.as_str();
        let mut faults = sides::check(&look.new, home, strategy, &kinds);
        if let Some(namespaces) = &strategy.namespaces {
            faults.extend(self.out_of_reach(namespaces).await);
        }
        if !faults.is_empty() {
            return Some(Err(faults));
        }
        let under_way = self.rollouts().state.rollout.is_some();
        let moves = under_way || sides::differ(&look.good, &look.new, home, &kinds);
        if !moves && self.rollouts().state.good.is_some() {
            // What there is one of changes at once.
            return Some(Ok(Cut::Whole));
        }
        let workloads = sides::workloads(&look.new, home, &kinds);
        let tracked = workloads.into_iter().map(|workload| Tracked {
            id: id_of(workload, home),
            labels: labels(&workload["spec"]["selector"]["matchLabels"]),
            services: sides::leads(&look.new, home, workload),
        });
        Some(Ok(Cut::Sides(Two {
            workloads: tracked.collect(),
            routes: [&look.good, &look.new].map(|objects| sides::routes(objects, home)),
        })))
    }

    /// What is to stand in both namespaces. `None` if it cannot be had.
    pub(super) async fn two_sides(
        &mut self,
        wish: &Wish,
        base: &[Object],
        rendering: &Rendering,
    ) -> Option<Vec<Object>> {
        let other = match &wish.other {
            None => None,
            Some(other) if wish.canary.is_some() => {
                Some(self.objects(Some(&other.revision), rendering).await?)
            }
            Some(other) => self.kept(&other.revision).await,
        };
        let other = other.as_ref().map(|other| other.as_slice());
        let both = [base, other.unwrap_or_default()];
        let kinds = self.kinds_for(both).await?;
        let home = self.namespace().to_owned();
        let sides = Sides {
            base,
            other,
            home: &home,
            introduced: sides::idle(wish).is_some_and(|idle| self.is_introduced(idle, both[1])),
        };
        let shape = sides::shape(&sides, wish, &kinds);
        self.routing = shape.routing;
        self.reached.aside = shape.aside;
        let turns = wish
            .namespaces
            .iter()
            .flat_map(|names| [&names.blue, &names.green]);
        let stand = [wish.side.as_deref(), sides::idle(wish)]
            .into_iter()
            .flatten();
        let all: Vec<String> = turns.cloned().chain(stand.map(str::to_owned)).collect();
        for name in all {
            if !self.reached.namespaces.contains(&name) && self.is_ours(&name).await {
                self.reached.namespaces.push(name);
            }
        }
        Some(shape.objects)
    }

    /// Marks what goes with a revision that does not serve: that it goes needs nobody's consent.
    pub(in crate::pass) fn mark_aside(&self, desired: &mut [Desired]) {
        for object in desired {
            object.temporary |= self.reached.aside.contains(&object.id);
        }
    }

    /// The workloads in both namespaces. `None` if the cluster cannot be asked.
    pub(super) async fn workloads_of(&mut self, two: &Two) -> Option<BTreeMap<String, Workload>> {
        match self.see_sides(two).await {
            Ok(seen) => Some(seen),
            Err(error) => {
                let message = chain::text(&error);
                self.outcome
                    .stop(crate::words::call(&error), message, Retry::Later);
                None
            }
        }
    }

    /// Whom numbers are about: what routes lead to.
    pub(super) fn watched_of(&self, two: &Two, state: &State) -> Vec<Watched> {
        let places = self.places(state);
        let led = two.workloads.iter().filter_map(|workload| {
            let service = workload.services.first()?;
            let place = |namespace: &str| Place {
                namespace: namespace.to_owned(),
                workload: workload.id.name.clone(),
                service: service.clone(),
            };
            let serving = place(&places.serving);
            Some(Watched {
                canary: places
                    .other
                    .as_deref()
                    .map_or_else(|| serving.clone(), place),
                stable: serving,
                by_pods: false,
            })
        });
        led.collect()
    }

    async fn see_sides(
        &mut self,
        two: &Two,
    ) -> Result<BTreeMap<String, Workload>, cluster::ReadError> {
        let state = self.state.rollouts.as_ref().map(|rollouts| &rollouts.state);
        let state = state.cloned().unwrap_or_default();
        let places = self.places(&state);
        let achieved = match &places.other {
            Some(other) => self.share_of(two, &state, (&places.serving, other)).await?,
            None => None,
        };
        let adds = state.rollout.as_ref().is_some_and(Rollout::adds_users);
        let mut seen = BTreeMap::new();
        for workload in &two.workloads {
            let mut one = self.see_workload(workload, &places, achieved).await?;
            if let (true, Some(canary), Some(other)) = (adds, &mut one.canary, &places.other) {
                self.cap_to_endpoints(canary, other, &workload.services)
                    .await;
            }
            // Nobody wants any of it.
            let (stable, canary) = (one.stable.wanted, one.canary.as_ref());
            let unwanted = canary.is_some_and(|pods| pods.wanted == 0 && pods.settled.is_some());
            if stable > 0 || !unwanted {
                seen.insert(workload.id.to_string(), one);
            }
        }
        Ok(seen)
    }

    async fn see_workload(
        &self,
        workload: &Tracked,
        places: &Places,
        achieved: Option<u8>,
    ) -> Result<Workload, cluster::ReadError> {
        let gvk = Gvk::new("apps/v1", &workload.id.kind);
        let stands = self.revisions_applied();
        let name = &workload.id.name;
        let stable = self.read_one(&gvk, &places.serving, name).await?;
        let canary = match &places.other {
            None => None,
            Some(other) => match self.read_one(&gvk, other, name).await? {
                None => None,
                Some(there) => {
                    let mut pods = pods::of(&there, stands.canary.as_deref());
                    self.explain(&mut pods, other, &workload.labels).await?;
                    Some(pods)
                }
            },
        };
        Ok(Workload {
            router: Router::Route,
            stable: pods::of(&stable.unwrap_or_default(), stands.base.as_deref()),
            canary,
            achieved,
            fixed: None,
            most: None,
        })
    }

    /// What is wrong with pods is looked up only while some are missing.
    async fn explain(
        &self,
        pods: &mut Pods,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), cluster::ReadError> {
        if pods.ready < pods.wanted && !labels.is_empty() {
            let all = self.pods(namespace, labels).await?;
            pods.stuck = pods::look(&all).stuck;
        }
        Ok(())
    }

    /// The share that the live routes give to the other namespace.
    async fn share_of(
        &self,
        two: &Two,
        state: &State,
        places: (&str, &str),
    ) -> Result<Option<u8>, cluster::ReadError> {
        let rollout = state.rollout.as_ref().filter(|_| !bakes(state));
        let over = rollout.is_some_and(|rollout| rollout.weight == 100);
        let mut live = Vec::new();
        for (version, kind, name) in &two.routes[usize::from(over)] {
            let gvk = Gvk::new(version, kind);
            live.extend(self.read_one(&gvk, self.namespace(), name).await?);
        }
        let strict = rollout
            .is_some_and(|rollout| matches!(rollout.phase, rollout::state::Phase::Stepping(_)));
        Ok(sides::achieved(&live, places, strict))
    }

    /// Where the good revision is, and where the other one is: on its way, or kept.
    fn places(&self, state: &State) -> Places {
        let standby = state.standby.as_ref().map(|kept| kept.namespace.clone());
        let rollout = state.rollout.as_ref().filter(|_| !bakes(state));
        let toward = rollout.and_then(|rollout| rollout.side.clone());
        Places {
            serving: state
                .side
                .clone()
                .unwrap_or_else(|| self.namespace().to_owned()),
            other: toward.or(standby),
        }
    }

    /// True once all that routes would lead to in `idle` has been made.
    fn is_introduced(&self, idle: &str, other: &[Object]) -> bool {
        let Some(ledger) = &self.state.ledger else {
            return false;
        };
        let home = self.namespace();
        let named = |kind: &str, group: &str, name: &str| {
            let id = ObjectId {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: idle.to_owned(),
                name: name.to_owned(),
            };
            let entry = ledger.inventory.get(&id);
            entry.is_some_and(|entry| entry.uid.is_some())
        };
        let grant = format!("driftless-{home}");
        let granted = idle == home || named("ReferenceGrant", "gateway.networking.k8s.io", &grant);
        let mut workloads = other.iter().map(|(object, _)| object);
        granted
            && workloads.all(|workload| {
                let services = sides::leads(other, home, workload);
                services.iter().all(|name| named("Service", "", name))
            })
    }

    /// The objects of a release that is kept. Without them it is not kept any longer, and nothing else suffers.
    async fn kept(&mut self, revision: &rollout::state::Revision) -> Option<Objects> {
        match self.known(revision).await {
            Ok(objects) => Some(objects),
            Err(why) => {
                tracing::warn!(environment = %self.key, revision = revision.commit, why, "the former release cannot be rendered again, and is not kept");
                None
            }
        }
    }

    /// What the cluster says of the kinds of `objects`. `None` if it cannot be asked.
    pub(super) async fn kinds_for<'o>(
        &mut self,
        objects: impl IntoIterator<Item = &'o [Object]>,
    ) -> Option<Kinds> {
        let all = objects.into_iter().flatten().map(|(object, _)| object);
        let wanted = kinds_of(all);
        let mut kinds = Kinds::default();
        kinds.learn(&self.target().cluster, wanted).await;
        let Some(fault) = kinds.unreachable() else {
            return Some(kinds);
        };
        let reason = match fault {
            cluster::ResolveError::Call(error) => crate::words::call(error),
            _ => api::Reason::ClusterUnreachable,
        };
        self.no_cluster(reason, &chain::text(fault));
        None
    }

    /// Namespaces that the agent's own rights are not lent for.
    async fn out_of_reach(&self, namespaces: &Namespaces) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.account().is_some() || !self.is_home() {
            return faults;
        }
        for name in [&namespaces.blue, &namespaces.green] {
            if !self.is_ours(name).await {
                faults.push(Fault {
                    object: format!("namespace {name}"),
                    message: format!(
                        "is not this Environment's, which has no service account of its own; let the agent make it (spec.target.createNamespace), label it {}: {}, or name an account that may write there in spec.target.serviceAccountName",
                        api::names::ENVIRONMENT_LABEL,
                        self.label
                    ),
                });
            }
        }
        faults
    }

    /// True for the target, and for a namespace that carries this environment's label, or will.
    async fn is_ours(&self, name: &str) -> bool {
        if name == self.namespace() {
            return true;
        }
        let Ok(resource) = self
            .target()
            .cluster
            .resolve(&Gvk::new("v1", "Namespace"))
            .await
        else {
            return false;
        };
        let label = Some(self.label.as_str());
        match self.acting.look(&resource, "", name).await {
            Ok(Some(live)) => live.facts.environment.as_deref() == label,
            Ok(None) => self.environment.spec.target.create_namespace,
            Err(_) => false,
        }
    }
}

fn id_of(workload: &Value, home: &str) -> ObjectId {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ObjectId {
        group: "apps".to_owned(),
        kind: text(&workload["kind"]),
        namespace: home.to_owned(),
        name: text(&workload["metadata"]["name"]),
    }
}

fn labels(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
