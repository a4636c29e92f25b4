//! The last lines of a Job's log, as far as a Release has room for them.

use std::time::Duration;

use cluster::Cluster;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{ListParams, LogParams},
};

/// How many lines are kept, and how much of each.
const LINES: usize = 20;
const LINE: usize = 300;
/// How many bytes are asked for.
const BYTES: i64 = 16 * 1024;
/// A log that does not come is not waited for: the pass holds up its environment meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of the log of the Job's newest pod, or why there is none.
pub(in crate::pass) async fn tail(cluster: &Cluster, namespace: &str, job: &str) -> Vec<String> {
    let read = tokio::time::timeout(PATIENCE, read(cluster, namespace, job));
    let text = match read.await {
        Ok(Ok(text)) => text,
        Ok(Err(kube::Error::Api(status))) => {
            format!("(its log cannot be read: {})", status.message)
        }
        Ok(Err(error)) => format!("(its log cannot be read: {error})"),
        Err(_) => "(its log did not come in time)".to_owned(),
    };
    last_lines(&text)
}

async fn read(cluster: &Cluster, namespace: &str, job: &str) -> Result<String, kube::Error> {
    let pods: Api<Pod> = Api::namespaced(cluster.client(), namespace);
    let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    let mut found = pods.list(&of_job).await?.items;
    found.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let Some(pod) = found.pop() else {
        return Ok("(it has no pod)".to_owned());
    };
    let params = LogParams {
        container: container(&pod),
        tail_lines: i64::try_from(LINES).ok(),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let name = pod.metadata.name.unwrap_or_default();
    pods.logs(&name, &params).await
}

/// The container that failed, or else the first.
fn container(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref();
    let statuses = status.map(|status| {
        let (main, init) = (&status.container_statuses, &status.init_container_statuses);
        init.iter().flatten().chain(main.iter().flatten())
    });
    let failed = statuses.into_iter().flatten().find(|status| {
        let state = status.state.as_ref();
        let ended = state.and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code != 0)
    });
    let first = || Some(pod.spec.as_ref()?.containers.first()?.name.clone());
    failed.map(|status| status.name.clone()).or_else(first)
}

fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    last.map(|line| printable(line)).collect()
}

/// Without what a terminal would act on.
fn printable(line: &str) -> String {
    let plain = line.chars().filter(|c| !c.is_control() || *c == '\t');
    let mut kept: String = plain.take(LINE).collect();
    if line.chars().count() > LINE {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_nothing_a_terminal_obeys() {
        let text: String = (0..30).map(|number| format!("line {number}\n")).collect();
        let lines = last_lines(&text);
        assert_eq!(
            (lines.len(), lines[0].as_str(), lines[19].as_str()),
            (20, "line 10", "line 29")
        );
        assert_eq!(last_lines("a\u{1b}[31mred\u{7}\tb"), ["a[31mred\tb"]);
        assert_eq!(last_lines(&"x".repeat(1000))[0].chars().count(), 301);
        assert!(last_lines("").is_empty());
    }
}
