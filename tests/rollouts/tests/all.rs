//! Scenarios under real traffic: a control plane, pods that serve, a gateway, Prometheus and a load, in a network of
//! their own. Judged by what users of the gateway got, and by the API server's audit log.

#[path = "all/apart.rs"]
mod apart;
#[path = "all/bad.rs"]
mod bad;
#[path = "all/blind.rs"]
mod blind;
#[path = "all/canary.rs"]
mod canary;
#[path = "all/chaos.rs"]
mod chaos;
#[path = "all/config.rs"]
mod config;
#[path = "all/cost.rs"]
mod cost;
#[path = "all/figures.rs"]
mod figures;
#[path = "all/hands.rs"]
mod hands;
#[path = "all/kills.rs"]
mod kills;
#[path = "all/memory.rs"]
mod memory;
#[path = "all/news.rs"]
mod news;
#[path = "all/pauses.rs"]
mod pauses;
#[path = "all/record.rs"]
mod record;
#[path = "all/show.rs"]
mod show;
#[path = "all/sides.rs"]
mod sides;
#[path = "all/stage.rs"]
mod stage;
#[path = "all/switch.rs"]
mod switch;
#[path = "all/synthetic.rs"]
mod synthetic;
#[path = "all/the_lab.rs"]
mod the_lab;
#[path = "all/unreachable.rs"]
mod unreachable;
#[path = "all/workers.rs"]
mod workers;

use std::future::Future;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// How many scenarios are played at a time: most of the time of each is waiting.
const AT_ONCE: usize = 4;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime, because this machine has threads"));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let entered = if arguments.list {
        Ok(())
    } else {
        lab::network::enter()
    };
    arguments.test_threads = match stage::figures_are_taken() {
        true => Some(1),
        false => arguments.test_threads.or(Some(AT_ONCE)),
    };
    match entered {
        Ok(()) => {
            let conclusion = libtest_mimic::run(&arguments, scenarios());
            match figures::print() {
                Ok(()) => conclusion.exit_code(),
                Err(_) => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            let failed = Trial::test("enters_a_network_of_its_own", move || {
                Err(Failed::from(error))
            });
            libtest_mimic::run(&arguments, vec![failed]).exit_code()
        }
    }
}

/// Every scenario; the longest first, so that the last one is not waited for alone.
fn scenarios() -> Vec<Trial> {
    let all = [
        kills(),
        pauses(),
        apart(),
        unreachable(),
        sides(),
        switch(),
        chaos(),
        the_lab(),
        canary(),
        bad(),
        blind(),
        config(),
        news(),
        hands(),
        memory(),
        cost(),
    ];
    all.into_iter().flatten().collect()
}

fn kills() -> Vec<Trial> {
    vec![
        scenario(
            "killed_at_every_word_of_the_state_a_good_canary_goes_on",
            kills::at_every_word_of_the_state_a_good_one_goes_on,
        ),
        scenario(
            "killed_at_every_write_of_an_object_a_good_canary_goes_on",
            kills::at_every_write_of_an_object_a_good_one_goes_on,
        ),
        scenario(
            "killed_at_every_boundary_a_bad_canary_goes_back",
            kills::at_every_boundary_a_bad_one_goes_back,
        ),
        scenario(
            "another_replica_takes_over_where_the_owner_died",
            kills::another_replica_takes_over_where_the_owner_died,
        ),
    ]
}

fn pauses() -> Vec<Trial> {
    vec![
        scenario(
            "killed_in_a_pause_a_canary_goes_on_in_time",
            pauses::beside_the_stable_version,
        ),
        scenario(
            "killed_in_a_pause_two_namespaces_go_on_in_time",
            pauses::in_another_namespace,
        ),
    ]
}

fn apart() -> Vec<Trial> {
    vec![
        scenario(
            "a_suspended_canary_stands_still_and_goes_on_from_there",
            apart::a_suspended_canary_stands_still_and_goes_on_from_there,
        ),
        scenario(
            "a_canary_that_fails_while_suspended_goes_back_once_resumed",
            apart::a_canary_that_fails_while_suspended_goes_back_once_resumed,
        ),
        scenario(
            "a_canary_is_taken_back_before_its_environment_is_let_go",
            apart::a_canary_is_taken_back_before_its_environment_is_let_go,
        ),
        scenario(
            "a_canary_is_taken_back_before_its_environment_is_deleted",
            apart::a_canary_is_taken_back_before_its_environment_is_deleted,
        ),
    ]
}

fn unreachable() -> Vec<Trial> {
    vec![
        scenario(
            "a_good_canary_waits_for_an_api_server_that_is_away",
            unreachable::a_good_one_waits_and_goes_on,
        ),
        scenario(
            "a_bad_canary_goes_back_after_an_api_server_was_away",
            unreachable::a_bad_one_goes_back_before_anybody_is_added,
        ),
    ]
}

fn the_lab() -> Vec<Trial> {
    vec![
        scenario("the_lab_routes_by_weight", the_lab::routes_by_weight),
        scenario("the_lab_misbehaves_as_told", the_lab::misbehaves_as_told),
    ]
}

fn canary() -> Vec<Trial> {
    vec![
        scenario(
            "a_good_canary_reaches_everybody_without_a_lost_request",
            canary::a_good_one_reaches_everybody_without_a_lost_request,
        ),
        scenario(
            "a_canary_that_fails_is_held_and_the_good_one_serves",
            canary::one_that_fails_is_held_and_the_good_one_serves,
        ),
    ]
}

fn bad() -> Vec<Trial> {
    vec![
        scenario(
            "a_slow_canary_is_held_by_its_latency",
            bad::a_slow_one_is_held_by_its_latency,
        ),
        scenario(
            "a_canary_that_crashes_after_half_is_taken_back_at_once",
            bad::one_that_crashes_after_half_is_taken_back_at_once,
        ),
        scenario(
            "a_canary_that_is_never_ready_serves_nobody",
            bad::one_that_is_never_ready_serves_nobody,
        ),
    ]
}

fn blind() -> Vec<Trial> {
    vec![
        scenario(
            "without_numbers_nothing_passes_and_patience_ends",
            blind::without_numbers_nothing_passes_and_patience_ends,
        ),
        scenario(
            "a_prometheus_that_freezes_is_waited_for",
            blind::a_prometheus_that_freezes_is_waited_for,
        ),
    ]
}

fn config() -> Vec<Trial> {
    vec![scenario(
        "a_bad_config_is_held_with_all_of_its_commit",
        config::a_bad_one_is_held_with_all_of_its_commit,
    )]
}

fn news() -> Vec<Trial> {
    vec![
        scenario(
            "a_newer_commit_takes_the_place_of_the_canary",
            news::a_newer_commit_takes_the_place_of_the_canary,
        ),
        scenario(
            "a_revert_ends_a_canary_without_blame",
            news::a_revert_ends_it_without_blame,
        ),
        scenario(
            "a_commit_in_the_bake_time_goes_step_by_step",
            news::a_commit_in_the_bake_time_goes_step_by_step,
        ),
    ]
}

fn hands() -> Vec<Trial> {
    vec![
        scenario(
            "a_route_edited_by_hand_is_put_back_and_told",
            hands::a_route_edited_by_hand_is_put_back_and_told,
        ),
        scenario(
            "an_autoscaler_is_not_fought_and_takes_no_pods_that_are_needed",
            hands::an_autoscaler_is_not_fought_and_takes_no_pods_that_are_needed,
        ),
        scenario(
            "chaos_scales_a_canary_that_has_an_autoscaler_and_gives_it_back",
            hands::chaos_scales_a_canary_that_has_an_autoscaler_and_gives_it_back,
        ),
    ]
}

fn memory() -> Vec<Trial> {
    vec![scenario(
        "a_rejected_revision_stays_out_until_a_retry",
        memory::a_rejected_revision_stays_out_until_a_retry,
    )]
}

fn cost() -> Vec<Trial> {
    vec![
        scenario("a_pause_costs_nothing", cost::a_pause_costs_nothing),
        scenario(
            "a_watched_pause_costs_a_write_for_a_few_numbers",
            cost::a_watched_pause_costs_a_write_for_a_few_numbers,
        ),
        scenario("a_step_costs_a_few_writes", cost::a_step_costs_a_few_writes),
    ]
}

fn chaos() -> Vec<Trial> {
    vec![
        scenario(
            "a_check_is_a_gate_that_the_canary_alone_has_to_pass",
            synthetic::is_a_gate_that_the_canary_alone_has_to_pass,
        ),
        scenario(
            "a_check_is_an_alarm_that_brings_the_former_release_back",
            synthetic::is_an_alarm_that_brings_the_former_release_back,
        ),
        scenario(
            "chaos_kills_half_of_the_canary_and_spares_the_stable_one",
            chaos::kills_half_of_the_canary_and_spares_the_stable_one,
        ),
        scenario(
            "chaos_that_cuts_the_canary_off_sends_it_back",
            chaos::that_cuts_the_canary_off_sends_it_back,
        ),
        scenario(
            "chaos_is_over_in_time_although_the_agent_was_killed_and_git_is_gone",
            chaos::is_over_in_time_although_the_agent_was_killed_and_git_is_gone,
        ),
        scenario(
            "chaos_does_not_outlive_a_suspension_or_its_environment",
            chaos::does_not_outlive_a_suspension_or_its_environment,
        ),
    ]
}

fn sides() -> Vec<Trial> {
    vec![
        scenario(
            "two_namespaces_take_turns_without_a_lost_request",
            sides::take_turns_without_a_lost_request,
        ),
        scenario(
            "two_namespaces_forget_nothing_when_the_agent_is_killed",
            sides::forget_nothing_when_the_agent_is_killed,
        ),
        scenario(
            "two_namespaces_run_hooks_and_jobs_on_the_side_that_is_on_its_way",
            workers::run_on_the_side_that_is_on_its_way,
        ),
        scenario(
            "two_namespaces_stand_still_when_one_is_out_of_reach",
            sides::out_of_reach_they_stand_still_and_are_watched,
        ),
    ]
}

fn switch() -> Vec<Trial> {
    vec![
        scenario(
            "a_switch_by_a_route_is_one_write_and_goes_back_in_one",
            switch::by_a_route_is_one_write_and_goes_back_in_one,
        ),
        scenario(
            "a_switch_by_a_selector_is_one_write_and_goes_back_in_one",
            switch::by_a_selector_is_one_write_and_goes_back_in_one,
        ),
    ]
}

fn scenario<F>(name: &str, run: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<()>>,
{
    Trial::test(name, move || {
        let ended = RUNTIME.block_on(run());
        ended.map_err(|error| Failed::from(format!("{error:#}")))
    })
}
