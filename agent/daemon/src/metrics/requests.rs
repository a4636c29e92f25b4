//! Requests to API servers, as the `cluster` crate has counted them.

use std::fmt;

use cluster::Meter;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

/// Reads the meter at every scrape.
#[derive(Debug)]
pub(super) struct Requests(pub(super) Meter);

#[derive(Clone, Debug, EncodeLabelSet)]
struct RequestLabel {
    verb: &'static str,
    answer: &'static str,
}

impl Collector for Requests {
    fn encode(&self, mut all: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.counts();
        let name = "driftless_api_requests";
        let help = "Requests to API servers, by verb and class of answer";
        let mut requests = all.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (kind, count) in &counts {
            let label = RequestLabel {
                verb: kind.verb,
                answer: kind.answer,
            };
            ConstCounter::new(count.requests).encode(requests.encode_family(&label)?)?;
        }
        let name = "driftless_api_wait_seconds";
        let help = "Time until answers began, all requests of a kind together";
        let mut waits = all.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (kind, count) in &counts {
            let label = RequestLabel {
                verb: kind.verb,
                answer: kind.answer,
            };
            let waited = ConstCounter::new(count.waited.as_secs_f64());
            waited.encode(waits.encode_family(&label)?)?;
        }
        Ok(())
    }
}
