//! What the process itself takes, under the names every Prometheus user knows.

use std::{fmt, fs, time::SystemTime};

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike as _,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Read anew at every scrape.
#[derive(Debug)]
pub(super) struct Process {
    started: SystemTime,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            started: SystemTime::now(),
        }
    }
}

impl Collector for Process {
    fn encode(&self, mut all: DescriptorEncoder<'_>) -> fmt::Result {
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let started = ConstGauge::new(started.unwrap_or_default().as_secs_f64());
        let help = "When the process started, in seconds since 1970";
        let name = "process_start_time_seconds";
        started.encode(all.encode_descriptor(name, help, None, started.metric_type())?)?;
        if let Some(seconds) = cpu_seconds() {
            let cpu = ConstCounter::new(seconds);
            let help = "Processor time used, in seconds";
            cpu.encode(all.encode_descriptor(
                "process_cpu_seconds",
                help,
                None,
                cpu.metric_type(),
            )?)?;
        }
        if let Some(bytes) = resident_bytes() {
            let resident = ConstGauge::new(bytes);
            let help = "Memory in use, in bytes";
            let name = "process_resident_memory_bytes";
            resident.encode(all.encode_descriptor(name, help, None, resident.metric_type())?)?;
        }
        Ok(())
    }
}

fn cpu_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let microseconds = u64::try_from(microseconds).ok()?;
    Some(std::time::Duration::from_micros(microseconds).as_secs_f64())
}

/// Where the system does not tell, the metric is absent.
fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
