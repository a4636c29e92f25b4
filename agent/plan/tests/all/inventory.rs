//! Inventories: shards, and how ids are written.

use krm::ObjectId;
use plan::{
    inventory::{Entry, HookRun, Inventory, SHARD_ENTRIES, Shard, key, parse},
    point::Point,
};
use proptest::prelude::*;

use crate::sample::config_id;

fn entry(uid: &str) -> Entry {
    Entry {
        version: "v1".into(),
        uid: Some(uid.into()),
        ..Entry::default()
    }
}

fn filled(count: usize) -> Inventory {
    let mut inventory = Inventory::default();
    for number in 0..count {
        inventory.applied(&config_id(&format!("c{number}")), entry("u"));
    }
    for shard in inventory.dirty() {
        inventory.stored(shard);
    }
    inventory
}

fn reread(inventory: &Inventory) -> Inventory {
    let shards = 0..u32::try_from(inventory.shards()).expect("few shards");
    Inventory::from_shards(shards.map(|number| inventory.shard(number)))
}

#[test]
fn a_small_change_dirties_one_shard() {
    let mut inventory = filled(2 * SHARD_ENTRIES + 10);
    assert_eq!((inventory.shards(), inventory.dirty()), (3, vec![]));
    let second = config_id(&format!("c{}", SHARD_ENTRIES * 3 / 2));
    inventory.applied(&second, entry("other"));
    assert_eq!(inventory.dirty(), [1]);
    inventory.stored(1);
    inventory.applied(&second, entry("other"));
    assert!(inventory.dirty().is_empty(), "nothing changed");
}

#[test]
fn what_becomes_of_a_job_for_a_number_is_written_with_what_comes_next() {
    let mut inventory = filled(1);
    let job = config_id("smoke-1");
    let run = HookRun {
        hook: "smoke".to_owned(),
        point: Point::Sample,
        release: "production-1#1/1/smoke".to_owned(),
        ended: None,
        span: None,
    };
    inventory.expect_run(&job, "v1", 0, run.clone());
    assert_eq!(inventory.dirty(), [0], "it enters ahead");
    inventory.stored(0);
    let made = Entry {
        hook: Some(Box::new(run.clone())),
        ..entry("uid")
    };
    inventory.applied(&job, made);
    inventory.ended(&job, true);
    inventory.confirmed_gone(&job);
    assert!(inventory.dirty().is_empty() && inventory.is_late());
    inventory.expect_run(&config_id("smoke-2"), "v1", 0, run);
    assert_eq!(inventory.dirty(), [0]);
    assert_eq!(
        inventory.shard(0).entries.len(),
        2,
        "the first is not in it"
    );
    inventory.stored(0);
    assert!(!inventory.is_late());
    inventory.confirmed_gone(&config_id("smoke-2"));
    inventory.wait_no_longer();
    assert_eq!((inventory.dirty(), inventory.is_late()), (vec![0], false));
}

#[test]
fn a_new_entry_takes_the_first_room() {
    let mut inventory = filled(2 * SHARD_ENTRIES);
    inventory.confirmed_gone(&config_id("c3"));
    inventory.stored(0);
    inventory.expect_new(&config_id("new"), "v1", 0, false);
    assert_eq!(inventory.dirty(), [0]);
    inventory.expect_new(&config_id("newer"), "v1", 0, false);
    assert_eq!(inventory.dirty(), [0, 2]);
}

/// As agents wrote them that put four times as much into one.
#[test]
fn larger_shards_of_older_agents_stay_as_they_are_and_take_no_more() {
    let entries = (0..4 * SHARD_ENTRIES - 1)
        .map(|number| (config_id(&format!("c{number}")), entry("u")))
        .collect();
    let old = Shard {
        number: 0,
        revision: Some("4f2c".to_owned()),
        entries,
    };
    let mut inventory = Inventory::from_shards([old.clone()]);
    assert!(inventory.dirty().is_empty(), "nothing is written for it");
    assert_eq!(inventory.shard(0).entries.len(), old.entries.len());
    inventory.expect_new(&config_id("new"), "v1", 0, false);
    assert_eq!(inventory.dirty(), [1]);
    inventory.stored(1);
    inventory.applied(&config_id("c7"), entry("other"));
    assert_eq!(inventory.dirty(), [0], "it stays where it was");
    assert_eq!(reread(&inventory).len(), old.entries.len() + 1);
}

#[test]
fn the_revision_lives_in_the_first_shard() {
    let mut inventory = filled(SHARD_ENTRIES + 1);
    inventory.set_revision("4f2c");
    assert_eq!(inventory.dirty(), [0]);
    assert_eq!(inventory.shard(1).revision, None);
    assert_eq!(reread(&inventory).revision(), Some("4f2c"));
    inventory.stored(0);
    inventory.set_revision("4f2c");
    assert!(inventory.dirty().is_empty());
}

#[test]
fn forgets_what_two_shards_disagree_on() {
    let shard = |number, uid| Shard {
        number,
        revision: None,
        entries: vec![(config_id("web"), entry(uid))],
    };
    let inventory = Inventory::from_shards([shard(1, "two"), shard(0, "one")]);
    assert_eq!(inventory.get(&config_id("web")).unwrap().uid, None);
    assert_eq!(inventory.dirty(), [0, 1]);
    assert!(inventory.shard(1).entries.is_empty());
}

#[test]
fn making_anew_forgets_the_uid() {
    let mut inventory = filled(1);
    inventory.expect_new(&config_id("c0"), "v1", 3, true);
    let entry = inventory.get(&config_id("c0")).unwrap();
    assert_eq!(
        (&entry.uid, &entry.applied, entry.wave, entry.keep),
        (&None, &None, 3, true)
    );
}

#[test]
fn refuses_keys_of_another_form() {
    for bad in [
        "",
        "a/b/c",
        "a/b/c/d/e",
        "apps//shop/web",
        "apps/Deployment/shop/",
    ] {
        assert!(parse(bad).unwrap_err().to_string().contains(bad));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_come_back(group in "[a-z.]{0,9}", kind in "[A-Z][a-z]{0,9}", namespace in "[a-z-]{0,9}", name in "[a-z:.]{1,9}") {
        let id = ObjectId { group, kind, namespace, name };
        prop_assert_eq!(parse(&key(&id)), Ok(id));
    }

    #[test]
    fn entries_stay_in_their_shard(steps in prop::collection::vec((0..3_u8, 0..3 * SHARD_ENTRIES), 1..20)) {
        let mut inventory = filled(2 * SHARD_ENTRIES + 100);
        let place = |inventory: &Inventory, id: &ObjectId| {
            (0..4).find(|n| inventory.shard(*n).entries.iter().any(|(other, _)| other == id))
        };
        for (act, number) in steps {
            let id = config_id(&format!("c{number}"));
            let before = place(&inventory, &id);
            let witness = config_id(&format!("c{}", 2 * SHARD_ENTRIES - 1));
            let home = place(&inventory, &witness);
            match act {
                0 => drop(inventory.confirmed_gone(&id)),
                1 => inventory.expect_new(&id, "v1", 1, false),
                _ => inventory.applied(&id, entry("u2")),
            }
            if before.is_some() && act != 0 {
                prop_assert_eq!(place(&inventory, &id), before);
            }
            if id != witness {
                prop_assert_eq!(place(&inventory, &witness), home);
            }
            prop_assert!((0..4).all(|n| inventory.shard(n).entries.len() <= SHARD_ENTRIES));
        }
        let mut again = reread(&inventory);
        for shard in inventory.dirty() {
            inventory.stored(shard);
        }
        again.set_revision("x");
        inventory.set_revision("x");
        prop_assert_eq!(again, inventory);
    }
}
