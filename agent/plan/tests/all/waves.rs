//! Progress through a plan.

use std::collections::{BTreeMap, BTreeSet};

use krm::ObjectId;
use plan::{
    desired::{Desired, words},
    diff::{Action, Change, Deletion, Held, HoldReason, Plan, Wave},
    health::HealthStatus::{self, Healthy, Missing, Progressing},
    order::WaveKey,
    waves::{Ended, Progress, PruneGate, Step},
};
use serde_json::{Value, json};

use crate::sample::{annotated, config, config_id, object, ready};

/// A plan that makes everything, and deletes `gone` in the steps given.
fn making(desired: &[Desired], gone: &[(u32, &str)]) -> Plan {
    let mut waves: BTreeMap<WaveKey, Vec<Change>> = BTreeMap::new();
    for (index, object) in desired.iter().enumerate() {
        let action = Action::Create;
        waves.entry(object.wave).or_default().push(Change {
            index,
            action,
            force: false,
        });
    }
    let gone = gone.iter().map(|(step, name)| Deletion {
        id: config_id(name),
        version: "v1".to_owned(),
        uid: None,
        wave: 0,
        deleting: false,
        finalizers: vec![],
        waits: false,
        temporary: name.ends_with("-canary"),
        step: *step,
    });
    Plan {
        waves: waves
            .into_iter()
            .map(|(key, changes)| Wave { key, changes })
            .collect(),
        prune: gone.collect(),
        ..Plan::default()
    }
}

fn all_fine(_: &ObjectId) -> HealthStatus {
    Healthy
}

fn in_wave(name: &str, wave: i32) -> Value {
    annotated(config(name, "1"), words::WAVE, &wave.to_string())
}

fn names(desired: &[Desired], step: Step) -> Vec<String> {
    match step {
        Step::Apply(indices) => indices
            .iter()
            .map(|index| desired[*index].id.name.clone())
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Applies all that may start, well.
fn apply(progress: &mut Progress<'_>, desired: &[Desired]) -> Vec<String> {
    let Step::Apply(indices) = progress.next(&all_fine) else {
        return Vec::new();
    };
    for index in &indices {
        progress.applied(*index, Ended::Well);
    }
    names(desired, Step::Apply(indices))
}

#[test]
fn phases_follow_each_other_and_an_empty_plan_is_done() {
    let desired = ready(vec![
        config("c", "1"),
        object("apps/v1 Deployment", "d"),
        object("v1 ServiceAccount", "s"),
    ]);
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    let order: Vec<_> = (0..3).map(|_| apply(&mut progress, &desired)).collect();
    assert_eq!(order, [["s"], ["c"], ["d"]]);
    assert_eq!(progress.next(&all_fine), Step::Done);
    let nothing = Plan::default();
    assert_eq!(
        Progress::new(&nothing, &desired, PruneGate::Healthy).next(&all_fine),
        Step::Done
    );
}

#[test]
fn a_later_wave_waits_until_the_earlier_is_healthy() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(apply(&mut progress, &desired), ["a"]);
    let Step::Wait(waiting) = progress.next(&|_| Progressing) else {
        panic!("must wait")
    };
    assert_eq!((waiting.len(), &waiting[0].id), (1, &config_id("a")));
    assert_eq!(apply(&mut progress, &desired), ["b"]);
}

#[test]
fn a_wave_applied_before_a_restart_is_still_waited_for() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let mut plan = making(&desired, &[]);
    plan.waves.remove(0);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert!(matches!(progress.next(&|_| Progressing), Step::Wait(_)));
    assert_eq!(apply(&mut progress, &desired), ["b"]);
}

#[test]
fn pods_of_a_rollout_that_is_over_go_whatever_is_the_matter_with_the_rest() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let plan = making(&desired, &[(0, "gone"), (0, "web-canary")]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(apply(&mut progress, &desired), ["a"]);
    let sick = |_: &ObjectId| Progressing;
    assert_eq!(progress.next(&sick), Step::Delete(vec![1]));
    progress.deleted(1, Ended::Well);
    assert!(matches!(progress.next(&sick), Step::Wait(_)));
    assert_eq!(progress.deletions_left()[0].id, config_id("gone"));

    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(names(&desired, progress.next(&all_fine)), ["a"]);
    assert!(
        matches!(progress.next(&all_fine), Step::Wait(_)),
        "the change under way may be what leads nobody there any more"
    );
    progress.applied(0, Ended::Badly);
    assert_eq!(progress.next(&all_fine), Step::Delete(vec![1]));
    progress.deleted(1, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Done);
}

#[test]
fn a_failure_stops_later_waves_and_deletions_but_not_its_own_wave() {
    let desired = ready(vec![
        in_wave("a", 0),
        object("apps/v1 Deployment", "d"),
        in_wave("b", 1),
    ]);
    let plan = making(&desired, &[(0, "gone")]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(names(&desired, progress.next(&all_fine)), ["a"]);
    progress.applied(0, Ended::Badly);
    assert_eq!(apply(&mut progress, &desired), ["d"]);
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.blocked(), [2]);
    assert_eq!(progress.deletions_left().len(), 1);
}

#[test]
fn a_held_object_stops_later_waves_and_deletions() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let mut plan = making(&desired, &[(0, "gone")]);
    plan.waves.remove(0);
    let (id, message) = (config_id("a"), String::new());
    plan.held.push(Held {
        id,
        reason: HoldReason::NotOwned,
        message,
    });
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.blocked(), [1]);
}

/// The plan's change of the object at `index`, with another action.
fn acting(plan: &mut Plan, index: usize, action: Action) {
    let changes = plan.waves.iter_mut().flat_map(|wave| &mut wave.changes);
    changes
        .filter(|change| change.index == index)
        .for_each(|change| change.action = action);
}

#[test]
fn drift_of_a_later_wave_is_put_right_whatever_waits_or_has_failed() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1), in_wave("c", 2)]);
    let mut plan = making(&desired, &[]);
    acting(&mut plan, 1, Action::Repair);
    acting(&mut plan, 2, Action::Restore);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(apply(&mut progress, &desired), ["b"]);
    assert_eq!(names(&desired, progress.next(&all_fine)), ["a"]);
    progress.applied(0, Ended::Badly);
    assert_eq!(apply(&mut progress, &desired), ["c"], "it stood before");
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.blocked(), [0; 0]);
}

#[test]
fn what_was_deleted_comes_back_in_order() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let mut plan = making(&desired, &[]);
    acting(&mut plan, 0, Action::Restore);
    acting(&mut plan, 1, Action::Restore);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(apply(&mut progress, &desired), ["a"]);
    assert!(matches!(progress.next(&|_| Progressing), Step::Wait(_)));
    assert_eq!(apply(&mut progress, &desired), ["b"]);
}

#[test]
fn a_wave_that_lacks_something_stops_later_ones() {
    let desired = ready(vec![in_wave("a", 0), in_wave("b", 1)]);
    let plan = making(&desired, &[(0, "gone")]);
    let progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    let mut progress = progress.lacking(Some(0));
    assert_eq!(apply(&mut progress, &desired), ["a"]);
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.blocked(), [1]);
    assert_eq!(progress.deletions_left().len(), 1);
}

fn custom() -> Vec<Desired> {
    let mut definition = object(
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        "widgets.example.com",
    );
    definition["spec"] =
        json!({"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget"}});
    let desired = ready(vec![
        definition,
        object("example.com/v1 Widget", "one"),
        object("apps/v1 Deployment", "web"),
    ]);
    let kinds: Vec<_> = desired
        .iter()
        .map(|object| object.id.kind.as_str())
        .collect();
    assert_eq!(kinds, ["CustomResourceDefinition", "Deployment", "Widget"]);
    desired
}

#[test]
fn custom_objects_wait_for_their_definition_and_hold_nobody_up() {
    let desired = custom();
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    let unestablished = |_: &ObjectId| Progressing;
    assert_eq!(progress.next(&unestablished), Step::Apply(vec![0]));
    progress.applied(0, Ended::Well);
    assert_eq!(progress.next(&unestablished), Step::Apply(vec![1]));
    progress.applied(1, Ended::Well);
    let Step::Wait(waiting) = progress.next(&unestablished) else {
        panic!("must wait")
    };
    assert_eq!(waiting[0].id, desired[0].id);
    assert_eq!(progress.next(&all_fine), Step::Apply(vec![2]));
}

#[test]
fn custom_objects_are_not_tried_when_their_definition_failed() {
    let desired = custom();
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(progress.next(&all_fine), Step::Apply(vec![0]));
    progress.applied(0, Ended::Badly);
    assert_eq!(progress.next(&all_fine), Step::Apply(vec![1]));
    progress.applied(1, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.blocked(), [2]);
}

#[test]
fn objects_wait_for_their_namespace() {
    let desired = ready(vec![object("v1 Namespace", "shop"), config("a", "1")]);
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    assert_eq!(progress.next(&|_| Missing), Step::Apply(vec![0]));
    assert!(
        matches!(progress.next(&|_| Missing), Step::Wait(_)),
        "its own answer is not there yet"
    );
    progress.applied(0, Ended::Well);
    assert!(matches!(progress.next(&|_| Missing), Step::Wait(_)));
    assert_eq!(progress.next(&all_fine), Step::Apply(vec![1]));
}

#[test]
fn deletions_come_last_and_step_by_step() {
    let desired = ready(vec![config("a", "1")]);
    let plan = making(&desired, &[(0, "x"), (0, "y"), (1, "z")]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    apply(&mut progress, &desired);
    assert!(
        matches!(progress.next(&|_| Progressing), Step::Wait(_)),
        "what runs may still need it"
    );
    assert_eq!(progress.next(&all_fine), Step::Delete(vec![0, 1]));
    progress.deleted(0, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Wait(vec![]));
    progress.deleted(1, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Delete(vec![2]));
    progress.deleted(2, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Done);
}

#[test]
fn deletions_need_not_wait_for_health_if_told_so() {
    let desired = ready(vec![config("a", "1")]);
    let plan = making(&desired, &[(0, "x")]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Applied);
    apply(&mut progress, &desired);
    assert_eq!(progress.next(&|_| Progressing), Step::Delete(vec![0]));
}

/// Deletions of these kinds and names, each in a step of its own, all of wave 0.
fn deleting(ids: &[(&str, &str)]) -> Plan {
    let mut plan = making(&[], &[]);
    for ((kind, name), step) in ids.iter().zip(0..) {
        let mut gone = making(&[], &[(step, name)]).prune.remove(0);
        let (group, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
        (gone.id.group, gone.id.kind) = (group.to_owned(), kind.to_owned());
        plan.prune.push(gone);
    }
    plan
}

/// The names of what is deleted although the first deletion ends badly.
fn goes_on(plan: &Plan) -> Vec<&str> {
    let mut progress = Progress::new(plan, &[], PruneGate::Healthy);
    let mut gone = Vec::new();
    loop {
        match progress.next(&all_fine) {
            Step::Delete(indices) => {
                for index in indices {
                    let bad = index == 0;
                    progress.deleted(index, if bad { Ended::Badly } else { Ended::Well });
                    gone.extend((!bad).then_some(plan.prune[index].id.name.as_str()));
                }
            }
            Step::Done => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        progress.deletions_left().len() + gone.len() + 1,
        plan.prune.len()
    );
    gone
}

#[test]
fn a_refused_deletion_holds_up_nobody_but_what_it_needs() {
    let plan = deleting(&[
        ("Service", "web"),
        ("ConfigMap", "a"),
        ("Namespace", "shop"),
        ("Namespace", "other"),
    ]);
    assert_eq!(
        goes_on(&plan),
        ["a", "other"],
        "it lives in the namespace shop"
    );
    let definition = "apiextensions.k8s.io/CustomResourceDefinition";
    let plan = deleting(&[
        ("example.com/Widget", "one"),
        (definition, "widgets.example.com"),
        (definition, "toys.other.com"),
    ]);
    assert_eq!(goes_on(&plan), ["toys.other.com"], "its definition stays");
    let mut plan = deleting(&[("Service", "web"), ("ConfigMap", "a"), ("ConfigMap", "b")]);
    (plan.prune[0].wave, plan.prune[1].wave) = (1, 1);
    assert_eq!(
        goes_on(&plan),
        ["a"],
        "git put the other into an earlier wave"
    );
}

#[test]
fn nothing_is_deleted_without_the_approval_it_needs() {
    let mut plan = making(&[], &[(0, "x"), (1, "y")]);
    plan.prune[0].waits = true;
    let mut progress = Progress::new(&plan, &[], PruneGate::Healthy);
    assert_eq!(progress.next(&all_fine), Step::Delete(vec![1]));
    progress.deleted(1, Ended::Well);
    assert_eq!(progress.next(&all_fine), Step::Done);
    assert_eq!(progress.deletions_left().len(), 1);
}

#[test]
fn hands_out_every_change_once_in_whatever_order_they_end() {
    let objects = (0..40).map(|n| in_wave(&format!("c{n:02}"), n % 4));
    let desired = ready(objects.collect());
    let plan = making(&desired, &[]);
    let mut progress = Progress::new(&plan, &desired, PruneGate::Healthy);
    let (mut seen, mut under_way) = (BTreeSet::new(), Vec::new());
    loop {
        match progress.next(&all_fine) {
            Step::Run(_) => panic!("there are no hooks"),
            Step::Apply(indices) => {
                for index in indices {
                    assert!(seen.insert(index), "{index} twice");
                    under_way.insert(index % (under_way.len() + 1), index);
                }
            }
            Step::Wait(_) => {
                progress.applied(under_way.pop().expect("waits for nothing"), Ended::Well);
            }
            Step::Done => break,
            other @ Step::Delete(_) => panic!("{other:?}"),
        }
    }
    assert_eq!(seen.len(), 40);
}
