//! Laws that hold whatever happens: a crash at any write, a refused delete, hands in the cluster.

use std::ops::Range;

use krm::ObjectId;
use plan::desired::{Desired, words};
use proptest::prelude::*;

use crate::{
    model::{Crash, Dead, Git, Model},
    sample::{HERE, annotated, config, config_id, ready},
};

/// Names that git may ask for.
const NAMES: Range<usize> = 0..7;
/// More passes than any history here needs to converge.
const PASSES: usize = 4;

/// What can happen.
#[derive(Clone, Debug)]
enum Act {
    Commit(Vec<Wish>),
    EmptyCommit,
    BrokenCommit,
    Pass(Option<Crash>),
    Delete(usize),
    Edit(usize),
    Unlabel(usize),
    MoveAway(usize),
    Replace(usize, bool),
    CopyLabel(usize),
    RefuseApply(usize),
    RefuseDelete(usize),
    AllowAll,
    Unsync(bool),
    Claim(usize),
}

/// One object in git.
#[derive(Clone, Debug)]
struct Wish {
    name: usize,
    value: usize,
    wave: i32,
    keep: bool,
}

fn id(name: usize) -> ObjectId {
    config_id(&format!("c{name}"))
}

fn desired(wishes: &[Wish]) -> Vec<Desired> {
    let mut objects = Vec::new();
    for wish in wishes {
        let name = format!("c{}", wish.name);
        let object = config(&name, &wish.value.to_string());
        let object = annotated(object, words::WAVE, &wish.wave.to_string());
        objects.push(match wish.keep {
            true => annotated(object, words::PRUNE, "disabled"),
            false => object,
        });
    }
    ready(objects)
}

fn wishes(range: Range<usize>, value: usize) -> Vec<Wish> {
    let wish = |name| Wish {
        name,
        value,
        wave: 0,
        keep: false,
    };
    range.map(wish).collect()
}

fn git(wishes: &[Wish]) -> Git {
    Git {
        desired: desired(wishes),
        complete: true,
    }
}

fn happen(model: &mut Model, git: &mut Git, act: Act) {
    match act {
        Act::Commit(wishes) => *git = self::git(&wishes),
        Act::EmptyCommit => *git = self::git(&[]),
        Act::BrokenCommit => {
            git.desired.pop();
            git.complete = false;
        }
        Act::Pass(crash) => drop(model.pass(git, crash)),
        Act::Delete(name) => model.hand_delete(&id(name)),
        Act::Edit(name) => model.hand_edit(&id(name)),
        Act::Unlabel(name) => model.hand_label(&id(name), None),
        Act::MoveAway(name) => model.hand_label(&id(name), Some("shop.other")),
        Act::Replace(name, labelled) => model.hand_make(&id(name), labelled.then_some(HERE)),
        Act::CopyLabel(name) => model.hand_make(&bystander(name), Some(HERE)),
        Act::RefuseApply(name) => drop(model.refused_applies.insert(id(name))),
        Act::RefuseDelete(name) => drop(model.refused_deletes.insert(id(name))),
        Act::AllowAll => calm(model),
        Act::Unsync(unsynced) => model.unsynced = unsynced,
        Act::Claim(name) => drop(model.claimed.insert(id(name))),
    }
}

/// An object that carries our label and that git has never heard of.
fn bystander(name: usize) -> ObjectId {
    config_id(&format!("bystander{name}"))
}

fn calm(model: &mut Model) {
    model.refused_applies.clear();
    model.refused_deletes.clear();
    model.claimed.clear();
    model.unsynced = false;
}

/// After faults stop: everything becomes as git wants it, nothing is left over, and then all is quiet.
fn converges(model: &mut Model, git: &Git) {
    calm(model);
    for object in &git.desired {
        // Whoever stands in the way steps aside.
        let away = model
            .objects
            .get(&object.id)
            .is_some_and(|thing| thing.label.as_deref() != Some(HERE));
        if away {
            model.hand_delete(&object.id);
        }
    }
    for _ in 0..PASSES {
        model.pass(git, None).expect("no crash was asked for");
    }
    for object in &git.desired {
        assert!(
            model.is_in_sync(object),
            "{} is not as git wants it",
            object.id
        );
    }
    assert_eq!(model.left_over(git), []);
    let writes = model.writes;
    let plan = model.pass(git, None).expect("no crash was asked for");
    assert!(
        plan.is_empty() && plan.held.is_empty() && plan.drifted.is_empty(),
        "{plan:?}"
    );
    assert_eq!(model.writes, writes, "a quiet cluster costs nothing");
}

/// Runs `act` once for each write at which the agent can die during the pass that follows, in both ways.
fn at_every_write(start: &Model, git: &Git, mut then: impl FnMut(&mut Model)) -> usize {
    let mut runs = 0;
    for committed in [false, true] {
        for after in 0.. {
            let mut model = start.clone();
            let ended = model.pass(git, Some(Crash { after, committed }));
            runs += 1;
            then(&mut model);
            if ended.is_ok() {
                break;
            }
        }
    }
    runs
}

fn settled(wishes: &[Wish]) -> Model {
    let mut model = Model::default();
    model
        .pass(&git(wishes), None)
        .expect("no crash was asked for");
    model
}

#[test]
fn a_crash_at_any_write_leaves_no_orphan_and_converges() {
    let mut runs = 0;
    let (before, after) = (wishes(0..4, 1), wishes(2..6, 2));
    for (start, git) in [
        (Model::default(), git(&before)),
        (settled(&before), git(&after)),
        (settled(&before), git(&wishes(0..1, 1))),
    ] {
        runs += at_every_write(&start, &git, |model| converges(&mut model.clone(), &git));
        // The next commit takes back what the dead pass was about to make.
        let back = self::git(&wishes(6..7, 1));
        runs += at_every_write(&start, &git, |model| converges(&mut model.clone(), &back));
    }
    assert!(runs > 80, "{runs}");
}

#[test]
fn a_crash_while_putting_back_leaves_no_orphan() {
    let before = wishes(0..3, 1);
    let mut start = settled(&before);
    start.hand_delete(&id(0));
    start.hand_make(&id(1), Some(HERE));
    let gone = git(&wishes(2..3, 1));
    let runs = at_every_write(&start, &git(&before), |model| converges(model, &gone));
    assert!(runs > 8, "{runs}");
}

#[test]
fn a_refused_delete_is_not_forgotten() {
    let (before, after) = (wishes(0..3, 1), git(&wishes(0..1, 1)));
    let mut start = settled(&before);
    start.refused_deletes = [id(1), id(2)].into();
    at_every_write(&start, &after, |model| {
        for _ in 0..3 {
            model.pass(&after, None).expect("no crash was asked for");
        }
        assert_eq!(model.left_over(&after).len(), 2);
        assert!(!model.plan(&after).prune.is_empty(), "it is still planned");
        converges(model, &after);
    });
}

#[test]
fn an_approved_prune_goes_on_after_a_crash_and_deletes_nothing_else() {
    let (before, after) = (wishes(0..6, 1), git(&wishes(0..1, 1)));
    // Nothing that was in git is in the next commit: one deletion more than was approved.
    let next = git(&wishes(8..9, 1));
    let mut start = settled(&before);
    start.budget = Some(0);
    start.pass(&after, None).expect("no crash was asked for");
    assert_eq!(start.objects.len(), 6, "it waits");
    start.approve(&after);
    let mut approved = start.clone();
    approved.pass(&after, None).expect("no crash was asked for");
    let mut runs = 0;
    for start in [&start, &approved] {
        runs += at_every_write(start, &after, |model| {
            for _ in 0..PASSES {
                model.pass(&after, None).expect("no crash was asked for");
            }
            let left: Vec<_> = model.objects.keys().cloned().collect();
            assert_eq!(left, [id(0)], "without a second approval");
            assert_eq!(model.left_over(&after), []);
        });
    }
    assert!(runs > 14, "{runs}");
    at_every_write(&approved, &after, |model| {
        for _ in 0..PASSES {
            model.pass(&next, None).expect("no crash was asked for");
        }
        let left: Vec<_> = model.objects.keys().cloned().collect();
        assert_eq!(left, [id(0), id(8)], "nobody has approved the first");
    });
}

#[test]
fn a_claimed_object_is_handed_over_through_every_crash() {
    let (before, after) = (wishes(0..3, 1), git(&wishes(0..1, 1)));
    let mut start = settled(&before);
    start.claimed.insert(id(1));
    let thing = start.objects[&id(1)].clone();
    let runs = at_every_write(&start, &after, |model| {
        // The claim may have gone with the memory of the agent, once the decision is written down.
        let decided = model.is_let_go(&id(1));
        if decided {
            model.claimed.clear();
        }
        for _ in 0..PASSES {
            model.pass(&after, None).expect("no crash was asked for");
        }
        assert_eq!(model.objects[&id(1)].uid, thing.uid, "decided: {decided}");
        assert_eq!(model.objects[&id(1)].label, None);
        assert!(!model.objects.contains_key(&id(2)));
    });
    assert!(runs > 8, "{runs}");
}

#[test]
fn what_was_remade_by_hand_before_it_left_git_stays() {
    let before = wishes(0..2, 1);
    let after = git(&wishes(0..1, 1));
    let mut model = settled(&before);
    model.hand_make(&id(1), Some(HERE));
    let theirs = model.objects[&id(1)].clone();
    converges(&mut model, &after);
    assert_eq!(model.objects[&id(1)], theirs);
}

#[test]
fn an_empty_or_broken_render_deletes_nothing() {
    let mut model = settled(&wishes(0..5, 1));
    let mut broken = git(&wishes(0..2, 1));
    broken.complete = false;
    for git in [git(&[]), broken] {
        model.pass(&git, None).expect("no crash was asked for");
        assert_eq!(model.objects.len(), 5);
    }
}

#[test]
fn a_failed_apply_deletes_nothing() {
    let mut model = settled(&wishes(0..3, 1));
    let renamed = git(&wishes(2..5, 2));
    model.refused_applies.insert(id(4));
    model.pass(&renamed, None).expect("no crash was asked for");
    assert!(model.objects.contains_key(&id(0)) && model.objects.contains_key(&id(3)));
    converges(&mut model, &renamed);
    assert!(!model.objects.contains_key(&id(0)));
}

#[test]
fn the_model_itself_notices_a_forgotten_object() {
    let mut model = settled(&wishes(0..1, 1));
    let crash = Crash {
        after: 0,
        committed: false,
    };
    let other = git(&wishes(0..2, 1));
    assert!(matches!(model.pass(&other, Some(crash)), Err(Dead)));
    assert_eq!(model.left_over(&git(&[])), [id(0)]);
}

fn wish() -> impl Strategy<Value = Wish> {
    let parts = (NAMES, 0..3_usize, -1..2_i32, prop::bool::weighted(0.1));
    parts.prop_map(|(name, value, wave, keep)| Wish {
        name,
        value,
        wave,
        keep,
    })
}

fn commit() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec(wish(), 1..7).prop_map(|mut wishes| {
        wishes.sort_by_key(|wish| wish.name);
        wishes.dedup_by_key(|wish| wish.name);
        wishes
    })
}

fn act() -> impl Strategy<Value = Act> {
    let crash =
        (0..12_usize, any::<bool>()).prop_map(|(after, committed)| Crash { after, committed });
    prop_oneof![
        4 => commit().prop_map(Act::Commit),
        8 => prop::option::of(crash).prop_map(Act::Pass),
        1 => Just(Act::EmptyCommit),
        1 => Just(Act::BrokenCommit),
        1 => NAMES.prop_map(Act::Delete),
        1 => NAMES.prop_map(Act::Edit),
        1 => NAMES.prop_map(Act::Unlabel),
        1 => NAMES.prop_map(Act::MoveAway),
        1 => (NAMES, any::<bool>()).prop_map(|(name, labelled)| Act::Replace(name, labelled)),
        1 => NAMES.prop_map(Act::CopyLabel),
        1 => NAMES.prop_map(Act::RefuseApply),
        1 => NAMES.prop_map(Act::RefuseDelete),
        1 => Just(Act::AllowAll),
        1 => any::<bool>().prop_map(Act::Unsync),
        1 => NAMES.prop_map(Act::Claim),
    ]
}

#[test]
fn what_was_let_go_in_the_last_moment_is_nobodys_when_it_comes_back() {
    let wish = |name, keep| Wish {
        name,
        value: 0,
        wave: 0,
        keep,
    };
    let dies = |after| {
        Act::Pass(Some(Crash {
            after,
            committed: false,
        }))
    };
    // Written down and never made; somebody else makes it, with our label; it is let go, and nobody lives to note that.
    let acts = [
        Act::Commit(vec![wish(0, true)]),
        dies(1),
        Act::Replace(0, true),
        Act::Commit(vec![wish(1, false)]),
        dies(2),
        Act::Commit(vec![wish(0, false)]),
        Act::Pass(None),
    ];
    let (mut model, mut now) = (Model::default(), git(&[]));
    for act in acts {
        happen(&mut model, &mut now, act);
    }
    assert!(!model.is_in_sync(&now.desired[0]), "it is somebody else's");
    converges(&mut model, &now);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The model checks every single write; this checks the end.
    #[test]
    fn any_history_ends_well(acts in prop::collection::vec(act(), 0..40), last in commit()) {
        let (mut model, mut now) = (Model::default(), git(&[]));
        for act in acts {
            happen(&mut model, &mut now, act);
        }
        let bystanders: Vec<_> = NAMES.filter(|name| model.objects.contains_key(&bystander(*name))).collect();
        converges(&mut model, &git(&last));
        for name in bystanders {
            prop_assert!(model.objects.contains_key(&bystander(name)), "a bystander was deleted");
        }
    }

    #[test]
    fn an_applied_plan_leaves_nothing_to_plan(first in commit(), second in commit()) {
        let mut model = settled(&first);
        let now = git(&second);
        prop_assert!(model.plan(&git(&first)).is_empty());
        model.pass(&now, None).expect("no crash was asked for");
        let plan = model.plan(&now);
        prop_assert!(plan.is_empty(), "{:?}", plan);
        prop_assert_eq!(plan.unchanged, second.len());
    }
}
