//! Numbers into verdicts.

use rollout::{
    judge::{Missing, Numbers, Reading, Verdict, condition, judge, query},
    strategy::{
        Compare, Metric, Source,
        analysis::{Exporter, Measure, Template},
    },
};

use crate::world::{error_rate, start};

fn verdict(metric: &Metric, numbers: Numbers) -> (Verdict, String) {
    let reading = Reading {
        query: "q".to_owned(),
        answer: Ok(numbers),
        log: Vec::new(),
    };
    let decision = judge(metric, &reading, start());
    (decision.verdict, decision.why)
}

fn one(canary: f64) -> Numbers {
    Numbers {
        canary,
        ..Numbers::default()
    }
}

fn both(canary: f64, stable: f64) -> Numbers {
    Numbers {
        stable: Some(stable),
        ..one(canary)
    }
}

#[test]
fn limits_hold_on_the_spot() {
    assert_eq!(verdict(&error_rate(), one(0.01)).0, Verdict::Good);
    let (bad, why) = verdict(&error_rate(), one(0.071_34));
    assert_eq!((bad, why.as_str()), (Verdict::Bad, "0.07134 is above 0.01"));
    let least = Metric {
        max: None,
        min: Some(0.99),
        ..error_rate()
    };
    assert_eq!(verdict(&least, one(0.98)).0, Verdict::Bad);
    assert_eq!(verdict(&least, one(1.0)).0, Verdict::Good);
}

#[test]
fn what_is_no_number_means_nothing() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(verdict(&error_rate(), one(number)).0, Verdict::Missing);
    }
    for missing in [
        Missing::Empty,
        Missing::Stale,
        Missing::Timeout,
        Missing::Error("503 from the server".to_owned()),
    ] {
        let reading = Reading {
            query: "q".to_owned(),
            answer: Err(missing),
            log: Vec::new(),
        };
        let decision = judge(&error_rate(), &reading, start());
        assert_eq!(
            (decision.verdict, decision.number),
            (Verdict::Missing, None)
        );
    }
}

#[test]
fn the_old_version_is_the_measure_where_it_is_asked_for() {
    let metric = Metric {
        max: None,
        compare: Some(Compare {
            ratio: 1.5,
            margin: 0.01,
            higher_is_better: false,
        }),
        ..error_rate()
    };
    assert_eq!(verdict(&metric, both(0.31, 0.2)).0, Verdict::Good);
    let (bad, why) = verdict(&metric, both(0.32, 0.2));
    assert_eq!(bad, Verdict::Bad);
    assert_eq!(why, "0.32 is above 0.31, where the old version has 0.2");
    assert_eq!(verdict(&metric, one(0.0)).0, Verdict::Missing);
    assert_eq!(verdict(&metric, both(0.0, f64::NAN)).0, Verdict::Missing);
    let better = Metric {
        compare: Some(Compare {
            ratio: 0.9,
            margin: 0.0,
            higher_is_better: true,
        }),
        ..metric
    };
    assert_eq!(verdict(&better, both(0.95, 1.0)).0, Verdict::Good);
    assert_eq!(verdict(&better, both(0.85, 1.0)).0, Verdict::Bad);
}

#[test]
fn few_requests_prove_nothing() {
    let metric = Metric {
        min_samples: 20,
        ..error_rate()
    };
    let with = |count| Numbers {
        canary_samples: count,
        ..one(0.0)
    };
    assert_eq!(verdict(&metric, with(Some(20.0))).0, Verdict::Good);
    assert_eq!(verdict(&metric, with(Some(19.0))).0, Verdict::Missing);
    assert_eq!(verdict(&metric, with(Some(f64::NAN))).0, Verdict::Missing);
    assert_eq!(verdict(&metric, with(None)).0, Verdict::Missing);
}

#[test]
fn conditions_are_asked_over_plain_numbers() {
    let metric = |text: &str| Metric {
        max: None,
        condition: Some(text.to_owned()),
        ..error_rate()
    };
    let rule = metric("canary <= 0.01 || canary <= stable * 1.5");
    assert_eq!(verdict(&rule, both(0.1, 0.08)).0, Verdict::Good);
    assert_eq!(verdict(&rule, both(0.2, 0.08)).0, Verdict::Bad);
    assert_eq!(verdict(&metric("canary < 1"), one(0.5)).0, Verdict::Good);
    let (missing, why) = verdict(&metric("samples > 10.0 && canary < 1.0"), one(0.5));
    assert_eq!(missing, Verdict::Missing, "{why}");
}

#[test]
fn conditions_that_cannot_be_used_are_refused_with_the_reason() {
    let refusals = [
        ("canary <", "is no condition"),
        ("canary", "neither true nor false"),
        ("canaries < 1.0", "names `canaries`"),
        ("[1, 2].all(x, x > 0)", "has `[`"),
        ("canary == 'x'", "has `'`"),
    ];
    for (text, word) in refusals {
        let error = condition::check(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
    let long = format!("canary < 1.0{}", " ".repeat(2000));
    assert!(condition::check(&long).is_err());
}

/// On a thread as small as those of the agent, nothing that is let through may use the stack up.
#[test]
fn no_condition_takes_the_program_down() {
    let hostile = [
        format!("{}canary{} < 1.0", "(".repeat(400), ")".repeat(400)),
        format!("{}true", "!".repeat(900)),
        format!("{}canary < 1.0", "-".repeat(900)),
        format!("{}canary < 1.0", "- ".repeat(400)),
        format!("true{}", " ? true : true".repeat(60)),
        format!("canary < 1.0{}", " && canary < 1.0".repeat(60)),
        format!("canary < 1.0{}", " + 1.0".repeat(140)),
        format!("canary{} < 1.0", ".a".repeat(400)),
        format!("{}1.0{}", "size(".repeat(150), ")".repeat(150)),
        "((((((((canary < 1.0))))))))".to_owned(),
    ];
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let done = thread.spawn(move || {
        for text in &hostile {
            let _ = condition::check(text);
        }
    });
    done.unwrap().join().unwrap();
}

#[test]
fn queries_name_the_version_they_are_for() {
    let metric = |by, measure| Metric {
        from: Source::Template(Template {
            measure,
            by,
            window: rollout::Interval::seconds(60),
            address: None,
        }),
        min_samples: 20,
        ..error_rate()
    };
    let subject = query::Subject {
        namespace: "shop",
        workload: "web-canary",
        service: "web-canary",
        longest: None,
    };
    let asked = |by, measure| query::query(&metric(by, measure), subject).unwrap();
    let traefik = asked(Exporter::Traefik, Measure::ErrorRate);
    expect_test::expect![[r#"(sum(rate(traefik_service_requests_total{service=~"shop-web-canary-http-[0-9]+@kubernetesgateway",code=~"5.."}[1m])) or sum(rate(traefik_service_requests_total{service=~"shop-web-canary-http-[0-9]+@kubernetesgateway"}[1m])) * 0) / sum(rate(traefik_service_requests_total{service=~"shop-web-canary-http-[0-9]+@kubernetesgateway"}[1m]))"#]].assert_eq(&traefik.number);
    expect_test::expect![[r#"sum(increase(traefik_service_requests_total{service=~"shop-web-canary-http-[0-9]+@kubernetesgateway"}[1m]))"#]].assert_eq(&traefik.samples.unwrap());
    let app = asked(Exporter::App, Measure::LatencyP99);
    expect_test::expect![[r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop",pod=~"web-canary-[^-]+-[^-]+"}[1m])))"#]].assert_eq(&app.number);
    let envoy = asked(Exporter::Envoy, Measure::LatencyP50);
    assert!(envoy.number.ends_with("/ 1000"), "{}", envoy.number);
}
