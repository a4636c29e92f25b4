//! Lines as a real API server writes them, read back.

use std::fs;
use std::io::Write;

use super::{Entries, Log, Mark};

const APPLY: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"1","stage":"ResponseComplete","requestURI":"/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=driftless&force=true","verb":"patch","user":{"username":"system:serviceaccount:d:d"},"impersonatedUser":{"username":"deployer"},"sourceIPs":["127.0.0.1"],"userAgent":"driftless/0.1","objectRef":{"resource":"deployments","namespace":"shop","name":"web","apiGroup":"apps","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestObject":{"spec":{"replicas":2}},"requestReceivedTimestamp":"2026-01-01T00:00:01.000000Z","stageTimestamp":"2026-01-01T00:00:01.500000Z"}"#;

fn line(verb: &str, resource: &str, uri: &str) -> String {
    APPLY
        .replace(r#""verb":"patch""#, &format!(r#""verb":"{verb}""#))
        .replace(
            "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=driftless&force=true",
            uri,
        )
        .replace("deployments", resource)
}

fn entries(lines: &[String]) -> Entries {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    Log::at(&path).entries().unwrap()
}

#[test]
fn reads_every_field_a_test_asks_about() {
    let found = entries(&[APPLY.to_owned()]);
    let entry = &found[0];
    assert_eq!(entry.user, "system:serviceaccount:d:d");
    assert_eq!(entry.impersonated.as_deref(), Some("deployer"));
    assert_eq!(
        (&*entry.group, &*entry.version, &*entry.resource),
        ("apps", "v1", "deployments")
    );
    assert_eq!(
        (&*entry.namespace, &*entry.name, entry.code),
        ("shop", "web", 200)
    );
    assert_eq!((&*entry.manager, entry.dry_run), ("driftless", false));
    assert_eq!(entry.request.as_ref().unwrap()["spec"]["replicas"], 2);
    assert_eq!(
        entry.written.duration_since(entry.received).as_millis(),
        500
    );
}

#[test]
fn tells_work_from_watches_and_lease_renewals() {
    let found = entries(&[
        line("watch", "deployments", "/x?watch=true"),
        line("update", "leases", "/x"),
        line("list", "deployments", "/x"),
        line("delete", "leases", "/x"),
    ]);
    let verbs: Vec<_> = found
        .work()
        .iter()
        .map(|entry| entry.verb.clone())
        .collect();
    assert_eq!(verbs, ["list", "delete"]);
}

#[test]
fn counts_a_dry_run_as_no_write() {
    let found = entries(&[
        line(
            "patch",
            "deployments",
            "/x?dryRun=All&fieldManager=driftless",
        ),
        line("patch", "deployments", "/y?fieldManager=driftless"),
        line("get", "deployments", "/z"),
    ]);
    let uris: Vec<_> = found
        .writes()
        .iter()
        .map(|entry| entry.uri.clone())
        .collect();
    assert_eq!(uris, ["/y?fieldManager=driftless"]);
}

#[test]
fn leaves_a_half_written_line_for_the_next_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let log = Log::at(&path);
    assert_eq!(log.mark().unwrap(), Mark(0), "no file yet");
    let mut file = fs::File::create(&path).unwrap();
    writeln!(file, "{APPLY}").unwrap();
    let (first, second) = APPLY.split_at(100);
    write!(file, "{first}").unwrap();
    assert_eq!(log.entries().unwrap().len(), 1);
    let mark = log.mark().unwrap();
    assert_eq!(log.since(mark).unwrap().len(), 0);
    writeln!(file, "{second}").unwrap();
    assert_eq!(log.since(mark).unwrap().len(), 1);
}

#[test]
fn refuses_a_line_that_is_no_entry() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    fs::write(&path, "{\"verb\": 1}\n").unwrap();
    assert!(Log::at(&path).entries().is_err());
}

#[test]
fn finds_what_nobody_had_a_right_to() {
    let with = |decision: &str, name: &str| {
        let annotations = format!(
            r#""annotations":{{"authorization.k8s.io/decision":"{decision}","authorization.k8s.io/reason":""}},"verb":"#
        );
        let line = APPLY.replacen(r#""verb":"#, &annotations, 1);
        line.replace(r#""name":"web""#, &format!(r#""name":"{name}""#))
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let lines = [
        with("forbid", "first"),
        with("allow", "second"),
        with("forbid", "third"),
        APPLY.to_owned(),
        with("forbid", "last"),
    ];
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let log = Log::at(&path);
    let named = |mark: Mark| -> Vec<String> {
        let found = log.forbidden(mark).unwrap();
        found.iter().map(|entry| entry.name.clone()).collect()
    };
    assert_eq!(named(Mark(0)), ["first", "third", "last"]);
    let second = Mark(lines[0].len() as u64 + 1);
    assert_eq!(named(second), ["third", "last"]);
    assert_eq!(named(log.mark().unwrap()), [] as [String; 0]);
}
