//! The windows of an Environment, from its document to what can be judged by.

use api::v1alpha1::{Window, WindowKind};
use jiff::SignedDuration;
use plan::windows::{Rule, WindowFault, Windows};

/// Reads the windows of a spec, or says everything that is wrong with them.
pub fn windows(spec: &[Window]) -> Result<Windows, Vec<WindowFault>> {
    Windows::parse(spec.iter().map(|window| Rule {
        deny: window.kind == WindowKind::Deny,
        schedule: &window.schedule,
        duration:
            SignedDuration::try_from(window.duration.duration()).unwrap_or(SignedDuration::MAX),
        time_zone: &window.time_zone,
    }))
}
