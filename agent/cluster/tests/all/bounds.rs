//! No server, however broken, can hold a call for long or fill the memory.

use std::time::Duration;

use cluster::{CallError, Detail, Limits, Watched};
use tokio::time::{Instant, timeout};

use crate::{
    fake::{Fake, answer, config_maps},
    world::{PATIENCE, until},
};

fn limits() -> Limits {
    Limits {
        call: Duration::from_secs(20),
        attempt: Duration::from_secs(10),
        attempts: 3,
        patience: 3,
        pause: Duration::from_millis(20),
        silence: Duration::from_secs(10),
        answer: 1 << 20,
    }
}

#[tokio::test]
async fn a_server_that_says_come_back_tomorrow_is_asked_again_soon_and_then_left_alone() {
    let busy = answer(
        "429 Too Many Requests\r\nRetry-After: 86400",
        "text/plain",
        "busy",
    );
    let fake = Fake::saying(busy, limits()).await;
    let begun = Instant::now();
    let error = fake
        .cluster
        .list_facts(&config_maps(), None, "")
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Throttled { after } if after == Duration::from_mins(1)),
        "{error:?}"
    );
    assert!(error.is_retryable() && begun.elapsed() < Duration::from_secs(10));
    assert_eq!(fake.asked(), 3);
}

#[tokio::test]
async fn a_black_hole_ends_at_the_deadline() {
    let limits = Limits {
        attempt: Duration::from_millis(300),
        ..limits()
    };
    let fake = Fake::saying("", limits).await;
    let error = timeout(PATIENCE, fake.cluster.look(&config_maps(), "shop", "x"))
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, CallError::Timeout(_)), "{error:?}");
    assert_eq!(fake.asked(), 1);
}

/// Finds out soon that nobody is there.
fn watchful() -> Limits {
    Limits {
        silence: Duration::from_millis(200),
        ..limits()
    }
}

#[tokio::test]
async fn a_server_that_is_frozen_is_found_out_long_before_the_deadline_by_one_who_asks_for_all() {
    const WAITING: usize = 4;
    let fake = Fake::saying("", watchful()).await;
    let (begun, maps) = (Instant::now(), config_maps());
    let looks = (0..WAITING).map(|_| fake.cluster.look(&maps, "shop", "x"));
    for outcome in futures::future::join_all(looks).await {
        let error = outcome.unwrap_err();
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().ends_with("answers nothing any more"));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    assert_eq!(
        fake.asked(),
        WAITING + 2,
        "twice how it is, for all of them"
    );
}

#[tokio::test]
async fn a_server_that_is_there_and_takes_long_is_waited_for() {
    let says = |path: &str| match path.starts_with("/livez") {
        // That it is not well is an answer, too.
        true => answer("500 Internal Server Error", "text/plain", "no").into_bytes(),
        false => Vec::new(),
    };
    let limits = Limits {
        attempt: Duration::from_secs(2),
        ..watchful()
    };
    let fake = Fake::answering(says, limits).await;
    let begun = Instant::now();
    let error = fake.cluster.look(&config_maps(), "shop", "x").await;
    let error = error.unwrap_err();
    assert!(matches!(error, CallError::Timeout(_)), "{error:?}");
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert!(fake.asked() > 2, "asked {} times", fake.asked());
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let fake = Fake::saying(
        answer("200 OK", "application/json", &" ".repeat(3 << 20)),
        limits(),
    )
    .await;
    let error = fake
        .cluster
        .list_facts(&config_maps(), None, "")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "not an answer of a Kubernetes API server: it is larger than any answer should be"
    );
}

#[tokio::test]
async fn a_server_that_is_down_is_told_with_the_innermost_reason() {
    let fake = Fake::saying(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        limits(),
    )
    .await;
    let mut events =
        Box::pin(
            fake.cluster
                .watch(&config_maps(), None, String::new(), Detail::Metadata),
        );
    let fault = until(&mut events, |event| match event {
        Watched::Failed(fault) => Some(fault),
        other => panic!("{other:?}"),
    });
    assert!(fault.await.is_retryable());
}
