//! The loop: triggers, tasks, telemetry.
