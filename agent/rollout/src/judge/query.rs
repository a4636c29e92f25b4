//! The queries that come with the agent, and the filling-in of places in those that do not.
//!
//! Names of metrics and labels are those that each exporter prints today; where the name of a route or a Service is
//! part of a label, it is put together as that exporter does it.

use std::time::Duration;

use crate::{
    duration::Interval,
    strategy::{
        Metric, Source,
        analysis::{Exporter, Measure, Template},
    },
};

/// Whose numbers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The namespace of the workload.
    pub namespace: &'a str,
    /// The workload: `web` or `web-canary`.
    pub workload: &'a str,
    /// The Service that the routes lead to: `web` or `web-canary`.
    pub service: &'a str,
    /// How long the rollout has been under way: no window reaches further back, to what another canary of the same
    /// name may have done. `None` for as far as the metric says.
    pub longest: Option<Duration>,
}

/// A query, and the one for the number of requests it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// For the number.
    pub number: String,
    /// For the requests in the window.
    pub samples: Option<String>,
}

impl Subject<'_> {
    /// The window as Prometheus writes it.
    fn window(&self, asked: Interval) -> String {
        match self.longest.filter(|longest| *longest < asked.duration()) {
            Some(longest) => format!("{}s", longest.as_secs().max(1)),
            None => asked.to_string(),
        }
    }
}

/// What to ask Prometheus for `metric` of `subject`; `None` if it comes from elsewhere.
pub fn query(metric: &Metric, subject: Subject<'_>) -> Option<Query> {
    match &metric.from {
        Source::Template(template) => Some(Query {
            number: fill(&number(template), subject, &subject.window(template.window)),
            samples: (metric.min_samples > 0).then(|| {
                fill(
                    &samples(template),
                    subject,
                    &subject.window(template.window),
                )
            }),
        }),
        Source::Prometheus(own) => {
            let window = subject.window(own.window);
            let counted = own.samples.as_ref().filter(|_| metric.min_samples > 0);
            Some(Query {
                number: fill(&own.query, subject, &window),
                samples: counted.map(|text| fill(text, subject, &window)),
            })
        }
        Source::Web(_) | Source::Job(_) | Source::Synthetic(_) => None,
    }
}

/// `text` with its places filled in. Names of objects hold no quotes, so that nothing can break out of a label.
pub fn fill(text: &str, subject: Subject<'_>, window: &str) -> String {
    // Pods of `web` are `web-<hash>-<id>`; those of `web-canary` have a part more.
    let pods = format!("{}-[^-]+-[^-]+", subject.workload);
    text.replace("{{namespace}}", subject.namespace)
        .replace("{{workload}}", subject.workload)
        .replace("{{service}}", subject.service)
        .replace("{{pods}}", &pods)
        .replace("{{window}}", window)
}

struct Names {
    /// Counts requests.
    requests: &'static str,
    /// Counts requests by how long they took.
    buckets: &'static str,
    /// Picks the version.
    which: &'static str,
    /// Picks what went wrong.
    failed: &'static str,
    /// What a bucket's unit is to a second.
    unit: f64,
}

const fn names(by: Exporter) -> Names {
    match by {
        Exporter::Traefik => Names {
            requests: "traefik_service_requests_total",
            buckets: "traefik_service_request_duration_seconds_bucket",
            which: r#"service=~"{{namespace}}-{{service}}-http-[0-9]+@kubernetesgateway""#,
            failed: r#"code=~"5..""#,
            unit: 1.0,
        },
        Exporter::Envoy => Names {
            requests: "envoy_cluster_upstream_rq_xx",
            buckets: "envoy_cluster_upstream_rq_time_bucket",
            which: r#"envoy_cluster_name=~".*{{namespace}}/{{service}}(/.*|:.*)?""#,
            failed: r#"envoy_response_code_class="5""#,
            unit: 1000.0,
        },
        Exporter::Nginx => Names {
            requests: "nginx_ingress_controller_requests",
            buckets: "nginx_ingress_controller_request_duration_seconds_bucket",
            which: r#"exported_namespace="{{namespace}}",exported_service="{{service}}""#,
            failed: r#"status=~"5..""#,
            unit: 1.0,
        },
        Exporter::App => Names {
            requests: "http_requests_total",
            buckets: "http_request_duration_seconds_bucket",
            which: r#"namespace="{{namespace}}",pod=~"{{pods}}""#,
            failed: r#"code=~"5..""#,
            unit: 1.0,
        },
    }
}

fn number(template: &Template) -> String {
    let names = names(template.by);
    match template.measure {
        Measure::ErrorRate => error_rate(&names),
        Measure::LatencyP50 => quantile(&names, "0.5"),
        Measure::LatencyP95 => quantile(&names, "0.95"),
        Measure::LatencyP99 => quantile(&names, "0.99"),
        Measure::RequestRate => format!(
            "sum(rate({}{{{}}}[{{{{window}}}}]))",
            names.requests, names.which
        ),
    }
}

/// Without a failed request there is no series of failed requests, and their number is 0; without any request there is
/// no number at all.
fn error_rate(names: &Names) -> String {
    let Names {
        requests,
        which,
        failed,
        ..
    } = names;
    let all = format!("sum(rate({requests}{{{which}}}[{{{{window}}}}]))");
    let bad = format!("sum(rate({requests}{{{which},{failed}}}[{{{{window}}}}]))");
    format!("({bad} or {all} * 0) / {all}")
}

fn quantile(names: &Names, quantile: &str) -> String {
    let Names { buckets, which, .. } = names;
    let seconds = format!(
        "histogram_quantile({quantile}, sum by (le) (rate({buckets}{{{which}}}[{{{{window}}}}])))"
    );
    match names.unit > 1.0 {
        true => format!("{seconds} / {}", names.unit),
        false => seconds,
    }
}

fn samples(template: &Template) -> String {
    let names = names(template.by);
    format!(
        "sum(increase({}{{{}}}[{{{{window}}}}]))",
        names.requests, names.which
    )
}
