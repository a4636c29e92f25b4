//! Traces of releases for OpenTelemetry: one trace each, from hearing of the commit to the end of the release.
//!
//! A release lives through many passes, so its spans are not those of running code: they are made from the
//! [`Journey`] once the release has ended, and sent as OTLP over HTTP by a thread of their own. Nothing waits for them.

use std::time::SystemTime;

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

use crate::journey::{Journey, Leg};

/// Sends traces, if there is somewhere to send them to.
pub(crate) struct Traces {
    provider: Option<SdkTracerProvider>,
}

/// What a trace says of its release.
pub(crate) struct About<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) release: &'a str,
    pub(crate) phase: &'static str,
    pub(crate) went_well: bool,
}

impl Traces {
    /// To the collector whose OTLP/HTTP base address is `endpoint`, or to nobody.
    pub(crate) fn to(endpoint: Option<&str>, identity: &str) -> Result<Self, ExporterBuildError> {
        let Some(endpoint) = endpoint else {
            return Ok(Self { provider: None });
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let resource = Resource::builder()
            .with_service_name("driftless")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", identity.to_owned()),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self {
            provider: Some(provider),
        })
    }

    /// Sends the trace of a release that ended at `end`.
    pub(crate) fn send(&self, journey: &Journey, about: &About<'_>, end: SystemTime) {
        let Some(provider) = &self.provider else {
            return;
        };
        let tracer = provider.tracer("driftless");
        let attributes = [
            KeyValue::new("driftless.namespace", about.namespace.to_owned()),
            KeyValue::new("driftless.environment", about.environment.to_owned()),
            KeyValue::new("driftless.release", about.release.to_owned()),
            KeyValue::new("driftless.revision", journey.revision.to_string()),
            KeyValue::new("driftless.phase", about.phase),
        ];
        let mut root = tracer
            .span_builder("release")
            .with_start_time(journey.heard)
            .with_attributes(attributes)
            .start(&tracer);
        if !about.went_well {
            root.set_status(Status::error(about.phase));
        }
        let trace = root.span_context().trace_id();
        tracing::debug!(release = about.release, %trace, "the release's trace is sent");
        let context = Context::new().with_span(root);
        for leg in &journey.legs {
            send_leg(&tracer, &context, leg);
        }
        context.span().end_with_timestamp(end);
    }

    /// Sends what is left. Blocks, for seconds if the collector does not answer.
    pub(crate) fn close(&self) {
        if let Some(Err(error)) = self.provider.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn send_leg(tracer: &SdkTracer, context: &Context, leg: &Leg) {
    let mut span = tracer
        .span_builder(leg.name)
        .with_start_time(leg.from)
        .start_with_context(tracer, context);
    if leg.failed {
        span.set_status(Status::error(leg.name));
    }
    span.end_with_timestamp(leg.to);
}
