//! Scenarios under real traffic: a control plane, pods that serve, a gateway, Prometheus and a load, in a network of
//! their own. Judged by what users of the gateway got, and by the API server's audit log.

#[path = "all/canary.rs"]
mod canary;
#[path = "all/chaos.rs"]
mod chaos;
#[path = "all/show.rs"]
mod show;
#[path = "all/sides.rs"]
mod sides;
#[path = "all/stage.rs"]
mod stage;
#[path = "all/the_lab.rs"]
mod the_lab;

use std::future::Future;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("a runtime, because this machine has threads"));

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let entered = if arguments.list {
        Ok(())
    } else {
        lab::network::enter()
    };
    let scenarios = vec![
        scenario("the_lab_routes_by_weight", the_lab::routes_by_weight),
        scenario("the_lab_misbehaves_as_told", the_lab::misbehaves_as_told),
        scenario(
            "a_good_canary_reaches_everybody_without_a_lost_request",
            canary::a_good_one_reaches_everybody_without_a_lost_request,
        ),
        scenario(
            "a_canary_that_fails_is_held_and_the_good_one_serves",
            canary::one_that_fails_is_held_and_the_good_one_serves,
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
        scenario(
            "two_namespaces_take_turns_without_a_lost_request",
            sides::take_turns_without_a_lost_request,
        ),
        scenario(
            "two_namespaces_forget_nothing_when_the_agent_is_killed",
            sides::forget_nothing_when_the_agent_is_killed,
        ),
    ];
    match entered {
        Ok(()) => libtest_mimic::run(&arguments, scenarios).exit_code(),
        Err(error) => {
            let failed = Trial::test("enters_a_network_of_its_own", move || {
                Err(Failed::from(error))
            });
            libtest_mimic::run(&arguments, vec![failed]).exit_code()
        }
    }
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
