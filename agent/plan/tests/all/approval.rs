//! What needs approval, and what an approval covers.

use plan::{
    diff::{
        Plan,
        approval::{Ask, Recreation, ask, grant, recreation_waits},
        remove, write_ahead,
    },
    inventory::Fate,
};
use serde_json::Value;

use crate::{
    diff::{World, many},
    sample::{HERE, config, config_id, object},
};

fn asked(world: &World) -> Option<Ask> {
    ask(&world.rules, world.inventory.len(), &world.plan(), &[])
}

fn waiting(plan: &Plan) -> usize {
    plan.prune.iter().filter(|gone| gone.waits).count()
}

fn beyond_the_budget() -> World {
    World::applied(many(20), many(13))
}

/// Enters the approval of everything that waits.
fn approve(world: &mut World) {
    let plan = world.plan();
    grant(&mut world.inventory, &plan, &[]);
}

#[test]
fn a_deletion_beyond_the_budget_waits_and_says_how_much_it_is() {
    let world = beyond_the_budget();
    assert_eq!(waiting(&world.plan()), 7, "it is one plan: all of it waits");
    let Ask {
        deletions, message, ..
    } = asked(&world).unwrap();
    assert_eq!(deletions.len(), 7);
    assert!(
        message.contains("7 of 20") && message.contains("the 6 that"),
        "{message}"
    );
}

#[test]
fn the_larger_of_both_budgets_counts() {
    let waits = |before, after| waiting(&World::applied(many(before), many(after)).plan());
    assert_eq!(waits(6, 1), 0, "5 of 6, but 5 are free");
    assert_eq!(waits(40, 28), 0, "12 of 40 are 30 %");
    assert_eq!(waits(40, 27), 13);
}

#[test]
fn precious_kinds_always_wait() {
    for precious in [
        "v1 Namespace",
        "v1 PersistentVolumeClaim",
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
    ] {
        let before = vec![config("a", "1"), object(precious, "x")];
        let world = World::applied(before, vec![config("a", "1")]);
        let message = asked(&world).unwrap().message;
        assert!(message.contains("/x"), "{message}");
    }
}

#[test]
fn the_digest_names_exactly_what_would_be_destroyed() {
    let digest = |world: &World| asked(world).unwrap().digest;
    let mut world = beyond_the_budget();
    let first = digest(&world);
    assert!(first.starts_with("sha256:") && first.len() == 71);
    assert_eq!(first, digest(&beyond_the_budget()));
    // What is changed or put back beside it needs no approval and makes none stale.
    world.live("c00").owned = None;
    assert_eq!(first, digest(&world));
    // One more deletion, another UID, another Environment: another plan.
    assert_ne!(first, digest(&World::applied(many(20), many(12))));
    let mut other = beyond_the_budget();
    other.live("c13").uid = "remade".into();
    other
        .inventory
        .decide(&config_id("c13"), Some("remade"), Fate::Release);
    other.inventory.wanted(&config_id("c13"), "");
    assert_ne!(first, digest(&other));
    let mut other = beyond_the_budget();
    other.rules.environment = "shop.other";
    for live in other.live.values_mut() {
        live.environment = Some("shop.other".into());
    }
    assert_ne!(first, digest(&other));
}

#[test]
fn an_approval_outlives_everything_but_another_wish_of_git() {
    let mut world = beyond_the_budget();
    approve(&mut world);
    assert_eq!((waiting(&world.plan()), asked(&world)), (0, None));
    // Three of them are gone when the agent dies; the others go on.
    for name in ["c13", "c14", "c15"] {
        world.live.remove(&config_id(name));
        world.inventory.confirmed_gone(&config_id(name));
    }
    assert_eq!((waiting(&world.plan()), world.plan().prune.len()), (0, 4));
    // Git takes one back and drops it again: that is a new wish.
    let plan = World::applied(many(20), many(20));
    write_ahead(&mut world.inventory, &plan.desired, &Plan::default());
    world.live("c00").deleting = false;
    assert_eq!(world.plan().prune.len(), 4);
    assert_eq!(waiting(&world.plan()), 0, "4 are within the budget");
    world.rules.budget.objects = 0;
    world.rules.budget.percent = 0;
    assert_eq!(waiting(&world.plan()), 4);
}

#[test]
fn an_approval_never_covers_more_than_was_seen() {
    let mut world = beyond_the_budget();
    approve(&mut world);
    world
        .desired
        .retain(|object| object.id.name.as_str() > "c09");
    let plan = world.plan();
    assert_eq!((plan.prune.len(), waiting(&plan)), (17, 10));
    assert_eq!(asked(&world).unwrap().deletions.len(), 10);
}

#[test]
fn what_was_allowed_once_costs_no_budget_again() {
    let mut world = World::applied(many(20), many(14));
    let plan = world.plan();
    assert_eq!(waiting(&plan), 0);
    write_ahead(&mut world.inventory, &world.desired, &plan);
    // All six were refused. Two more are within the budget still.
    world.desired.truncate(12);
    let plan = world.plan();
    assert_eq!((plan.prune.len(), waiting(&plan)), (8, 0));
}

#[test]
fn what_is_being_deleted_costs_no_budget() {
    let mut world = World::applied(many(20), many(10));
    for number in 10..15 {
        world.live(&format!("c{number:02}")).deleting = true;
    }
    let plan = world.plan();
    assert_eq!((plan.prune.len(), waiting(&plan)), (10, 0));
}

#[test]
fn making_anew_waits_unless_git_brings_everything_back() {
    for (kind, waits) in [
        ("apps/v1 StatefulSet", true),
        ("apps/v1 Deployment", true),
        ("v1 PersistentVolumeClaim", true),
        ("v1 Service", true),
        ("example.com/v1 Widget", true),
        ("batch/v1 Job", false),
        ("v1 ConfigMap", false),
        ("rbac.authorization.k8s.io/v1 RoleBinding", false),
    ] {
        let (version, kind) = kind.split_once(' ').unwrap();
        let mut id = config_id("x");
        id.group = version
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
            .to_owned();
        id.kind = kind.to_owned();
        assert_eq!(recreation_waits(&id), waits, "{id}");
    }
}

#[test]
fn making_anew_is_approved_for_one_object_and_one_content() {
    let mut world = World::settled(many(1));
    let anew = Recreation {
        id: config_id("c00"),
        uid: "uid-c00".into(),
        digest: "new".to_owned(),
    };
    let asked = |anew: &Recreation| {
        let all = std::slice::from_ref(anew);
        ask(&world.rules, 1, &world.plan(), all).unwrap()
    };
    let Ask {
        digest, message, ..
    } = asked(&anew);
    assert!(
        message.contains("make anew ConfigMap/shop/c00"),
        "{message}"
    );
    for other in [
        Recreation {
            uid: "other".into(),
            ..anew.clone()
        },
        Recreation {
            digest: "other".to_owned(),
            ..anew.clone()
        },
    ] {
        assert_ne!(digest, asked(&other).digest);
    }
    let plan = world.plan();
    grant(&mut world.inventory, &plan, std::slice::from_ref(&anew));
    let fate = |world: &World| world.inventory.get(&anew.id).unwrap().fate.clone();
    assert_eq!(fate(&world), Some(Fate::Recreate("new".to_owned())));
    world.inventory.wanted(&anew.id, "new");
    assert!(fate(&world).is_some());
    world.inventory.wanted(&anew.id, "newer");
    assert_eq!(fate(&world), None, "git wants something else now");
}

fn everything() -> Vec<Value> {
    let mut all = many(12);
    all.push(object("v1 PersistentVolumeClaim", "data"));
    all.push(object("v1 Namespace", "shop"));
    all
}

#[test]
fn deleting_an_environment_deletes_all_but_what_takes_data_along() {
    let mut world = World::settled(everything());
    let removal = |world: &World| remove(&world.inventory, world, HERE, false);
    let plan = removal(&world);
    assert_eq!((plan.prune.len(), waiting(&plan)), (14, 2));
    let asked = ask(&world.rules, 14, &plan, &[]).unwrap();
    assert!(
        asked.message.contains("PersistentVolumeClaim/shop/data"),
        "{}",
        asked.message
    );
    grant(&mut world.inventory, &plan, &[]);
    assert_eq!(waiting(&removal(&world)), 0);
    world.inventory.set_keep(&config_id("c00"), true);
    let plan = removal(&world);
    assert_eq!((plan.prune.len(), plan.released.len()), (13, 1));
}

#[test]
fn an_orphaning_environment_deletes_nothing_and_touches_only_its_own() {
    let mut world = World::settled(everything());
    world.live("c00").environment = Some("shop.other".into());
    world.live("c01").uid = "remade".into();
    world.live.remove(&config_id("c02"));
    let plan = remove(&world.inventory, &world, HERE, true);
    assert_eq!(
        (plan.prune.len(), plan.released.len(), plan.dropped.len()),
        (0, 11, 3)
    );
}
