//! What is judged alone is judged as if it were judged with everything else.

use std::collections::{BTreeMap, BTreeSet};

use krm::ObjectId;
use plan::{
    desired::{Desired, words},
    diff::{
        Action, DriftRule, Plan, PlanInput,
        part::{part, suffices},
        plan, write_ahead,
    },
    health::HealthStatus,
    inventory::Fate,
    live::LiveFacts,
    waves::{Ended, Progress, PruneGate, Step},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    diff::World,
    sample::{annotated, config, config_id, desires, object, ready},
};

/// Objects of the laws.
const MANY: usize = 6;

/// What somebody does to an object.
#[derive(Clone, Copy, Debug)]
enum Hand {
    Edit,
    Unlabel,
    Delete,
    Replace,
    MoveAway,
    BeginDeletion,
    Nothing,
}

fn name(number: usize) -> String {
    format!("c{number}")
}

/// ConfigMaps in these waves.
fn objects(waves: &[i32]) -> Vec<Value> {
    let of = |(number, wave): (usize, &i32)| {
        annotated(config(&name(number), "1"), words::WAVE, &wave.to_string())
    };
    waves.iter().enumerate().map(of).collect()
}

fn by(hand: Hand, live: &mut BTreeMap<ObjectId, LiveFacts>, id: &ObjectId) {
    let Some(facts) = live.get_mut(id) else {
        return;
    };
    match hand {
        Hand::Edit => facts.owned = None,
        Hand::Unlabel => (facts.environment, facts.owned) = (None, None),
        Hand::Delete => drop(live.remove(id)),
        Hand::Replace => facts.uid = "another".into(),
        Hand::MoveAway => facts.environment = Some("shop.other".into()),
        Hand::BeginDeletion => facts.deleting = true,
        Hand::Nothing => {}
    }
}

/// The plan of `ids` alone, if that is enough.
fn alone(
    world: &World,
    ids: &BTreeSet<ObjectId>,
    desired: &[Desired],
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> Option<Plan> {
    let part = part(&world.inventory, ids)?;
    let input = PlanInput {
        desired,
        complete: false,
        inventory: &part,
        live: world,
        rules: world.rules,
    };
    let plan = plan(&input);
    suffices(&plan, (desired, &part), &world.inventory, health).then_some(plan)
}

/// What is wanted of `ids`, made ready without the others.
fn wanted(objects: &[Value], ids: &BTreeSet<ObjectId>) -> Vec<Desired> {
    let mut some = ready(objects.to_vec());
    some.retain(|object| ids.contains(&object.id));
    let whole = some.iter().map(|object| object.whole().clone()).collect();
    let again = desires(whole);
    assert_eq!(again.refused, []);
    again.objects
}

/// What a plan does, by id.
fn done(plan: &Plan, desired: &[Desired]) -> BTreeMap<ObjectId, (Action, bool)> {
    let of = |change: &plan::diff::Change| {
        let id = desired[change.index].id.clone();
        (id, (change.action, change.force))
    };
    plan.changes().map(of).collect()
}

/// What somebody changed, by id, and whether it is gone.
fn drifted(plan: &Plan, desired: &[Desired]) -> BTreeMap<ObjectId, bool> {
    let of = |it: &plan::diff::Drifted| (desired[it.index].id.clone(), it.deleted);
    plan.drifted.iter().map(of).collect()
}

/// What is done in which order without waiting for anything.
fn steps(
    plan: &Plan,
    desired: &[Desired],
    health: &dyn Fn(&ObjectId) -> HealthStatus,
) -> Vec<BTreeSet<ObjectId>> {
    let mut progress = Progress::new(plan, desired, PruneGate::Healthy);
    let mut steps = Vec::new();
    while let Step::Apply(all) = progress.next(health) {
        for place in &all {
            progress.applied(*place, Ended::Well);
        }
        steps.push(all.iter().map(|place| desired[*place].id.clone()).collect());
    }
    steps
}

fn hand() -> impl Strategy<Value = Hand> {
    prop_oneof![
        4 => Just(Hand::Edit),
        2 => Just(Hand::Unlabel),
        2 => Just(Hand::Delete),
        1 => Just(Hand::Replace),
        1 => Just(Hand::MoveAway),
        1 => Just(Hand::BeginDeletion),
        8 => Just(Hand::Nothing),
    ]
}

proptest! {
    #[test]
    fn what_suffices_does_the_same_as_everything(
        waves in prop::collection::vec(-1..2_i32, MANY),
        hands in prop::collection::vec(hand(), MANY),
        sick in prop::collection::vec(prop::bool::weighted(0.1), MANY),
        // Where drift is only told, what was told before still stands beside what is new.
        told in prop::option::of(prop::collection::vec(prop::bool::ANY, MANY)),
    ) {
        let objects = objects(&waves);
        let mut world = World::settled(objects.clone());
        world.rules.drift = match told {
            Some(_) => DriftRule::Report,
            None => DriftRule::Repair,
        };
        for (number, hand) in hands.iter().enumerate() {
            by(*hand, &mut world.live, &config_id(&name(number)));
        }
        let touched = hands.iter().enumerate();
        let touched = touched.filter(|(_, hand)| !matches!(hand, Hand::Nothing));
        let (before, now): (Vec<_>, Vec<_>) =
            touched.partition(|(number, _)| told.as_ref().is_some_and(|told| told[*number]));
        let is_held = |(_, hand): &(usize, &Hand)| matches!(hand, Hand::MoveAway | Hand::BeginDeletion);
        prop_assume!(!before.iter().any(is_held));
        let of = |all: Vec<(usize, &Hand)>| -> BTreeSet<ObjectId> {
            all.into_iter().map(|(number, _)| config_id(&name(number))).collect()
        };
        let (before, ids) = (of(before), of(now));
        let health = |id: &ObjectId| {
            let is_sick = sick.iter().enumerate().any(|(number, sick)| *sick && *id == config_id(&name(number)));
            match (world.live.contains_key(id), is_sick) {
                (false, _) => HealthStatus::Missing,
                (true, true) => HealthStatus::Progressing,
                (true, false) => HealthStatus::Healthy,
            }
        };
        let wanted = wanted(&objects, &ids);
        let whole = world.plan();
        let Some(part) = alone(&world, &ids, &wanted, &health) else {
            return Ok(());
        };
        prop_assert!(whole.prune.is_empty() && whole.held.is_empty() && whole.dropped.is_empty());
        prop_assert_eq!(done(&part, &wanted), done(&whole, &world.desired));
        let mut all_drifted = drifted(&whole, &world.desired);
        all_drifted.retain(|id, _| !before.contains(id));
        prop_assert_eq!(drifted(&part, &wanted), all_drifted);
        let begun = steps(&part, &wanted, &health);
        prop_assert_eq!(&begun, &steps(&whole, &world.desired, &health));
        let all: usize = begun.iter().map(BTreeSet::len).sum();
        prop_assert_eq!(all, part.changes().count(), "nothing of it waits");
        let (mut alone, mut with_all) = (world.inventory.clone(), world.inventory.clone());
        write_ahead(&mut alone, &wanted, &part);
        write_ahead(&mut with_all, &world.desired, &whole);
        prop_assert_eq!(alone, with_all);
    }
}

/// The world of two objects of which the first was edited, and its plan alone.
fn edited(change: impl FnOnce(&mut World)) -> Option<Plan> {
    let objects = vec![config("a", "1"), config("b", "1")];
    let mut world = World::settled(objects.clone());
    world.live("a").owned = None;
    change(&mut world);
    let ids = BTreeSet::from([config_id("a")]);
    alone(&world, &ids, &wanted(&objects, &ids), &|_| {
        HealthStatus::Healthy
    })
}

#[test]
fn an_edit_is_put_right_alone() {
    let plan = edited(|_| {}).expect("a plan");
    let actions: Vec<_> = plan.changes().map(|change| change.action).collect();
    assert_eq!(actions, [Action::Repair]);
}

#[test]
fn what_was_applied_otherwise_is_judged_with_everything() {
    let entry = |world: &World| world.inventory.get(&config_id("a")).unwrap().clone();
    let none = edited(|world| {
        let other = plan::inventory::Entry {
            applied: Some("another".into()),
            ..entry(world)
        };
        world.inventory.applied(&config_id("a"), other);
    });
    assert!(
        none.is_none(),
        "git asked for something else when it was applied"
    );
    let none = edited(|world| {
        let other = plan::inventory::Entry {
            wave: 3,
            ..entry(world)
        };
        world.inventory.applied(&config_id("a"), other);
    });
    assert!(none.is_none(), "it was applied in another wave");
    let none = edited(|world| {
        let uid = entry(world).uid.map(|uid| uid.to_string());
        let id = config_id("a");
        world.inventory.decide(&id, uid.as_deref(), Fate::Delete);
    });
    assert!(none.is_none(), "somebody has decided about it");
    let none = edited(|world| drop(world.inventory.confirmed_gone(&config_id("a"))));
    assert!(none.is_none(), "the inventory does not know it");
    let none = edited(|world| world.live("a").environment = Some("shop.other".into()));
    assert!(none.is_none(), "another Environment has it");
}

#[test]
fn what_others_live_in_is_judged_with_everything() {
    let world = World::settled(vec![object("v1 Namespace", "shop"), config("a", "1")]);
    let namespace = world.desired[0].id.clone();
    assert_eq!(namespace.kind, "Namespace");
    assert!(part(&world.inventory, &BTreeSet::from([namespace])).is_none());
}

#[test]
fn what_was_deleted_waits_for_what_comes_before_it() {
    let before = annotated(config("a", "1"), words::WAVE, "-1");
    let objects = vec![before, config("b", "1")];
    let mut world = World::settled(objects.clone());
    world.live.remove(&config_id("b"));
    let ids = BTreeSet::from([config_id("b")]);
    let wanted = wanted(&objects, &ids);
    let all = |status| move |_: &ObjectId| status;
    let judged = |status| alone(&world, &ids, &wanted, &all(status));
    assert!(judged(HealthStatus::Healthy).is_some());
    assert!(judged(HealthStatus::Progressing).is_none());
}

#[test]
fn where_drift_is_only_told_an_edit_is_told_alone() {
    let report = |world: &mut World| world.rules.drift = DriftRule::Report;
    let plan = edited(report).expect("a plan");
    assert_eq!(plan.changes().count(), 0);
    assert_eq!(plan.drifted.len(), 1);
}
