//! The stories: what happens to a revision, good or bad, and to those who are served meanwhile.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rollout::{
    Effects, State, Strategy,
    gate::Gate,
    observe::{Action, Approval, Command, Pods, Router},
    state::{Cause, Direction, Phase, StateError},
    strategy::{
        Amount, Analysis, Approve, Chaos, Compare, Flag, Metric, Namespaces, OnMissing, Pause,
        Step, Synthetic, builtin,
    },
    wish::Event,
};
use serde_json::json;

use crate::world::{Metrics, WEB, World, error_rate, revision, start, watched};

fn weights(all: &[u8]) -> Strategy {
    Strategy::of(all.iter().copied().map(Step::Weight).collect())
}

fn command(id: &str, action: Action) -> Command {
    Command {
        id: id.to_owned(),
        action,
        by: "ada".to_owned(),
        rollout: None,
        step: None,
    }
}

#[test]
fn a_good_revision_goes_all_the_way_and_the_canary_goes() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    let mut seen = Vec::new();
    for _ in 0..200 {
        let effects = world.turn();
        let weight = effects.wish.canary.as_ref().map(|canary| canary.weight);
        if seen.last() != Some(&weight) {
            seen.push(weight);
        }
        world.pass(30);
    }
    let share = |all: &[u8]| all.iter().copied().map(Some).collect::<Vec<_>>();
    let mut expected = share(&[0, 1, 5, 10, 25, 50, 100, 0]);
    expected.push(None);
    assert_eq!(seen, expected);
    assert!(world.is_settled_on("b"));
    assert_eq!(world.state.former, Some(revision("a")));
}

#[test]
fn the_first_revision_and_one_without_strategy_go_at_once() {
    let mut world = World::new(Router::Route);
    world.state = State::default();
    let effects = world.turn();
    assert_eq!(effects.wish.base, Some(revision("a")));
    world.push("b", None);
    let effects = world.turn();
    assert_eq!(effects.wish.base, Some(revision("b")));
    assert!(effects.wish.canary.is_none());
}

#[test]
fn a_bad_number_sends_everybody_back_in_one_write_and_the_revision_stays_out() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(weights(&[10, 50]))));
    world.until(10, |world| world.at_step() == Some(1));
    world.metrics = Metrics::Bad;
    world.turn();
    world.pass(10);
    let effects = world.turn();
    let canary = effects
        .wish
        .canary
        .expect("still there until nobody is on it");
    assert_eq!(
        (canary.weight, &effects.wish.base),
        (0, &Some(revision("a")))
    );
    let bad = effects
        .records
        .iter()
        .find(|record| record.event == Event::Ending);
    let decision = bad
        .and_then(|record| record.decision.clone())
        .expect("the number");
    assert_eq!(
        (decision.number, decision.limit.as_str()),
        (Some(0.25), "at most 0.01")
    );
    world.until(10, |world| world.is_settled_on("a"));
    for _ in 0..50 {
        let effects = world.turn();
        assert!(effects.wish.canary.is_none());
        assert!(
            effects.waiting.contains("error-rate: 0.25 is above 0.01"),
            "{}",
            effects.waiting
        );
        world.pass(600);
    }
}

#[test]
fn a_restart_forgets_no_rejection_and_a_retry_is_a_second_chance() {
    let mut world = World::new(Router::Route);
    world.metrics = Metrics::Bad;
    world.push("b", Some(watched(weights(&[10]))));
    world.until(10, |world| !world.state.rejected.is_empty());
    world.state = State::read(&world.state.write()).unwrap();
    world.until(10, |world| world.is_settled_on("a"));
    world.metrics = Metrics::Good;
    world.seen.command = Some(command("1", Action::Retry));
    world.until(10, |world| world.is_settled_on("b"));
    assert!(world.state.rejected.is_empty());
}

#[test]
fn another_commit_with_the_same_objects_is_as_rejected_as_the_first() {
    let mut world = World::new(Router::Route);
    world.metrics = Metrics::Bad;
    world.push("b", Some(watched(weights(&[10]))));
    world.until(10, |world| {
        world.is_settled_on("a") && !world.state.rejected.is_empty()
    });
    world.seen.head.as_mut().unwrap().commit = "another".to_owned();
    assert!(world.turn().wish.canary.is_none());
    assert!(world.state.rollout.is_none());
}

#[test]
fn no_number_is_never_a_good_number() {
    for metrics in [Metrics::Empty, Metrics::Nan, Metrics::Silent] {
        let mut world = World::new(Router::Route);
        world.metrics = metrics;
        world.push("b", Some(watched(weights(&[10, 100]))));
        world.until(10, |world| {
            world.state.rollout.is_none() && !world.state.rejected.is_empty()
        });
        let cause = &world.state.rejected[0].cause;
        assert!(
            matches!(cause, Cause::AnalysisMissing { .. }),
            "{metrics:?}: {cause:?}"
        );
        let mut patient = watched(weights(&[10, 100]));
        if let Some(analysis) = &mut patient.analysis {
            analysis.on_missing = OnMissing::Hold;
        }
        let mut world = World::new(Router::Route);
        world.metrics = metrics;
        world.push("b", Some(patient));
        for _ in 0..500 {
            world.turn();
            world.pass(30);
        }
        assert_eq!(world.at_step(), Some(0), "{metrics:?}");
        world.metrics = Metrics::Good;
        world.until(10, |world| world.is_settled_on("b"));
    }
}

/// Latency against the old version's, and a limit for errors beside it.
fn comparing(mut strategy: Strategy) -> Strategy {
    let latency = Metric {
        name: "latency".to_owned(),
        max: None,
        compare: Some(Compare {
            ratio: 1.25,
            margin: 0.05,
            higher_is_better: false,
        }),
        ..error_rate()
    };
    strategy.analysis = Some(Analysis::of(vec![error_rate(), latency]));
    strategy
}

fn pause(seconds: u64) -> Step {
    Step::Pause(Pause {
        duration: Some(rollout::Interval::seconds(seconds)),
    })
}

/// The old version has no number there: nobody is led to it.
#[test]
fn with_everybody_on_the_new_version_nothing_is_compared() {
    for last in [pause(1200), Step::Weight(100)] {
        let mut world = World::new(Router::Route);
        let steps = vec![Step::Weight(50), Step::Weight(100), last];
        world.push("b", Some(comparing(Strategy::of(steps))));
        let mut asked = Vec::new();
        while !world.is_settled_on("b") {
            let effects = world.turn();
            let weight = world.state.rollout.as_ref().map(|rollout| rollout.weight);
            asked.push((weight, effects.wish.checks.len()));
            world.pass(30);
            assert_eq!(world.state.rejected, [], "{asked:?}");
        }
        assert!(asked.contains(&(Some(50), 2)), "{asked:?}");
        assert!(asked.contains(&(Some(100), 1)), "{asked:?}");
        assert!(!asked.contains(&(Some(100), 2)), "{asked:?}");
    }
}

#[test]
fn what_is_compared_again_gets_the_whole_patience_and_is_heard() {
    let mut world = World::new(Router::Route);
    let steps = vec![Step::Weight(50), Step::Weight(100), pause(3600)];
    world.push("b", Some(comparing(Strategy::of(steps))));
    world.until(30, |world| world.at_step() == Some(2));
    for _ in 0..60 {
        world.turn();
        world.pass(30);
    }
    // Of what happens now the numbers are silent.
    world.web().canary.as_mut().expect("beside").ready = 3;
    (world.sound, world.metrics) = (false, Metrics::Silent);
    for _ in 0..4 {
        let effects = world.turn();
        assert_eq!(effects.wish.canary.expect("still there").weight, 75);
        assert_eq!(effects.wish.checks.len(), 2);
        world.pass(10);
    }
    assert_eq!(world.at_step(), Some(2));
    world.metrics = Metrics::Bad;
    world.until(10, |world| world.is_settled_on("a"));
    let cause = &world.state.rejected[0].cause;
    assert!(matches!(cause, Cause::AnalysisFailed { .. }), "{cause:?}");
}

/// What came before is the other version's, under the same name.
#[test]
fn what_bakes_is_judged_by_what_came_after_promotion() {
    let mut world = World::new(Router::Route);
    let mut strategy = watched(weights(&[50]));
    strategy.bake = Some(rollout::Interval::seconds(300));
    world.push("b", Some(strategy));
    let baking = |world: &World| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|rollout| matches!(rollout.phase, Phase::Baking { .. }))
    };
    world.until(10, |world| world.at_step().is_some());
    let rollout = world.state.rollout.as_ref().expect("under way");
    assert_eq!(rollout.judged_from(), rollout.began);
    world.until(10, baking);
    let rollout = world.state.rollout.as_ref().expect("under way");
    assert!(rollout.judged_from() > rollout.began);
    assert_eq!(
        rollout.judged_from(),
        world.now - SignedDuration::from_secs(10)
    );
}

/// Nobody asks while its pods are away.
#[test]
fn a_gate_whose_pods_were_away_has_missed_no_number() {
    let mut world = World::new(Router::Route);
    let gate = Analysis {
        count: Some(100),
        ..Analysis::of(vec![error_rate()])
    };
    let steps = vec![Step::Weight(50), Step::Analysis(gate)];
    world.push("b", Some(Strategy::of(steps)));
    world.until(30, |world| world.at_step() == Some(1));
    for _ in 0..4 {
        world.turn();
        world.pass(30);
    }
    world.sound = false;
    world.web().canary.as_mut().expect("beside").ready = 0;
    for _ in 0..14 {
        world.turn();
        world.pass(30);
    }
    world.sound = true;
    world.web().canary.as_mut().expect("beside").ready = 2;
    for _ in 0..10 {
        world.turn();
        assert_eq!(world.at_step(), Some(1), "{:?}", world.state.rejected);
        world.pass(30);
    }
    world.until(30, |world| world.is_settled_on("b"));
}

/// Who could not ask has missed none; what counts begins anew.
#[test]
fn whoever_could_not_look_for_a_while_gives_the_numbers_their_whole_patience() {
    for resumes in [true, false] {
        let mut world = World::new(Router::Route);
        let gate = Analysis {
            count: Some(5),
            ..Analysis::of(vec![error_rate()])
        };
        let steps = vec![Step::Weight(50), Step::Analysis(gate)];
        world.push("b", Some(watched(Strategy::of(steps))));
        world.until(30, |world| world.at_step() == Some(1));
        for _ in 0..4 {
            world.turn();
            world.pass(30);
        }
        world.seen.samples.clear();
        world.pass(11 * 60);
        if resumes {
            world.state = world.state.resumed();
        }
        for _ in 0..4 {
            world.turn();
            assert_eq!(world.at_step() == Some(1), resumes);
            world.pass(30);
        }
        let settled = if resumes { "b" } else { "a" };
        world.until(30, |world| world.is_settled_on(settled));
    }
}

/// Its own patience says what becomes of it, not the deadline for pods.
#[test]
fn a_number_that_is_missing_at_promotion_is_waited_for_if_it_is_to_be() {
    let mut world = World::new(Router::Route);
    let mut patient = watched(weights(&[50]));
    if let Some(analysis) = &mut patient.analysis {
        analysis.on_missing = OnMissing::Hold;
    }
    world.push("b", Some(patient));
    let promoting = |world: &World| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|rollout| matches!(rollout.phase, Phase::Promoting { .. }))
    };
    world.until(10, promoting);
    world.metrics = Metrics::Empty;
    for turn in 0..100 {
        world.web().stable.ready = if turn < 4 { 3 } else { 4 };
        world.turn();
        assert!(promoting(&world), "{:?}", world.state.rejected);
        world.pass(30);
    }
    world.metrics = Metrics::Good;
    world.until(10, |world| world.is_settled_on("b"));
}

/// Users are never divided, so a pod that is missing sends everybody to the version whose pods are all there.
#[test]
fn a_switch_by_route_leads_all_or_nobody() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("blue-green"));
    world.until(10, |world| world.at_step() == Some(3));
    world.sound = false;
    world.web().canary.as_mut().expect("beside").ready = 3;
    let effects = world.turn();
    assert_eq!(effects.wish.canary.expect("still there").weight, 0);
    world.sound = true;
    world.pass(10);
    let mut seen = Vec::new();
    while !world.is_settled_on("b") {
        let canary = world.turn().wish.canary;
        seen.extend(canary.map(|canary| canary.weight));
        world.pass(30);
    }
    seen.dedup();
    assert_eq!(seen, [0, 100, 0]);
}

#[test]
fn pods_that_never_become_ready_end_it_and_nobody_was_sent_there() {
    let mut world = World::new(Router::Route);
    world.sound = false;
    world.push("b", builtin("canary"));
    for _ in 0..100 {
        let effects = world.turn();
        assert_eq!(effects.wish.canary.map_or(0, |canary| canary.weight), 0);
        assert_eq!(effects.wish.base, Some(revision("a")));
        world.pass(10);
    }
    assert_eq!(world.state.rejected[0].cause.as_str(), "CanaryNotReady");
}

#[test]
fn pods_that_die_lose_their_share_at_once() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    world.until(10, |world| {
        world.state.rollout.as_ref().is_some_and(|r| r.weight == 50)
    });
    world.web().canary.as_mut().unwrap().ready = 1;
    world.sound = false;
    let effects = world.turn();
    assert_eq!(effects.wish.canary.unwrap().weight, 25, "one of four pods");
    world.web().canary.as_mut().unwrap().stuck = Some("web-1: CrashLoopBackOff".to_owned());
    let effects = world.turn();
    assert_eq!(effects.wish.canary.unwrap().weight, 0);
    world.until(10, |world| world.is_settled_on("a"));
    assert_eq!(world.state.rejected[0].cause.as_str(), "CanaryCrashing");
}

#[test]
fn a_newer_commit_begins_anew_and_a_revert_ends_it_without_blame() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    world.until(10, |world| world.at_step() == Some(4));
    world.push("c", builtin("canary"));
    let effects = world.turn();
    let canary = effects.wish.canary.unwrap();
    assert_eq!(
        (canary.weight, canary.revision),
        (0, revision("b")),
        "first everybody goes back"
    );
    let mut gone = false;
    world.until(10, |world| world.at_step() == Some(4));
    gone |= world.state.rollout.as_ref().unwrap().target == revision("c");
    assert!(gone && world.state.rejected.is_empty());
    world.push("a", None);
    world.turn();
    assert_eq!(world.state.rollout.as_ref().unwrap().weight, 0);
    world.until(10, |world| world.is_settled_on("a"));
    assert!(world.state.rejected.is_empty());
}

#[test]
fn approvals_count_once_and_only_for_their_step() {
    let mut world = World::new(Router::Route);
    let steps = vec![
        Step::Weight(10),
        Step::Approve(Approve { needed: 2 }),
        Step::Weight(100),
    ];
    world.push("b", Some(Strategy::of(steps)));
    world.until(10, |world| world.at_step() == Some(1));
    let approval = |rollout: &str, step, by: &str| Approval {
        rollout: rollout.to_owned(),
        step,
        by: by.to_owned(),
    };
    let mine = "production-b#1";
    world.seen.approvals = vec![
        approval(mine, 1, "ada"),
        approval(mine, 1, "ada"),
        approval(mine, 2, "bob"),
        approval("production-a#1", 1, "cyd"),
        approval("production-b#2", 1, "dee"),
    ];
    for _ in 0..50 {
        world.turn();
        world.pass(3600);
    }
    assert_eq!(world.at_step(), Some(1), "one person is not two");
    world.seen.approvals.push(approval(mine, 1, "eve"));
    world.until(10, |world| world.is_settled_on("b"));
}

#[test]
fn a_command_counts_once_and_only_for_what_it_is_meant_for() {
    let mut world = World::new(Router::Route);
    let wait = || Step::Pause(Pause::default());
    world.push(
        "b",
        Some(Strategy::of(vec![wait(), wait(), Step::Weight(100)])),
    );
    world.until(10, |world| world.seen.workloads[WEB].canary.is_some());
    world.seen.command = Some(command("1", Action::Promote));
    for _ in 0..10 {
        world.turn();
        world.pass(10);
    }
    assert_eq!(
        world.at_step(),
        Some(1),
        "the same command again is no second one"
    );
    let mut late = command("2", Action::Skip);
    late.step = Some(0);
    world.seen.command = Some(late);
    let effects = world.turn();
    assert_eq!(world.at_step(), Some(1));
    assert!(
        effects
            .records
            .iter()
            .any(|record| record.event == Event::Ignored)
    );
    let mut wrong = command("3", Action::Abort);
    wrong.rollout = Some("production-x#1".to_owned());
    world.seen.command = Some(wrong);
    world.turn();
    assert_eq!(world.at_step(), Some(1));
    world.seen.command = Some(command("4", Action::PromoteFully));
    world.until(10, |world| world.is_settled_on("b"));
}

#[test]
fn a_paused_rollout_stays_where_it_is_but_is_still_watched() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(weights(&[10, 50, 100]))));
    world.until(10, |world| {
        world.at_step() == Some(0) && world.state.rollout.as_ref().is_some_and(|r| r.weight == 10)
    });
    world.seen.command = Some(command("1", Action::Pause));
    for _ in 0..100 {
        world.turn();
        world.pass(30);
    }
    assert_eq!(world.at_step(), Some(0));
    world.metrics = Metrics::Bad;
    world.until(10, |world| world.is_settled_on("a"));
    assert_eq!(world.state.rejected[0].cause.as_str(), "AnalysisFailed");
}

#[test]
fn an_alarm_in_the_bake_time_brings_the_former_release_back() {
    let mut world = World::new(Router::Route);
    let mut strategy = watched(weights(&[10, 100]));
    strategy.bake = Some(rollout::Interval::seconds(600));
    world.push("b", Some(strategy));
    let baking = |world: &World| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|rollout| matches!(rollout.phase, Phase::Baking { .. }))
    };
    world.until(10, baking);
    world.alarm("shop-front");
    world.turn();
    let rollout = world.state.rollout.as_ref().unwrap();
    assert_eq!(
        (rollout.direction, &rollout.target),
        (Direction::Back, &revision("a"))
    );
    world.until(10, |world| world.is_settled_on("a"));
    assert_eq!(world.state.rejected[0].revision, revision("b"));
    assert_eq!(world.state.rejected[0].cause.as_str(), "SyntheticAlarm");
    world.seen.alarms.clear();
    world.turn();
    assert!(world.is_settled_on("a"), "what git says is rejected");
}

#[test]
fn a_commit_in_the_bake_time_goes_step_by_step_as_any_other() {
    let mut world = World::new(Router::Route);
    let mut strategy = watched(weights(&[10, 100]));
    strategy.bake = Some(rollout::Interval::seconds(600));
    world.push("b", Some(strategy.clone()));
    world.until(10, |world| world.state.good == Some(revision("b")));
    // What is seen is of the rollout that bakes, in which nothing changes any more: no way from `b` to `c`.
    world.push("c", None);
    world.aim();
    let (state, effects) = rollout::step(&world.state, &world.seen, world.now);
    assert_eq!((&state.good, &state.rollout), (&Some(revision("b")), &None));
    assert_eq!(effects.wish.base, Some(revision("b")));
    assert_eq!(
        effects.wake,
        Some(world.now),
        "the next look is due at once"
    );
    world.state = state;
    world.push("c", Some(strategy));
    world.turn();
    assert_eq!(
        (world.at_step(), &world.state.good),
        (Some(0), &Some(revision("b")))
    );
    world.until(10, |world| world.is_settled_on("c"));
}

#[test]
fn the_stable_pods_stay_while_an_autoscaler_sees_them_idle() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    world.until(10, |world| {
        world
            .state
            .rollout
            .as_ref()
            .is_some_and(|r| r.weight == 100)
    });
    world.web().stable.wanted = 1;
    let effects = world.turn();
    let canary = effects.wish.canary.unwrap();
    assert_eq!((canary.floors[WEB], canary.pods[WEB]), (4, 4));
    world.web().stable.wanted = 9;
    let effects = world.look();
    let canary = effects.wish.canary.unwrap();
    assert_eq!((canary.floors[WEB], canary.pods[WEB]), (9, 9));
    assert_eq!(canary.weight, 44, "four of the nine that are needed now");
}

#[test]
fn promotion_waits_until_every_stable_pod_is_new() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(weights(&[100])));
    world.until(10, |world| {
        world
            .state
            .rollout
            .as_ref()
            .is_some_and(|r| matches!(r.phase, Phase::Promoting { .. }))
    });
    world.web().stable.settled = None;
    world.pass(10);
    world.seen.at = world.now;
    let effects = world.look();
    assert_eq!(
        effects.wish.canary.unwrap().weight,
        100,
        "the canary goes on serving"
    );
    assert_eq!(effects.wish.base, Some(revision("b")));
    world.until(10, |world| world.is_settled_on("b"));
}

#[test]
fn a_promotion_that_gets_stuck_is_taken_back() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(weights(&[100])));
    world.until(10, |world| {
        world
            .state
            .rollout
            .as_ref()
            .is_some_and(|r| matches!(r.phase, Phase::Promoting { .. }))
    });
    world.web().stable.ready = 2;
    for _ in 0..100 {
        world.turn();
        world.pass(10);
    }
    assert_eq!(world.state.rejected[0].cause.as_str(), "CanaryNotReady");
    assert_eq!(world.state.good, Some(revision("a")));
}

#[test]
fn an_old_view_moves_nothing_but_an_abort_is_heard() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    world.until(10, |world| world.at_step() == Some(2));
    let before = world.state.clone();
    world.pass(3600);
    world.look();
    assert_eq!(world.state, before);
    world.seen.command = Some(command("1", Action::Abort));
    let effects = world.look();
    assert_eq!(effects.wish.canary.unwrap().weight, 0);
}

#[test]
fn a_clock_that_goes_back_ends_no_pause() {
    let mut world = World::new(Router::Route);
    world.push("b", builtin("canary"));
    world.until(10, |world| world.at_step() == Some(1));
    world.pass(-86_400);
    for _ in 0..5 {
        world.turn();
        world.pass(10);
    }
    assert_eq!(world.at_step(), Some(1));
}

#[test]
fn a_clock_that_goes_back_makes_nobody_deaf() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(weights(&[25, 50]))));
    world.until(10, |world| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|rollout| rollout.weight == 25)
    });
    world.turn();
    // Whoever goes on does not know that it was set.
    world.state = State::read(&world.state.write()).unwrap();
    world.pass(-86_400);
    world.metrics = Metrics::Bad;
    let turns = world.until(10, |world| world.state.rollout.is_none());
    assert!(turns < 12, "{turns} looks at bad numbers");
    assert!(world.state.rejection(&revision("b")).is_some());
}

#[test]
fn a_clock_that_is_set_makes_no_time_longer_or_shorter() {
    for by in [86_400, -86_400] {
        let mut world = World::new(Router::Route);
        world.push("b", builtin("canary"));
        world.until(10, |world| world.at_step() == Some(1));
        world.turn();
        let until = world
            .state
            .rollout
            .as_ref()
            .and_then(rollout::state::Rollout::until);
        let until = until.expect("a pause").duration_since(world.now);
        let by = jiff::SignedDuration::from_secs(by);
        world.now += by;
        world.state = world.state.clock_set(by);
        world.turn();
        let now = world
            .state
            .rollout
            .as_ref()
            .and_then(rollout::state::Rollout::until);
        assert_eq!(now.expect("a pause").duration_since(world.now), until);
        assert_eq!(world.at_step(), Some(1));
    }
}

#[test]
fn without_a_router_pods_make_the_share() {
    let mut world = World::new(Router::Replicas);
    let steps = vec![
        Step::Replicas(Amount::Count(1)),
        Step::Replicas(Amount::Percent(50)),
        Step::Weight(50),
    ];
    world.push("b", Some(Strategy::of(steps)));
    let mut pods = Vec::new();
    while !world.is_settled_on("b") {
        let effects = world.turn();
        let wanted = effects.wish.canary.map(|canary| canary.pods[WEB]);
        if pods.last() != Some(&wanted) {
            pods.push(wanted);
        }
        world.pass(10);
    }
    assert_eq!(pods, [Some(1), Some(2), Some(4), None]);
}

#[test]
fn a_disturbance_ends_by_itself_and_with_the_rollout() {
    let chaos = Chaos {
        duration: rollout::Interval::seconds(60),
        kill: Some(50),
        isolate: false,
        scale: None,
        objects: Vec::new(),
        also: Vec::new(),
    };
    let steps = vec![Step::Weight(50), Step::Chaos(chaos), Step::Weight(100)];
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(Strategy::of(steps))));
    world.until(10, |world| world.seen.chaos.left);
    world.web().canary.as_mut().unwrap().ready = 1;
    let effects = world.turn();
    assert_eq!(effects.wish.canary.as_ref().unwrap().weight, 25);
    assert!(effects.wish.chaos.is_some());
    let mut other = world.clone();
    world.until(10, |world| world.is_settled_on("b"));
    other.metrics = Metrics::Bad;
    let mut seen = false;
    for _ in 0..10 {
        let effects = other.turn();
        seen |= other.state.rollout.is_some() && effects.wish.chaos.is_none();
        other.pass(10);
    }
    assert!(seen && other.is_settled_on("a") && !other.seen.chaos.left);
}

#[test]
fn a_check_that_failed_before_blames_nobody_until_it_has_passed() {
    let mut world = World::new(Router::Route);
    world.alarm("front");
    world.push("b", Some(weights(&[25, 100])));
    world.turn();
    world.turn();
    assert!(world.at_step().is_some(), "the fix may come out");
    let stored = State::read(&world.state.write()).unwrap();
    world.state = stored;
    world.turn();
    assert!(world.at_step().is_some(), "also after a restart");
    world.seen.alarms.clear();
    world.turn();
    world.alarm("front");
    world.turn();
    let rejection = world
        .state
        .rollout
        .as_ref()
        .map(|rollout| rollout.phase.clone());
    assert!(
        matches!(
            rejection,
            Some(rollout::state::Phase::Ending {
                cause: Cause::Alarm { .. },
                ..
            })
        ),
        "{rejection:?}"
    );
}

fn killing() -> Strategy {
    let chaos = Chaos {
        duration: rollout::Interval::seconds(60),
        kill: Some(50),
        isolate: false,
        scale: None,
        objects: Vec::new(),
        also: Vec::new(),
    };
    let steps = vec![Step::Weight(50), Step::Chaos(chaos), Step::Weight(100)];
    watched(Strategy::of(steps))
}

#[test]
fn who_is_killed_is_chosen_once_and_outlives_a_restart() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(killing()));
    let first = (0..100).find_map(|_| {
        let effects = world.turn();
        // The disturbance is not seen to stand.
        world.seen.chaos.stands = None;
        world.pass(1);
        effects.wish.chaos.filter(|chaos| !chaos.victims.is_empty())
    });
    let first = first.unwrap_or_else(|| panic!("{:#?}", world.state));
    let names: Vec<_> = first.victims.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["web-1", "web-2"], "half of three, rounded up");
    world.state = State::read(&world.state.write()).unwrap();
    // Others have come in their place.
    let pods = world.seen.chaos.pods.as_mut().unwrap();
    for pod in pods.values_mut().flatten() {
        pod.uid = format!("new-{}", pod.uid);
    }
    let effects = world.look();
    assert_eq!(effects.wish.chaos.unwrap().victims, first.victims);
    world.turn();
    world.pass(1);
    let later = world.turn().wish.chaos.unwrap();
    assert_eq!(
        later.victims,
        [],
        "once it stands, nobody is killed any more"
    );
    assert!(later.until.is_some());
}

#[test]
fn a_disturbance_that_never_came_proves_nothing() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(killing()));
    world.until(10, |world| world.at_step() == Some(1));
    for _ in 0..70 {
        world.seen.chaos.stands = None;
        world.turn();
        world.seen.chaos.lacking = "Pod/shop/web-1 is not gone".to_owned();
        assert_ne!(world.at_step(), Some(2));
        world.pass(10);
    }
    let rejection = &world.state.rejected[0];
    assert_eq!(rejection.cause.as_str(), "CanaryNotReady");
    assert!(
        rejection.cause.sentence().contains("web-1 is not gone"),
        "{rejection:?}"
    );
}

#[test]
fn a_rollout_is_not_over_before_its_disturbance_is_gone() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(killing()));
    world.until(10, |world| world.seen.chaos.left);
    world.sticks = true;
    world.metrics = Metrics::Bad;
    for _ in 0..20 {
        world.turn();
        world.pass(10);
    }
    let rollout = world.state.rollout.as_ref().expect("still under way");
    assert!(matches!(
        rollout.phase,
        rollout::state::Phase::Ending { .. }
    ));
    world.sticks = false;
    world.until(10, |world| world.is_settled_on("a"));
}

fn flag(percent: u8) -> Step {
    Step::Flag(Flag {
        config_map: "flags".to_owned(),
        key: "flags.json".to_owned(),
        flag: "checkout".to_owned(),
        variant: "on".to_owned(),
        percent,
        by: "targetingKey".to_owned(),
    })
}

/// Git says of the flag what these texts stand for.
fn says(world: &mut World, good: &str, new: &str) {
    let said = |text: &str| BTreeMap::from([("flags/flags.json#checkout".into(), text.into())]);
    (world.seen.flags.good, world.seen.flags.new) = (said(good), said(new));
}

#[test]
fn a_flag_stands_until_a_later_revision_says_something_else_of_it() {
    for step_by_step in [true, false] {
        let mut world = World::new(Router::Route);
        let steps = || vec![Step::Weight(50), flag(100)];
        says(&mut world, "off", "on");
        world.push("b", Some(Strategy::of(steps())));
        world.until(10, |world| world.is_settled_on("b"));
        // What the revision before said is another word by now.
        says(&mut world, "on", "on");
        world.state = State::read(&world.state.write()).expect("readable");
        world.push("c", None);
        for _ in 0..3 {
            assert_eq!(world.turn().wish.flags.len(), 1, "git says the same of it");
        }
        says(&mut world, "on", "off");
        let pod = step_by_step.then(|| weights(&[50]));
        world.push("d", pod);
        let known = |world: &World| {
            let known = &world.state.flags_in_git;
            known.values().flatten().cloned().collect::<Vec<_>>()
        };
        assert_eq!(known(&world), ["on"], "what else is laid over");
        world.until(10, |world| world.is_settled_on("d"));
        assert!(world.turn().wish.flags.is_empty());
        assert!(known(&world).is_empty());
    }
}

/// An agent before this one did not note what git said; it is noted now.
#[test]
fn a_flag_that_was_set_by_an_older_agent_can_be_switched_off_as_well() {
    let mut world = World::new(Router::Route);
    says(&mut world, "on", "on");
    world.push("b", Some(Strategy::of(vec![flag(100)])));
    world.until(10, |world| world.is_settled_on("b"));
    let mut stored = world.state.write();
    let fields = stored.as_object_mut().expect("fields");
    fields.remove("flagsInGit").expect("noted");
    world.state = State::read(&stored).expect("readable");
    assert_eq!(world.turn().wish.flags.len(), 1);
    says(&mut world, "on", "off");
    world.push("c", None);
    world.turn();
    assert!(world.turn().wish.flags.is_empty());
}

#[test]
fn a_flag_goes_up_with_the_steps_and_off_with_an_abort() {
    let mut world = World::new(Router::Route);
    let steps = vec![
        Step::Weight(10),
        flag(1),
        flag(50),
        Step::Pause(Pause::default()),
    ];
    world.push("b", Some(Strategy::of(steps)));
    world.until(10, |world| world.at_step() == Some(3));
    let effects = world.turn();
    let percents: Vec<_> = effects
        .wish
        .flags
        .values()
        .map(|flag| flag.percent)
        .collect();
    assert_eq!(percents, [50]);
    world.seen.command = Some(command("1", Action::Abort));
    assert!(world.turn().wish.flags.is_empty());
}

#[test]
fn gates_ask_and_count() {
    let gate = Analysis {
        count: Some(4),
        ..Analysis::of(vec![error_rate()])
    };
    let synthetic = Synthetic {
        checks: vec!["front".to_owned()],
        count: 2,
        interval: rollout::Interval::seconds(10),
    };
    let steps = vec![
        Step::Weight(10),
        Step::Analysis(gate),
        Step::Synthetic(synthetic),
    ];
    let mut world = World::new(Router::Route);
    world.push("b", Some(Strategy::of(steps)));
    world.until(10, |world| world.at_step() == Some(1));
    let turns = world.until(30, |world| world.at_step() != Some(1));
    assert!(turns >= 4, "{turns}");
    // 0.001 is no answer of a check, which is 1 or 0.
    world.until(10, |world| world.is_settled_on("a"));
    assert_eq!(world.state.rejected[0].cause.as_str(), "AnalysisFailed");
}

/// `b` serves from one namespace, and the other one still has `a` in full.
fn turned() -> World {
    let mut strategy = watched(weights(&[100]));
    strategy.bake = Some(rollout::Interval::seconds(600));
    strategy.namespaces = Some(Namespaces {
        blue: "shop-blue".to_owned(),
        green: "shop-green".to_owned(),
        keep: rollout::Interval::seconds(3600),
    });
    let mut world = World::new(Router::Route);
    world.push("b", Some(strategy));
    world.until(10, |world| world.state.good == Some(revision("b")));
    assert_eq!(world.state.side.as_deref(), Some("shop-blue"));
    let effects = world.look();
    let other = effects.wish.other.expect("the other side is kept");
    assert_eq!(
        (other.namespace.as_str(), other.revision),
        ("shop", revision("a"))
    );
    assert_eq!(other.pods[WEB], 4, "ready for everybody");
    let web = world.web();
    web.stable.settled = Some("b".to_owned());
    web.achieved = Some(0);
    web.canary = Some(Pods {
        wanted: 4,
        ready: 4,
        settled: Some("a".to_owned()),
        stuck: None,
    });
    world
}

#[test]
fn two_namespaces_take_turns_and_the_way_back_is_instant() {
    let mut world = turned();
    world.alarm("front");
    world.seen.at = world.now;
    let effects = world.look();
    assert_eq!(
        effects.wish.canary.unwrap().weight,
        100,
        "one look, one write"
    );
    world.web().achieved = Some(100);
    let effects = world.look();
    assert_eq!(world.state.good, Some(revision("a")));
    assert_eq!(effects.wish.side.as_deref(), Some("shop"));
    assert_eq!(effects.wish.other, None, "what was left is rejected");
}

#[test]
fn a_namespace_whose_pods_crash_on_the_way_back_is_given_nobody() {
    let mut world = turned();
    world.alarm("front");
    world.seen.at = world.now;
    let weight = |effects: Effects| effects.wish.canary.map(|canary| canary.weight);
    assert_eq!(weight(world.look()), Some(100));
    let healthy = world.web().canary.clone();
    if let Some(pods) = &mut world.web().canary {
        (pods.ready, pods.stuck) = (0, Some("web-1: CrashLoopBackOff".to_owned()));
    }
    world.seen.at = world.now;
    assert_eq!(weight(world.look()), Some(0), "nobody is there to answer");
    // What serves had an alarm, so the way back goes on as soon as it can.
    world.web().canary = healthy;
    world.seen.at = world.now;
    assert_eq!(weight(world.look()), Some(100));
}

#[test]
fn a_revision_with_fewer_pods_is_promoted_with_fewer_pods() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(weights(&[100])));
    world.web().fixed = Some(2);
    world.until(10, |world| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|r| matches!(r.phase, Phase::Promoting { .. }))
    });
    let pods = &mut world.web().stable;
    (pods.wanted, pods.ready) = (2, 2);
    world.until(10, |world| world.is_settled_on("b"));
}

/// The pods that serve are more than the new revision ever makes.
#[test]
fn a_revision_whose_autoscaler_makes_fewer_pods_is_promoted_with_those() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(weights(&[100])));
    world.web().most = Some(3);
    world.until(10, |world| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|r| matches!(r.phase, Phase::Promoting { .. }))
    });
    let pods = &mut world.web().stable;
    (pods.wanted, pods.ready) = (3, 2);
    for _ in 0..3 {
        world.turn();
    }
    let pods = &mut world.web().stable;
    assert_eq!(pods.settled.as_deref(), Some("b"));
    assert!(world.state.rollout.is_some(), "not all of them are ready");
    world.web().stable.ready = 3;
    world.until(10, |world| world.is_settled_on("b"));
}

/// Only once it has lasted long: until then the routes may well be on their way.
#[test]
fn a_way_back_that_nobody_can_see_ends_when_somebody_says_so_again() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(weights(&[50, 100])));
    world.until(10, |world| world.at_step() == Some(1));
    world.web().achieved = None;
    world.routes = false;
    world.seen.command = Some(command("1", Action::Abort));
    world.turn();
    world.seen.command = Some(command("2", Action::Abort));
    let events = |effects: &Effects| {
        effects
            .records
            .iter()
            .map(|one| one.event)
            .collect::<Vec<_>>()
    };
    assert_eq!(events(&world.turn()), [Event::Ignored]);
    for _ in 0..70 {
        world.pass(10);
        world.turn();
    }
    let waiting = world.turn().waiting;
    assert!(waiting.contains("abort"), "{waiting}");
    world.seen.command = Some(command("3", Action::Abort));
    let effects = world.turn();
    assert_eq!(events(&effects), [Event::Ended, Event::Commanded]);
    let said = &effects.records[0].message;
    assert!(
        said.contains("as ada says") && said.contains("cannot be read"),
        "{said}"
    );
    assert_eq!(world.state.rejected[0].cause.as_str(), "RolloutAborted");
    assert!(world.turn().wish.canary.is_none());
}

#[test]
fn a_state_of_a_newer_agent_is_refused_and_a_damaged_one_too() {
    let newer = State::read(&json!({"format": 2})).unwrap_err();
    assert!(matches!(newer, StateError::Newer(2)), "{newer}");
    assert!(State::read(&json!({"format": 1, "rejected": 3})).is_err());
    let fresh = State::read(&json!({"format": 1})).unwrap();
    assert_eq!(fresh, State::default());
}

#[test]
fn the_state_is_small() {
    let mut world = World::new(Router::Route);
    world.metrics = Metrics::Bad;
    for name in ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        world.push(name, builtin("canary-traefik"));
        if let Some(strategy) = &mut world.seen.strategy {
            strategy.analysis = Some(Analysis::of(vec![error_rate()]));
        }
        world.until(10, |world| world.state.rejection(&revision(name)).is_some());
    }
    world.push("m", builtin("canary-traefik"));
    world.turn();
    let bytes = world.state.write().to_string().len();
    assert!(bytes < 8 * 1024, "{bytes} bytes");
}

fn turns() -> Strategy {
    let mut strategy = weights(&[100]);
    strategy.namespaces = Some(Namespaces {
        blue: "shop-blue".to_owned(),
        green: "shop-green".to_owned(),
        keep: rollout::Interval::seconds(600),
    });
    strategy
}

#[test]
fn the_first_revision_serves_from_blue_and_the_next_go_to_and_fro() {
    let mut world = World::new(Router::Route);
    world.state.good = None;
    world.push("a", Some(turns()));
    let effects = world.turn();
    assert_eq!(effects.wish.side.as_deref(), Some("shop-blue"));
    assert_eq!((effects.wish.canary, effects.wish.other), (None, None));
    for (name, side) in [("b", "shop-green"), ("c", "shop-blue")] {
        world.push(name, Some(turns()));
        world.until(10, |world| world.state.good == Some(revision(name)));
        assert_eq!(world.state.side.as_deref(), Some(side));
    }
    let kept = world.look().wish.other.unwrap();
    assert_eq!(
        (kept.namespace.as_str(), kept.revision),
        ("shop-green", revision("b"))
    );
    world.pass(700);
    let effects = world.look();
    assert_eq!(effects.wish.other, None, "its time is over");
    assert_eq!(effects.wish.side.as_deref(), Some("shop-blue"));
}

#[test]
fn a_revert_goes_to_where_it_still_stands_and_an_abort_keeps_it_there() {
    let mut world = World::new(Router::Route);
    for name in ["b", "c"] {
        world.push(name, Some(turns()));
        world.until(10, |world| world.state.good == Some(revision(name)));
    }
    // `c` serves from green, `b` stands in blue.
    world.sound = false;
    world.push("d", Some(turns()));
    let effects = world.turn();
    let other = effects.wish.other.unwrap();
    assert_eq!(
        (other.namespace.as_str(), other.revision),
        ("shop-blue", revision("d"))
    );
    world.seen.command = Some(command("1", Action::Abort));
    world.until(10, |world| world.state.rollout.is_none());
    let kept = world.look().wish.other.unwrap();
    assert_eq!(
        (kept.namespace.as_str(), kept.revision),
        ("shop-blue", revision("b"))
    );
    world.sound = true;
    world.push("b", Some(turns()));
    let effects = world.turn();
    assert_eq!(effects.wish.other.unwrap().namespace, "shop-blue");
    assert_eq!(world.state.rollouts, 4);
}

#[test]
fn who_is_in_two_namespaces_goes_no_other_way_until_one_is_its_own() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(turns()));
    world.until(10, |world| world.state.good == Some(revision("b")));
    world.push("c", Some(weights(&[10])));
    let effects = world.look();
    assert!(
        effects.waiting.contains("two namespaces"),
        "{}",
        effects.waiting
    );
    world.seen.home = "shop-blue".to_owned();
    world.turn();
    assert_eq!((world.at_step(), &world.state.side), (Some(0), &None));
}

#[test]
fn what_can_be_called_back_is_kept_for_as_long() {
    let mut strategy = watched(turns());
    strategy.bake = Some(rollout::Interval::seconds(1200));
    let mut world = World::new(Router::Route);
    world.push("b", Some(strategy));
    world.until(10, |world| world.state.good == Some(revision("b")));
    let kept = world.state.standby.clone().unwrap();
    let left = kept.until.duration_since(world.now).as_secs();
    assert!((1190..=1200).contains(&left), "{left}");
}

#[test]
fn the_bake_time_asks_for_nothing_of_the_old_version() {
    let mut strategy = watched(weights(&[100]));
    strategy.bake = Some(rollout::Interval::seconds(600));
    let mut compared = error_rate();
    compared.name = "slower".to_owned();
    compared.compare = Some(rollout::strategy::Compare {
        ratio: 1.2,
        margin: 0.0,
        higher_is_better: false,
    });
    let mut alone = compared.clone();
    (alone.max, alone.name) = (None, "only compared".to_owned());
    strategy.analysis = Some(Analysis::of(vec![error_rate(), compared, alone]));
    assert_eq!(strategy.faults(), []);
    let mut world = World::new(Router::Route);
    world.push("b", Some(strategy.clone()));
    world.turn();
    world.seen.command = Some(command("1", Action::PromoteFully));
    world.until(10, |world| world.state.good == Some(revision("b")));
    let checks = world.look().wish.checks;
    let asked: Vec<_> = checks
        .iter()
        .map(|one| (one.metric.name.as_str(), one.metric.compares()))
        .collect();
    assert_eq!(asked, [("error-rate", false), ("slower", false)]);
    if let Some(analysis) = &mut strategy.analysis {
        analysis
            .metrics
            .retain(|metric| metric.name == "only compared");
    }
    assert_eq!(strategy.faults()[0].at, "bake");
}

#[test]
fn a_suspended_rollout_stands_still_and_goes_on_with_the_time_it_had_left() {
    let mut world = World::new(Router::Route);
    let pause = Step::Pause(Pause {
        duration: Some(rollout::Interval::seconds(100)),
    });
    let steps = vec![Step::Weight(10), pause, Step::Weight(50)];
    world.push("b", Some(watched(Strategy::of(steps))));
    world.until(10, |world| world.at_step() == Some(1));
    world.turn();
    world.pass(40);
    let left = |until: Option<jiff::Timestamp>, now| until.unwrap().duration_since(now);
    let before = left(world.state.rollout.as_ref().unwrap().until(), world.now);
    assert!(before.as_secs() > 10, "{before}");
    world.state = world.state.halted(world.now);
    // Longer than the pause, the patience and the deadline together; and the agent is another one after it.
    world.pass(100_000);
    let rollout = world.state.rollout.clone().unwrap();
    assert_eq!((rollout.until(), rollout.deadline()), (None, None));
    world.state = State::read(&world.state.write()).unwrap();
    world.seen.samples.clear();
    world.turn();
    let rollout = world.state.rollout.clone().unwrap();
    assert_eq!((rollout.step, rollout.weight), (1, 10));
    assert_eq!(left(rollout.until(), world.now), before);
    world.until(10, |world| world.is_settled_on("b"));
}

#[test]
fn what_is_bad_after_a_suspension_still_sends_everybody_back() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(weights(&[10, 50]))));
    world.until(10, |world| world.at_step() == Some(1));
    world.state = world.state.halted(world.now);
    world.pass(5000);
    world.metrics = Metrics::Bad;
    world.until(10, |world| world.state.rollout.is_none());
    let rejection = world.state.rejection(&revision("b")).unwrap();
    assert!(matches!(rejection.cause, Cause::AnalysisFailed { .. }));
}

#[test]
fn what_goes_with_its_environment_is_not_to_blame() {
    let mut world = World::new(Router::Route);
    world.push("b", Some(watched(weights(&[10, 50]))));
    world.until(10, |world| world.at_step() == Some(1));
    world.seen.leaving = true;
    let effects = world.turn();
    assert_eq!(effects.wish.canary.unwrap().weight, 0);
    world.pass(1);
    world.turn();
    assert!(world.is_settled_on("a"), "{:#?}", world.state);
    assert_eq!(world.state.rejected, []);
    world.pass(1);
    assert!(world.turn().records.is_empty(), "nothing begins any more");
}

/// At the pause of 25 %.
fn paused() -> World {
    let mut world = World::new(Router::Route);
    let pause = Step::Pause(Pause {
        duration: Some(rollout::Interval::seconds(60)),
    });
    let strategy = watched(Strategy::of(vec![
        Step::Weight(25),
        pause,
        Step::Weight(100),
    ]));
    world.push("b", Some(strategy));
    world.until(10, |world| world.at_step() == Some(1));
    world
}

/// The same, where nobody can tell any more what the rollout is about.
fn uncut() -> World {
    lost(paused())
}

fn lost(mut world: World) -> World {
    world.seen.uncut = Some("web has moved".to_owned());
    world.seen.workloads.clear();
    world
}

#[test]
fn a_rollout_that_nobody_can_tell_of_stands_still_and_says_why() {
    let mut world = uncut();
    let web = World::new(Router::Route).seen.workloads;
    // As an older agent has left it: nobody knows whom to ask about.
    let rollout = world.state.rollout.as_mut().expect("under way");
    rollout.watched.clear();
    for _ in 0..20 {
        world.pass(600);
        world.seen.at = world.now;
        let effects = world.look();
        assert_eq!(
            effects.waiting,
            "web has moved; error-rate cannot be watched meanwhile"
        );
        assert_eq!(effects.wish.checks, []);
        let canary = effects.wish.canary.expect("it stands");
        assert_eq!((canary.weight, world.at_step()), (25, Some(1)));
    }
    for action in [Action::Promote, Action::Skip, Action::PromoteFully] {
        world.seen.command = Some(command(action.as_str(), action));
        let told = world.look().records;
        assert_eq!(told[0].event, Event::Ignored);
        assert!(told[0].message.contains("it stands still: web has moved"));
    }
    // As if no time had passed: neither a deadline nor a missing number ends it.
    (world.seen.uncut, world.seen.command) = (None, None);
    world.seen.workloads = web;
    world.turn();
    assert_eq!(world.at_step(), Some(1));
    world.until(10, |world| world.is_settled_on("b"));
}

/// Looks for so long, and asks for the numbers that are wished for.
fn still_watched(world: &mut World, looks: usize) {
    for _ in 0..looks {
        world.pass(30);
        world.seen.at = world.now;
        let effects = world.look();
        world.measure(&effects.wish);
    }
}

#[test]
fn what_stands_still_is_watched_for_as_long_as_it_serves() {
    for router in [Router::Route, Router::Replicas] {
        let pause = Step::Pause(Pause {
            duration: Some(rollout::Interval::seconds(60)),
        });
        let mut world = World::new(router);
        let steps = vec![Step::Weight(25), pause, Step::Weight(100)];
        world.push("b", Some(watched(Strategy::of(steps))));
        world.until(10, |world| world.at_step() == Some(1));
        world.turn();
        let mut world = lost(world);
        // Good numbers bring it no further, and a restart forgets nobody to ask about.
        still_watched(&mut world, 20);
        world.state = State::read(&world.state.write()).expect("what was written");
        let effects = world.look();
        assert_eq!(
            effects.waiting,
            "web has moved; its numbers are watched meanwhile"
        );
        assert_eq!((world.at_step(), effects.wish.checks.len()), (Some(1), 1));
        world.metrics = Metrics::Bad;
        still_watched(&mut world, 3);
        let rejection = world.state.rejection(&revision("b")).expect("it is bad");
        assert!(matches!(rejection.cause, Cause::AnalysisFailed { .. }));
        assert_eq!(world.state.good, Some(revision("a")));
    }
}

#[test]
fn a_number_that_is_missing_while_it_stands_still_goes_by_its_policy() {
    for on_missing in [OnMissing::Abort, OnMissing::Hold] {
        let mut world = uncut();
        let rollout = world.state.rollout.as_mut().expect("under way");
        let analysis = rollout.strategy.analysis.as_mut().expect("watched");
        analysis.on_missing = on_missing;
        world.metrics = Metrics::Empty;
        still_watched(&mut world, 20);
        let missing = world.state.rejection(&revision("b"));
        let missing = missing.map(|rejection| rejection.cause.as_str());
        match on_missing {
            OnMissing::Abort => assert_eq!(missing, Some("AnalysisMissing")),
            OnMissing::Hold => assert_eq!((missing, world.at_step()), (None, Some(1))),
        }
    }
}

#[test]
fn nobody_is_asked_about_what_stands_still_and_serves_nobody() {
    let mut world = World::new(Router::Route);
    let steps = vec![
        Step::Replicas(Amount::Percent(100)),
        Step::Pause(Pause { duration: None }),
        Step::Weight(100),
    ];
    world.push("b", Some(watched(Strategy::of(steps))));
    world.until(10, |world| world.at_step() == Some(1));
    let mut world = lost(world);
    world.metrics = Metrics::Empty;
    still_watched(&mut world, 40);
    let effects = world.look();
    assert_eq!((world.at_step(), effects.wish.checks.len()), (Some(1), 0));
    assert_eq!(effects.waiting, "web has moved");
}

#[test]
fn a_number_that_was_asked_for_before_still_counts_when_nobody_can_tell() {
    let mut world = paused();
    world.metrics = Metrics::Bad;
    world.turn();
    world.pass(10);
    assert_eq!(world.at_step(), Some(1), "nobody has judged them yet");
    let mut world = lost(world);
    world.seen.at = world.now;
    let effects = world.look();
    assert!(effects.wish.canary.is_none_or(|canary| canary.weight == 0));
    world.look();
    let rejection = world.state.rejection(&revision("b")).unwrap();
    assert!(matches!(rejection.cause, Cause::AnalysisFailed { .. }));
}

#[test]
fn what_nobody_can_tell_of_is_ended_by_people_git_and_alarms() {
    type Reason = fn(&mut World);
    let ends: [(&str, Reason, bool); 4] = [
        (
            "RolloutAborted",
            |world| world.seen.command = Some(command("1", Action::Abort)),
            true,
        ),
        ("Superseded", |world| world.push("c", None), false),
        ("RolloutReverted", |world| world.push("a", None), false),
        ("SyntheticAlarm", |world| world.alarm("front"), true),
    ];
    for (word, happen, rejects) in ends {
        let mut world = uncut();
        world.seen.at = world.now;
        world.look();
        happen(&mut world);
        let effects = world.look();
        assert_eq!(world.state.rollout, None, "{word}");
        assert_eq!(effects.wish.base, Some(revision("a")));
        assert_eq!(effects.wish.canary, None, "{word}");
        assert!(
            effects
                .records
                .iter()
                .any(|one| one.message.starts_with(word))
        );
        assert!(effects.wake.is_some(), "what comes next is looked at");
        assert_eq!(world.state.rejection(&revision("b")).is_some(), rejects);
    }
}

#[test]
fn what_bakes_and_cannot_be_told_of_is_over_in_time_and_not_called_back() {
    let mut world = World::new(Router::Route);
    let mut strategy = watched(weights(&[50]));
    strategy.bake = Some(rollout::Interval::seconds(120));
    world.push("b", Some(strategy));
    let bakes = |world: &World| {
        let rollout = world.state.rollout.as_ref();
        rollout.is_some_and(|one| matches!(one.phase, Phase::Baking { .. }))
    };
    world.until(10, bakes);
    world.seen.uncut = Some("web has moved".to_owned());
    world.seen.workloads.clear();
    world.alarm("front");
    world.seen.command = Some(command("1", Action::Abort));
    world.seen.at = world.now;
    world.look();
    assert!(bakes(&world), "nobody could tell where to go back to");
    world.pass(121);
    world.seen.at = world.now;
    world.look();
    assert_eq!(world.state.rollout, None);
    assert_eq!(world.state.good, Some(revision("b")));
}

#[test]
fn an_analysis_goes_on_with_the_good_samples_that_were_told() {
    let mut world = World::new(Router::Route);
    let analysis = Analysis {
        count: Some(4),
        ..Analysis::of(vec![error_rate()])
    };
    let steps = vec![
        Step::Weight(25),
        Step::Analysis(analysis),
        Step::Weight(100),
    ];
    world.push("b", Some(Strategy::of(steps)));
    let told = |world: &World| {
        let rollout = world.state.rollout.as_ref().expect("under way");
        let gate = rollout.gate();
        (rollout.id(), gate)
    };
    let good = |world: &World| told(world).1.map_or(0, |gate| gate.good["error-rate"]);
    world.until(10, |world| world.at_step() == Some(1));
    world.until(30, |world| good(world) == 3);
    let (id, gate) = (told(&world).0, told(&world).1.expect("told"));
    let more = |good: u32| Gate {
        good: [("error-rate".to_owned(), good)].into(),
        ..gate.clone()
    };
    let before = Gate {
        since: start(),
        ..gate.clone()
    };

    world.state = State::read(&world.state.write()).expect("what was written");
    world.state.take_up("production-a#1", &gate);
    world.state.take_up(&id, &before);
    assert_eq!(good(&world), 0, "that was told of something else");
    world.state.take_up(&id, &more(2));
    assert_eq!(good(&world), 2);
    world.state.take_up(&id, &more(9));
    assert_eq!(good(&world), 3, "one is left to be heard");
    world.seen.samples.clear();
    world.seen.at = world.now;
    world.look();
    assert_eq!(world.at_step(), Some(1), "nobody has heard anything");
    world.turn();
    world.pass(30);
    world.turn();
    assert_eq!(world.at_step(), Some(2));
}
