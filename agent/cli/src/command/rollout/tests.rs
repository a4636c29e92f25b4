//! Views of every phase, made from documents that the real state machine and the agent's own words give.

use expect_test::expect;
use jiff::SignedDuration;
use rollout::judge::Missing;
use rollout::observe::Action;

use self::stage::{Stage, WEB, revision};
use super::may::{Order, Refusal, may};
use super::{view, watch};

mod stage;

#[test]
fn settled_with_nothing_to_tell() {
    let mut stage = Stage::pushed();
    stage.seen.head = Some(revision("1"));
    stage.turn();
    stage.looks(&expect![[r"
        production ✓ Settled

        REVISION, WORKLOAD, POD  STATE   ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0   serves
    "]]);
}

#[test]
fn waiting_for_pods() {
    let mut stage = Stage::pushed();
    stage.sound = false;
    for _ in 0..3 {
        stage.turn();
    }
    stage.looks(&expect![[r"
        production … Stepping, step 1 of 9
          strategy  stepwise, for 0s
          waits     Deployment/shop/web: 0 of 1 pods of the new version are ready
          given up  in 5m00s, if it still waits for that then
          to go     9m20s at best, and somebody has to say to go on
          steps     ● 1 %  · 2m  · 10 %  · analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE               ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable              100 %
        └─ Deployment/shop/web            4/4 ready                  100 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                              90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                              90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new                 0 %
        └─ Deployment/shop/web-canary     0/1 ready                  0 %
           └─ web-canary-77c94d5b6-4xk8p  ✗ ImagePullBackOff                   90s
    "]]);
}

#[test]
fn in_a_pause() {
    let mut stage = Stage::pushed().at_step(2);
    stage.now += SignedDuration::from_secs(40);
    stage.looks(&expect![[r"
        production … Stepping, step 2 of 9
          strategy  stepwise, for 85s
          waits     paused until 2026-05-04T12:02:40Z (1m15s left)
          to go     8m35s at best, and somebody has to say to go on
          steps     ✓ 1 %  ● 2m  · 10 %  · analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     99 %
        └─ Deployment/shop/web            4/4 ready         99 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        1 %
        └─ Deployment/shop/web-canary     1/1 ready         1 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂
    "]]);
    expect!["production … Stepping, step 2 of 9, 1 % asked, 1 % achieved, Deployment/shop/web-canary 1/1: paused until 2026-05-04T12:02:40Z"].assert_eq(&watch::line(&view::of(&stage.known(), stage.now)));
}

#[test]
fn in_an_analysis() {
    let mut stage = Stage::pushed().at_step(4);
    stage.turn();
    stage.looks(&expect![[r"
        production … Stepping, step 4 of 9
          strategy  stepwise, for 3m
          waits     orders: 1 of 3 good samples
          to go     7m15s at best, and somebody has to say to go on
          steps     ✓ 1 %  ✓ 2m  ✓ 10 %  ● analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     90 %
        └─ Deployment/shop/web            4/4 ready         90 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        10 %
        └─ Deployment/shop/web-canary     1/1 ready         10 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂▂▂▂▂▂
        ✓ orders      7       at least 5    █
    "]]);
}

#[test]
fn waiting_for_people() {
    let stage = Stage::pushed().at_step(5).approve("joan");
    stage.looks(&expect![[r"
        production ‖ Stepping, step 5 of 9
          strategy  stepwise, for 3m
          waits     approvals: 1 of 2
          to go     7m00s at best, and somebody has to say to go on
          next      `driftless rollout approve production -n shop --step 5` approves
                    this step
          steps     ✓ 1 %  ✓ 2m  ✓ 10 %  ✓ analysis  ● approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     90 %
        └─ Deployment/shop/web            4/4 ready         90 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        10 %
        └─ Deployment/shop/web-canary     1/1 ready         10 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂▂▂▂▂▂▂
        ✓ orders      7       at least 5    ███
    "]]);
}

#[test]
fn paused_by_hand() {
    let stage = Stage::pushed().at_step(2).say(Action::Pause);
    stage.looks(&expect![[r"
        production ‖ Stepping, step 2 of 9
          strategy  stepwise, for 52s
          waits     paused by jane
          to go     9m08s at best, and somebody has to say to go on
          command   pause by jane, 7s ago
          next      `driftless rollout promote production -n shop` goes on
          steps     ✓ 1 %  ● 2m  · 10 %  · analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     99 %
        └─ Deployment/shop/web            4/4 ready         99 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        1 %
        └─ Deployment/shop/web-canary     1/1 ready         1 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂
    "]]);
}

#[test]
fn without_a_number() {
    let mut stage = Stage::pushed().at_step(3);
    stage.number = Err(Missing::Timeout);
    stage = stage.until(|stage| stage.status.message.contains("no answer"));
    stage.looks(&expect![[r"
        production … Stepping, step 3 of 9
          strategy  stepwise, for 3m
          waits     error-rate: there was no answer in time
          to go     7m20s at best, and somebody has to say to go on
          steps     ✓ 1 %  ✓ 2m  ● 10 %  · analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     90 %
        └─ Deployment/shop/web            4/4 ready         90 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        10 %
        └─ Deployment/shop/web-canary     1/1 ready         10 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST  LIMIT         NUMBERS
        ? error-rate  -     at most 0.01  ▂▂▂▂▂▂
            there was no answer in time
    "]]);
}

#[test]
fn promoting() {
    let mut stage = Stage::pushed().at_step(5).approve("jane").approve("joan");
    stage = stage.at_step(7).say(Action::PromoteFully);
    stage.seen.workloads.get_mut(WEB).unwrap().stable.ready = 3;
    stage.turn();
    stage.looks(&expect![[r"
        production … Promoting
          strategy  stepwise, for 4m
          waits     Deployment/shop/web: 3 of 4 pods are ready
          given up  in 4m53s, if it still waits for that then
          command   promote --full by jane, 7s ago
          steps     ✓ 1 %  ✓ 2m  ✓ 10 %  ✓ analysis  ✓ approval of 2  ✓ 50 %  ✓ 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     50 %
        └─ Deployment/shop/web            3/4 ready         50 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        50 %
        └─ Deployment/shop/web-canary     2/2 ready         50 %
           ├─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s
           └─ web-canary-77c94d5b6-9sdfk  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂▂▂▂▂▂▂▂
        ✓ orders      7       at least 5    ███
    "]]);
}

#[test]
fn baking() {
    let stage = Stage::pushed().at_step(5).approve("jane").approve("joan");
    stage.in_phase("Baking").looks(&expect![[r"
        production ◷ Baking
          strategy  stepwise, for 11m
          waits     the bake time, until 2026-05-04T12:21:50Z (9m55s left)
          steps     ✓ 1 %  ✓ 2m  ✓ 10 %  ✓ analysis  ✓ approval of 2  ✓ 50 %  ✓ 5m
                    ✓ 100 %  ✓ 2m

        REVISION, WORKLOAD, POD  STATE   ASKED  ACHIEVED  AGE
        2222222 Ada: web 2.2.0   serves

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂
        ✓ orders      7       at least 5    ███

        AGO  DECISION     WHAT
        8m   StepStarted  step 6 of 9: weight
        8m   Weighted     10 % -> 50 %
        7m   StepStarted  step 7 of 9: pause
        2m   StepStarted  step 8 of 9: weight
        2m   Weighted     50 % -> 100 %
        2m   StepStarted  step 9 of 9: pause
        15s  Promoting    all steps are passed
        5s   Promoted     2222222 is promoted
    "]]);
}

#[test]
fn going_back_and_held_with_the_number() {
    let mut stage = Stage::pushed().at_step(3);
    stage.number = Ok(0.3125);
    stage = stage.in_phase("Ending");
    stage.looks(&expect![[r"
        production ↩ Ending
          strategy  stepwise, for 3m
          because   AnalysisFailed: error-rate: 0.3125 is above 0.01
          waits     Deployment/shop/web: its routes give 10 %, not yet 0 %
          steps     ✓ 1 %  ✓ 2m  · 10 %  · analysis  · approval of 2  · 50 %  · 5m
                    · 100 %  · 2m

        REVISION, WORKLOAD, POD           STATE      ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0            stable     100 %
        └─ Deployment/shop/web            4/4 ready         90 %
           ├─ web-6b9f7c8d4-4xk8p         ✓ Ready                     90s
           ├─ web-6b9f7c8d4-9sdfk         ✓ Ready                     90s
           └─ 2 more, 2 ready
        2222222 Ada: web 2.2.0            new        0 %
        └─ Deployment/shop/web-canary     1/1 ready         10 %
           └─ web-canary-77c94d5b6-4xk8p  ✓ Ready                     90s

        METRIC        LAST    LIMIT         NUMBERS
        ✗ error-rate  0.3125  at most 0.01  ▂▂▂▂▂▂█

        AGO  DECISION     WHAT
        3m   Started      2222222 begins
        3m   StepStarted  step 1 of 9: weight
        3m   Weighted     0 % -> 1 %
        2m   StepStarted  step 2 of 9: pause
        35s  StepStarted  step 3 of 9: weight
        35s  Weighted     1 % -> 10 %
        5s   Ending       AnalysisFailed: error-rate: 0.3125 is above 0.01
    "]]);
    stage = stage.in_phase("Held");
    stage.now += SignedDuration::from_mins(3);
    stage.looks(&expect![[r#"
        production ✗ Held
          rejected  2222222 3m ago: AnalysisFailed
          number    error-rate was 0.3125, 31.3 times the limit (at most 0.01)
          asked     sum(rate(http_requests_total{code=~"5.."}[1m])) /
                    sum(rate(http_requests_total[1m]))
          next      `driftless rollout retry production -n shop` tries it again; a newer
                    commit goes on, too

        REVISION, WORKLOAD, POD  STATE   ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0   serves

        METRIC        LAST    LIMIT         NUMBERS
        ✗ error-rate  0.3125  at most 0.01  ▂▂▂▂▂▂█

        AGO  DECISION     WHAT
        6m   Started      2222222 begins
        6m   StepStarted  step 1 of 9: weight
        6m   Weighted     0 % -> 1 %
        5m   StepStarted  step 2 of 9: pause
        3m   StepStarted  step 3 of 9: weight
        3m   Weighted     1 % -> 10 %
        3m   Ending       AnalysisFailed: error-rate: 0.3125 is above 0.01
        3m   Ended        2222222 is off
    "#]]);
    expect!["production ✗ Held: AnalysisFailed: error-rate: 0.3125 is above 0.01"]
        .assert_eq(&watch::line(&view::of(&stage.known(), stage.now)));
}

#[test]
fn held_because_somebody_said_so() {
    let stage = Stage::pushed()
        .at_step(2)
        .say(Action::Abort)
        .in_phase("Held");
    stage.looks(&expect![[r"
        production ✗ Held
          rejected  2222222 5s ago: RolloutAborted
          because   aborted by jane
          command   abort by jane, 12s ago
          next      `driftless rollout retry production -n shop` tries it again; a newer
                    commit goes on, too

        REVISION, WORKLOAD, POD  STATE   ASKED  ACHIEVED  AGE
        1111111 Ada: web 2.1.0   serves

        METRIC        LAST    LIMIT         NUMBERS
        ✓ error-rate  0.0021  at most 0.01  ▂▂

        AGO  DECISION     WHAT
        57s  Started      2222222 begins
        57s  StepStarted  step 1 of 9: weight
        52s  Weighted     0 % -> 1 %
        17s  StepStarted  step 2 of 9: pause
        12s  Ending       RolloutAborted: aborted by jane
        12s  Commanded    abort (by jane)
        5s   Ended        2222222 is off
    "]]);
}

#[test]
fn narrow_screens_get_what_fits() {
    let text = Stage::pushed().at_step(2).paint(60);
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(64), "{text}");
}

#[test]
fn an_older_program_shows_what_the_status_says() {
    let mut stage = Stage::pushed().at_step(2);
    stage.status.state["format"] = 99.into();
    let text = stage.paint(80);
    for words in ["… Stepping", "web-canary", "1 %", "waits", "paused until"] {
        assert!(text.contains(words), "no {words}:\n{text}");
    }
    let refused = may(Order::Pause, &stage.environment(), None, "jane");
    assert!(
        matches!(refused, Err(Refusal::Unreadable(..))),
        "{refused:?}"
    );
}

/// What is said to an order, from where a rollout stands.
fn told(stage: &Stage, order: Order, step: Option<usize>, by: &str) -> String {
    match may(order, &stage.environment(), step, by) {
        Ok(meant) => format!(
            "{} {:?}: {}",
            meant.rollout.unwrap_or_default(),
            meant.step,
            meant.place
        ),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn orders_are_refused_where_they_make_no_sense() {
    use Order::{Abort, Approve, Pause, Promote, PromoteFully, Retry, Skip};
    let mut quiet = Stage::pushed();
    quiet.seen.head = Some(revision("1"));
    quiet.turn();
    let paused = Stage::pushed().at_step(2).say(Action::Pause);
    let approved = Stage::pushed().at_step(5).approve("jane");
    let promoting = Stage::pushed().at_step(2).say(Action::PromoteFully);
    let aborted = Stage::pushed().at_step(2).say(Action::Abort);
    let held = Stage::pushed()
        .at_step(2)
        .say(Action::Abort)
        .in_phase("Held");
    let weight = Stage::pushed().at_step(3);
    let said = [
        (&quiet, Promote, None),
        (&quiet, Retry, None),
        (&weight, Promote, None),
        (&weight, Approve, None),
        (&weight, Skip, None),
        (&weight, Skip, Some(2)),
        (&weight, Retry, None),
        (&paused, Pause, None),
        (&paused, Promote, None),
        (&approved, Approve, None),
        (&approved, Promote, None),
        (&promoting, Skip, None),
        (&promoting, Abort, None),
        (&aborted, Abort, None),
        (&aborted, PromoteFully, None),
        (&held, Abort, None),
        (&held, Retry, None),
    ];
    let lines = said.map(|(stage, order, step)| {
        format!(
            "{} -> {}\n",
            order.as_str(),
            told(stage, order, step, "jane")
        )
    });
    expect![[r"
        promote -> no rollout of Environment `production` is under way: 1111111 serves everybody
        retry -> nothing of Environment `production` was rejected
        promote -> step 3 of 9 (10 %) of Environment `production` waits for nobody
        approve -> step 3 of 9 (10 %) of Environment `production` waits for nobody
        skip -> production-000002#1 Some(2): step 3 of 9 (10 %)
        skip -> Environment `production` is at step 3 of 9 (10 %), not at step 2
        retry -> 2222222 is on its way in Environment `production` already
        pause -> Environment `production` is paused by jane already
        promote -> production-000002#1 Some(1): step 2 of 9 (2m)
        approve -> jane has approved step 5 of 9 (approval of 2) of Environment `production` already
        promote -> jane has approved step 5 of 9 (approval of 2) of Environment `production` already
        skip -> the steps of Environment `production` are over: it is Promoting
        abort -> production-000002#1 None: its promotion
        abort -> Environment `production` is on its way back already
        promote --full -> Environment `production` is on its way back already
        abort -> no rollout of Environment `production` is under way: 2222222 was rejected (aborted by jane)
        retry -> production-000002#1 None: 2222222
    "]].assert_eq(&lines.concat());
}
