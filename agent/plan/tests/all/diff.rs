//! Plans, rule by rule.

use std::collections::{BTreeMap, BTreeSet};

use krm::{Gvk, ObjectId};
use plan::{
    desired::{Desired, words},
    diff::{
        Action, AdoptRule, Budget, DriftRule, DropReason, HoldReason, Plan, PlanInput, PruneHold,
        ReleaseReason, Rules, plan, unseen, write_ahead,
    },
    inventory::{Entry, Fate, Inventory, Ownership},
    live::{LiveFacts, LiveView},
};
use serde_json::{Value, json};

use crate::sample::{HERE, annotated, config, config_id, object, ready};

/// What a plan is made from, with the usual answers filled in.
pub(crate) struct World {
    pub(crate) desired: Vec<Desired>,
    pub(crate) inventory: Inventory,
    pub(crate) live: BTreeMap<ObjectId, LiveFacts>,
    unsynced: BTreeSet<String>,
    claims: BTreeMap<ObjectId, String>,
    complete: bool,
    pub(crate) rules: Rules<'static>,
}

impl LiveView for World {
    fn get(&self, id: &ObjectId) -> Option<&LiveFacts> {
        self.live.get(id)
    }

    fn synced(&self, gvk: &Gvk) -> bool {
        !self.unsynced.contains(&gvk.kind)
    }

    fn claimed(&self, id: &ObjectId) -> Option<&str> {
        self.claims.get(id).map(String::as_str)
    }
}

impl World {
    /// Git asks for these and nothing is there.
    fn new(objects: Vec<Value>) -> Self {
        Self {
            desired: ready(objects),
            inventory: Inventory::default(),
            live: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            claims: BTreeMap::new(),
            complete: true,
            rules: Rules {
                environment: HERE,
                prune: true,
                budget: Budget {
                    objects: 5,
                    percent: 30,
                },
                adopt: AdoptRule::Never,
                drift: DriftRule::Repair,
            },
        }
    }

    /// Git asked for `before`, all of which was applied, and now asks for `after`.
    pub(crate) fn applied(before: Vec<Value>, after: Vec<Value>) -> Self {
        let mut world = Self::new(after);
        for object in ready(before) {
            let owned = ownership("first");
            let entry = Entry {
                temporary: false,
                disturbance: false,
                version: object.gvk.version.as_str().into(),
                uid: Some(format!("uid-{}", object.id.name).into()),
                applied: Some(object.digest.as_str().into()),
                owned: Some(owned.clone()),
                wave: object.wave.wave,
                keep: object.keep,
                fate: None,
                hook: None,
            };
            let facts = LiveFacts {
                uid: format!("uid-{}", object.id.name).into(),
                environment: Some(HERE.into()),
                owned: Some(owned),
                ..LiveFacts::default()
            };
            world.inventory.applied(&object.id, entry);
            world.live.insert(object.id, facts);
        }
        world
    }

    /// Nothing has changed in git.
    pub(crate) fn settled(objects: Vec<Value>) -> Self {
        Self::applied(objects.clone(), objects)
    }

    pub(crate) fn live(&mut self, name: &str) -> &mut LiveFacts {
        self.live
            .get_mut(&config_id(name))
            .expect("a live object of that name")
    }

    fn input(&self) -> PlanInput<'_> {
        PlanInput {
            desired: &self.desired,
            complete: self.complete,
            inventory: &self.inventory,
            live: self,
            rules: self.rules,
        }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.input())
    }

    fn action(&self) -> Option<(Action, bool)> {
        let plan = self.plan();
        let change = plan.changes().next();
        change.map(|change| (change.action, change.force))
    }
}

fn ownership(digest: &str) -> Ownership {
    Ownership {
        digest: digest.into(),
        time: Some("2026-01-01T00:00:00Z".into()),
    }
}

pub(crate) fn many(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| config(&format!("c{number:02}"), "1"))
        .collect()
}

#[test]
fn creates_what_is_not_there_without_force() {
    assert_eq!(World::new(many(1)).action(), Some((Action::Create, false)));
}

#[test]
fn leaves_alone_what_is_as_it_was_applied() {
    let plan = World::settled(many(3)).plan();
    assert!(plan.is_empty() && plan.held.is_empty() && plan.drifted.is_empty());
    assert_eq!(plan.unchanged, 3);
}

#[test]
fn updates_what_git_changed() {
    let world = World::applied(vec![config("a", "1")], vec![config("a", "2")]);
    assert_eq!(world.action(), Some((Action::Update, true)));
    assert!(world.plan().drifted.is_empty());
}

#[test]
fn repairs_when_fields_time_or_label_have_moved() {
    let acts: [fn(&mut LiveFacts); 4] = [
        |live| live.owned = Some(ownership("second")),
        |live| live.owned.as_mut().unwrap().time = Some("later".into()),
        |live| live.owned = None,
        |live| (live.environment, live.owned) = (None, Some(ownership("second"))),
    ];
    for act in acts {
        let mut world = World::settled(many(1));
        act(world.live("c00"));
        assert_eq!(world.action(), Some((Action::Repair, true)));
        assert_eq!(world.plan().drifted.len(), 1);
        world.rules.drift = DriftRule::Report;
        let plan = world.plan();
        assert_eq!((plan.waves.len(), plan.drifted.len()), (0, 1));
    }
}

#[test]
fn restores_what_was_deleted_by_hand() {
    let mut world = World::settled(many(1));
    world.live.clear();
    assert_eq!(world.action(), Some((Action::Restore, false)));
    assert!(world.plan().drifted[0].deleted);
    world.rules.drift = DriftRule::Report;
    assert_eq!(world.action(), None);
    assert!(world.plan().drifted[0].deleted);
}

#[test]
fn git_changes_go_on_where_drift_is_only_reported() {
    let mut world = World::applied(vec![config("a", "1")], vec![config("a", "2")]);
    world.rules.drift = DriftRule::Report;
    assert_eq!(world.action(), Some((Action::Update, true)));
}

#[test]
fn takes_over_only_what_it_may() {
    let stranger = |label: Option<&str>, tool: Option<&str>| LiveFacts {
        uid: "theirs".into(),
        environment: label.map(Into::into),
        other_tool: tool.map(str::to_owned),
        ..LiveFacts::default()
    };
    // Applied by us once, and without a label: some Environment has let it go.
    let released = || LiveFacts {
        owned: Some(ownership("theirs")),
        ..stranger(None, None)
    };
    let (no, may) = (AdoptRule::Never, AdoptRule::Unowned);
    let cases = [
        (stranger(None, None), false, no, Err(HoldReason::NotOwned)),
        (stranger(None, None), false, may, Ok(Action::Adopt)),
        (stranger(None, None), true, no, Ok(Action::Adopt)),
        (
            stranger(None, Some("Flux")),
            false,
            may,
            Err(HoldReason::OtherTool),
        ),
        (stranger(None, Some("Flux")), true, no, Ok(Action::Adopt)),
        (
            stranger(Some("shop.other"), None),
            true,
            may,
            Err(HoldReason::OtherEnvironment),
        ),
        (stranger(Some(HERE), None), false, no, Ok(Action::Adopt)),
        (released(), false, no, Ok(Action::Adopt)),
    ];
    for (live, says, rule, wanted) in cases {
        let object = match says {
            true => annotated(config("a", "1"), words::ADOPT, "allowed"),
            false => config("a", "1"),
        };
        let mut world = World::new(vec![object]);
        world.rules.adopt = rule;
        world.live.insert(config_id("a"), live.clone());
        let plan = world.plan();
        let held = plan.held.first().map(|held| held.reason);
        match wanted {
            Ok(action) => assert_eq!(
                (world.action(), held),
                (Some((action, true)), None),
                "{live:?}"
            ),
            Err(reason) => assert_eq!((world.action(), held), (None, Some(reason)), "{live:?}"),
        }
        let told = plan.held.first().map_or("", |held| &held.message);
        let label = live.environment.as_ref().map(ToString::to_string);
        let names = live.other_tool.iter().chain(label.iter());
        assert!(
            held.is_none() || names.clone().all(|name| told.contains(name.as_str())),
            "{told}"
        );
    }
}

#[test]
fn another_object_of_the_name_is_not_ours() {
    let mut world = World::settled(many(1));
    *world.live("c00") = LiveFacts {
        uid: "new".into(),
        ..LiveFacts::default()
    };
    assert_eq!(world.plan().held[0].reason, HoldReason::NotOwned);
    world.live("c00").environment = Some(HERE.into());
    assert_eq!(world.action(), Some((Action::Restore, true)));
}

#[test]
fn waits_for_what_is_being_deleted() {
    let mut world = World::settled(many(1));
    world.live("c00").deleting = true;
    assert_eq!(
        (world.action(), world.plan().held[0].reason),
        (None, HoldReason::Deleting)
    );
}

#[test]
fn a_create_that_was_never_confirmed_is_taken_up_again() {
    let mut world = World::new(many(1));
    let plan = world.plan();
    write_ahead(&mut world.inventory, &world.desired, &plan);
    let live = LiveFacts {
        uid: "u".into(),
        environment: Some(HERE.into()),
        ..LiveFacts::default()
    };
    world.live.insert(config_id("c00"), live);
    assert_eq!(world.action(), Some((Action::Update, true)));
    assert!(world.plan().drifted.is_empty());
}

#[test]
fn frozen_objects_are_left_alone_and_kept() {
    let frozen = annotated(config("a", "2"), words::RECONCILE, "disabled");
    let mut world = World::applied(vec![config("a", "1")], vec![frozen]);
    world.live("a").owned = None;
    let plan = world.plan();
    assert!(plan.is_empty() && plan.drifted.is_empty());
    assert_eq!(plan.frozen, 1);
    write_ahead(&mut world.inventory, &world.desired, &plan);
    assert!(
        world.inventory.get(&config_id("a")).unwrap().keep,
        "must survive its leaving git"
    );
}

#[test]
fn deletes_what_left_git_with_its_uid() {
    let world = World::applied(many(2), many(1));
    let plan = world.plan();
    assert_eq!(plan.prune.len(), 1);
    assert_eq!(
        (&plan.prune[0].id, plan.prune[0].uid.as_deref()),
        (&config_id("c01"), Some("uid-c01"))
    );
    assert!(!plan.prune[0].waits);
}

#[test]
fn deletes_only_the_recorded_uid_of_what_no_watch_shows() {
    let mut world = World::applied(many(2), many(1));
    world.live.remove(&config_id("c01"));
    let uid = world.plan().prune[0].uid.clone();
    assert_eq!(uid.as_deref(), Some("uid-c01"));
}

#[test]
fn never_deletes_by_label() {
    let mut world = World::settled(many(1));
    let bystander = world.live("c00").clone();
    world.live.insert(config_id("copied"), bystander);
    assert!(world.plan().is_empty());
}

#[test]
fn what_a_rollout_made_goes_although_nothing_is_pruned() {
    let mut world = World::applied(many(3), many(1));
    world.rules.prune = false;
    world
        .inventory
        .set_temporary(&config_id("c02"), true, false);
    let names =
        |plan: Plan| -> Vec<_> { plan.prune.into_iter().map(|gone| gone.id.name).collect() };
    assert_eq!(names(world.plan()), ["c02"]);
    world.complete = false;
    assert!(names(world.plan()).is_empty());
}

#[test]
fn disturbances_are_no_business_of_the_plan() {
    let mut world = World::applied(many(2), many(1));
    world.inventory.set_temporary(&config_id("c01"), true, true);
    assert!(world.plan().prune.is_empty());
    let all: Vec<_> = world
        .inventory
        .disturbances()
        .map(|(id, _)| id.name.clone())
        .collect();
    assert_eq!(all, ["c01"]);
}

#[test]
fn deletes_nothing_when_it_may_not_or_cannot_know() {
    let mut world = World::applied(many(2), many(1));
    world.complete = false;
    assert_eq!(world.plan().prune_hold, Some(PruneHold::Incomplete));
    world.complete = true;
    world.rules.prune = false;
    assert_eq!(world.plan().prune_hold, Some(PruneHold::Disabled));
    world.rules.prune = true;
    world.desired.clear();
    assert_eq!(world.plan().prune_hold, Some(PruneHold::EmptyRender));
    assert!(world.plan().prune.is_empty() && world.plan().dropped.is_empty());
    let mut world = World::applied(many(2), many(1));
    world.unsynced.insert("ConfigMap".to_owned());
    assert!(world.plan().prune.is_empty());
    assert_eq!(world.plan().held[0].reason, HoldReason::Unsynced);
}

/// What happens to an object that has left git, and why it is then let go.
type Case = (fn(&mut World), DropReason);

#[test]
fn lets_go_instead_of_deleting_what_is_not_its_own_any_more() {
    let cases: [Case; 5] = [
        (
            |world| world.live("c01").environment = Some("shop.other".into()),
            DropReason::Moved {
                environment: "shop.other".to_owned(),
            },
        ),
        (
            |world| world.live("c01").uid = "another".into(),
            DropReason::Replaced,
        ),
        (
            |world| {
                world.inventory.set_keep(&config_id("c01"), true);
                world.live("c01").environment = None;
            },
            DropReason::Kept,
        ),
        (
            |world| {
                let id = config_id("c01");
                world.inventory.decide(&id, Some("uid-c01"), Fate::Release);
                world.live("c01").environment = None;
            },
            DropReason::Kept,
        ),
        (
            |world| {
                world
                    .inventory
                    .expect_new(&config_id("c01"), "v1", 0, false);
                *world.live("c01") = LiveFacts {
                    uid: "theirs".into(),
                    ..LiveFacts::default()
                };
            },
            DropReason::NeverOurs,
        ),
    ];
    for (act, reason) in cases {
        let mut world = World::applied(many(2), many(1));
        act(&mut world);
        let plan = world.plan();
        assert_eq!((plan.prune.len(), &plan.dropped[0].reason), (0, &reason));
    }
}

#[test]
fn deletes_an_unconfirmed_object_that_carries_our_label_or_our_fields() {
    let mut world = World::applied(many(2), many(1));
    world
        .inventory
        .expect_new(&config_id("c01"), "v1", 0, false);
    assert_eq!(world.plan().prune[0].uid.as_deref(), Some("uid-c01"));
    // Somebody took the label off before we came back.
    world.live("c01").environment = None;
    assert_eq!(world.plan().prune[0].uid.as_deref(), Some("uid-c01"));
    world.live.remove(&config_id("c01"));
    assert_eq!(world.plan().prune[0].uid, None, "read it first");
}

/// What happens to an object that has left git, and why its label is then taken off.
type LetGo = (fn(&mut World), ReleaseReason);

#[test]
fn what_is_kept_or_claimed_is_let_go_with_its_uid() {
    let claimed = |environment: &str| ReleaseReason::Claimed {
        environment: environment.to_owned(),
    };
    let acts: [LetGo; 3] = [
        (
            |world| world.inventory.set_keep(&config_id("c01"), true),
            ReleaseReason::Kept,
        ),
        (
            |world| {
                let other = "shop.other".to_owned();
                world.claims.insert(config_id("c01"), other);
            },
            claimed("shop.other"),
        ),
        (
            |world| {
                let id = config_id("c01");
                world.inventory.decide(&id, Some("uid-c01"), Fate::Release);
            },
            ReleaseReason::Decided,
        ),
    ];
    for (act, reason) in acts {
        let mut world = World::applied(many(2), many(1));
        act(&mut world);
        let plan = world.plan();
        assert!(plan.prune.is_empty() && plan.dropped.is_empty());
        let release = &plan.released[0];
        assert_eq!((&release.reason, &*release.uid), (&reason, "uid-c01"));
        write_ahead(&mut world.inventory, &world.desired, &plan);
        let fate = world.inventory.get(&config_id("c01")).unwrap().fate.clone();
        assert_eq!(
            fate,
            Some(Fate::Release),
            "a crash must not turn it into a deletion"
        );
    }
}

#[test]
fn what_git_still_asks_for_is_let_go_for_nobody() {
    let mut world = World::settled(many(1));
    let other = "shop.other".to_owned();
    world.claims.insert(config_id("c00"), other.clone());
    assert!(world.plan().is_empty());
    // Without pruning an object that left git is handed over all the same.
    let mut world = World::applied(many(2), many(1));
    world.rules.prune = false;
    assert!(world.plan().released.is_empty());
    world.claims.insert(config_id("c01"), other);
    assert_eq!(world.plan().released.len(), 1);
    // An empty or broken render concludes nothing.
    world.complete = false;
    world.rules.prune = true;
    assert!(world.plan().released.is_empty());
}

#[test]
fn deletes_against_the_order_of_applying() {
    let mut definition = object(
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        "widgets.example.com",
    );
    definition["spec"] =
        json!({"group": "example.com", "scope": "Cluster", "names": {"kind": "Widget"}});
    let before = vec![
        config("stays", "1"),
        annotated(object("v1 Namespace", "shop"), words::WAVE, "3"),
        definition,
        object("example.com/v1 Widget", "one"),
        config("a", "1"),
        object("apps/v1 Deployment", "web"),
        object("networking.k8s.io/v1 Ingress", "web"),
        annotated(object("v1 Service", "late"), words::WAVE, "1"),
    ];
    let plan = World::applied(before, vec![config("stays", "1")]).plan();
    let order: Vec<_> = plan
        .prune
        .iter()
        .map(|gone| (gone.step, gone.id.to_string()))
        .collect();
    let wanted = [
        (0, "Service/shop/late"),
        (1, "Ingress/shop/web"),
        (2, "Deployment/shop/web"),
        (2, "Widget/one"),
        (3, "ConfigMap/shop/a"),
        (4, "CustomResourceDefinition/widgets.example.com"),
        (5, "Namespace/shop"),
    ];
    assert_eq!(order, wanted.map(|(step, id)| (step, id.to_owned())));
}

#[test]
fn asks_to_read_what_no_watch_shows() {
    let mut world = World::applied(many(3), many(2));
    world.live.remove(&config_id("c00"));
    world.live.remove(&config_id("c02"));
    assert_eq!(
        unseen(&world.input()),
        [&config_id("c00"), &config_id("c02")]
    );
}
