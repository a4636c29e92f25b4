//! Hooks of what goes out step by step: whose turn it is, what waits for them, and which objects they are.

use std::collections::BTreeMap;

use krm::ObjectId;
use plan::point::Point::{After, Before, Failed};
use rollout::{
    Strategy, Wish,
    hooks::Turn,
    observe::{Action, Command, Prepared, Router},
    split::{Given, Object, Split, hook},
    state::{Cause, Phase},
    strategy::{Pause, Step, Traffic},
    wish::{Canary, Event},
};

use crate::world::{World, manifests, revision, watched};

fn turn(world: &World) -> Turn {
    let head = world.seen.head.as_ref().expect("git is there");
    Turn::of(&world.state, &head.digest)
}

fn strategy() -> Strategy {
    let minute = rollout::Interval::seconds(60);
    let pause = Step::Pause(Pause {
        duration: Some(minute),
    });
    let mut strategy = watched(Strategy::of(vec![pause, Step::Weight(50)]));
    strategy.bake = Some(minute);
    strategy
}

fn pushed(prepared: Prepared) -> World {
    let mut world = World::new(Router::Route);
    world.seen.prepared = prepared;
    world.push("b", Some(strategy()));
    world
}

fn running() -> Prepared {
    Prepared::Running("hook migrate is at work".to_owned())
}

fn is_baking(world: &World) -> bool {
    let rollout = world.state.rollout.as_ref();
    rollout.is_some_and(|rollout| matches!(rollout.phase, Phase::Baking { .. }))
}

#[test]
fn each_point_has_its_turn() {
    let mut world = pushed(Prepared::Done);
    assert_eq!(turn(&world), Turn::Nobody, "it has not set out");
    world.turn();
    let ahead = turn(&world);
    assert_eq!(ahead, Turn::Ahead("production-b".to_owned()));
    assert!(ahead.lets(Before) && !ahead.lets(After) && !ahead.lets(Failed));
    world.until(10, is_baking);
    assert_eq!(turn(&world), Turn::Whole, "what comes after it may run");
    // Back to the former release: nothing runs until everybody is there.
    world.alarm("front");
    world.turn();
    assert_eq!(turn(&world), Turn::Nobody);
    world.until(10, |world| world.state.rollout.is_none());
    let rejected = turn(&world);
    assert_eq!(rejected, Turn::Rejected("production-b".to_owned()));
    assert!(rejected.lets(Failed) && !rejected.lets(Before) && !rejected.lets(After));
    // A second chance is a way of its own.
    world.state.rejected[0].retry = true;
    assert_eq!(turn(&world), Turn::Nobody);
    world.push("a", Some(strategy()));
    assert_eq!(turn(&world), Turn::Whole);
}

#[test]
fn a_hook_at_work_is_waited_for_longer_than_for_any_pods() {
    let mut world = pushed(running());
    for _ in 0..20 {
        let effects = world.turn();
        assert_eq!(effects.waiting, "hook migrate is at work");
        world.pass(100);
    }
    assert_eq!(world.at_step(), Some(0));
    world.seen.prepared = Prepared::Done;
    world.turn();
    world.pass(50);
    world.turn();
    assert_eq!(world.at_step(), Some(0), "the pause begins once it is over");
    world.until(10, |world| world.is_settled_on("b"));
}

#[test]
fn one_that_does_not_begin_is_waited_for_as_long_as_for_pods() {
    let mut world = pushed(Prepared::Coming("hook migrate has not run yet".to_owned()));
    world.until(50, |world| {
        world.state.rollout.is_none() && !world.state.rejected.is_empty()
    });
    let cause = &world.state.rejected[0].cause;
    assert!(
        matches!(cause, Cause::NotReady { why } if why.starts_with("hook migrate has not run yet")),
        "{cause:?}"
    );
}

#[test]
fn one_that_fails_sends_the_revision_back_at_once() {
    let mut world = pushed(running());
    world.turn();
    world.seen.prepared = Prepared::Failed("hook migrate failed: exit code 1".to_owned());
    let effects = world.turn();
    let ending = effects
        .records
        .iter()
        .find(|one| one.event == Event::Ending);
    assert_eq!(
        ending.expect("an end").message,
        "HookFailed: hook migrate failed: exit code 1"
    );
    world.until(10, |world| world.is_settled_on("a"));
    assert_eq!(turn(&world), Turn::Rejected("production-b".to_owned()));
}

#[test]
fn nobody_leaves_a_hook_out_with_a_step() {
    let mut world = pushed(running());
    world.turn();
    for action in [Action::Skip, Action::PromoteFully] {
        world.seen.command = Some(Command {
            id: format!("{action:?}"),
            action,
            by: "ada".to_owned(),
            rollout: None,
            step: None,
        });
        let effects = world.turn();
        let ignored = effects
            .records
            .iter()
            .find(|one| one.event == Event::Ignored);
        let ignored = ignored.expect("it is not obeyed");
        assert!(
            ignored.message.contains("its hooks come first"),
            "{ignored:?}"
        );
        assert_eq!(world.at_step(), Some(0));
    }
}

/// A migration that reads what it brings along, and the settings of the workload.
const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1, envFrom: [{configMapRef: {name: settings}}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: statements}
data: {sql: one}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {driftless.dev/hook: before}}
spec:
  template:
    spec:
      containers:
      - name: migrate
        image: migrate:1
        envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: statements}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: old, annotations: {driftless.dev/hook: before}}
spec: {template: {spec: {containers: [{name: old, image: old:1}]}}}
";

/// The same with another version of everything, less the old hook, plus two others.
fn next() -> Vec<Object> {
    let text = SHOP
        .replace(":1", ":2")
        .replace("red", "blue")
        .replace("sql: one", "sql: two");
    let mut objects = manifests(&text);
    objects.pop();
    objects.extend(manifests(
        "
apiVersion: batch/v1
kind: Job
metadata: {name: test, annotations: {driftless.dev/hook: after}}
spec: {template: {spec: {containers: [{name: test, image: test:2, envFrom: [{configMapRef: {name: settings}}]}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: off, annotations: {driftless.dev/hook: before, driftless.dev/reconcile: disabled}}
spec: {template: {spec: {containers: [{name: off, image: off:2}]}}}
",
    ));
    objects
}

fn standing(base: &str) -> Vec<Object> {
    let (good, new) = (manifests(SHOP), next());
    let given = Given {
        good: &good,
        new: &new,
        namespace: "shop",
    };
    let web: ObjectId = ObjectId {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    let pods = BTreeMap::from([(web.to_string(), 1)]);
    let split = Split::new(given, &[web], &Strategy::of(vec![Step::Weight(10)])).expect("a way");
    let canary = Canary {
        revision: revision("b"),
        traffic: Traffic::Auto,
        weight: 0,
        target: 10,
        floors: pods.clone(),
        pods,
        testers: None,
    };
    let wish = Wish {
        base: Some(revision(base)),
        canary: Some(canary),
        ..Wish::default()
    };
    split.shape(&wish).objects
}

fn image(objects: &[Object], name: &str) -> Vec<String> {
    let named = objects
        .iter()
        .filter(|(object, _)| object["metadata"]["name"] == name && hook::is_hook(object));
    let images =
        named.map(|(object, _)| &object["spec"]["template"]["spec"]["containers"][0]["image"]);
    images
        .map(|image| image.as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn hooks_are_those_of_the_revision_on_its_way() {
    for base in ["a", "b"] {
        let objects = standing(base);
        assert_eq!(image(&objects, "migrate"), ["migrate:2"], "base {base}");
        assert_eq!(image(&objects, "test"), ["test:2"]);
        assert!(image(&objects, "old").is_empty(), "it left git");
    }
    assert_eq!(hook::names(&next(), Before), ["migrate"]);
    assert_eq!(hook::names(&next(), After), ["test"]);
}

#[test]
fn a_hook_reads_what_its_revision_brings() {
    let objects = standing("a");
    let object = |kind: &str, name: &str| {
        let mut all = objects.iter().map(|(object, _)| object);
        let found = all.find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let migrate = object("Job", "migrate");
    let from = &migrate["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    let reads = |at: usize| from[at]["configMapRef"]["name"].as_str();
    assert_eq!(
        (reads(0), reads(1)),
        (Some("settings-canary"), Some("statements-canary"))
    );
    assert_eq!(
        object("ConfigMap", "statements-canary")["data"]["sql"],
        "two"
    );
    assert_eq!(
        object("ConfigMap", "statements")["data"]["sql"],
        "one",
        "until promotion"
    );
    // What comes after promotion finds everything under its own name.
    let test = object("Job", "test");
    let from = &test["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    assert_eq!(from[0]["configMapRef"]["name"], "settings");
}
