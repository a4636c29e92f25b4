//! `driftless rollout` against a real API server; what an agent would say, the tests write.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use ::rollout::State;
use ::rollout::state::{Cause, Direction, Phase, Rejection, Revision, Rollout, Stepping};
use jiff::Timestamp;
use lab::eventually;
use serde_json::{Value, json};

use crate::place::{NEW, OLD, Place, ago, condition, ready};
use crate::support::{Ran, command, driftless};

fn revision(commit: &str, number: u64) -> Revision {
    Revision {
        commit: commit.to_owned(),
        digest: commit.to_owned(),
        release: api::names::release("production", number),
        path: "overlays/production".to_owned(),
    }
}

/// The state of a rollout at `step` of `steps`.
fn state(step: usize) -> State {
    let now = Timestamp::now();
    let stepping = Stepping {
        reached: Some(now),
        ..Stepping::new(now)
    };
    State {
        good: Some(revision(OLD, 1)),
        rollouts: 7,
        rollout: Some(Rollout {
            target: revision(NEW, 2),
            number: 7,
            direction: Direction::Forward,
            strategy: serde_json::from_value(json!({ "steps": steps() })).unwrap(),
            began: now,
            side: None,
            baseline: BTreeMap::new(),
            watched: Vec::new(),
            halted: None,
            paused: None,
            ailing: std::collections::BTreeSet::new(),
            flags_before: BTreeMap::new(),
            flags_in_git_before: std::collections::BTreeMap::new(),
            step,
            weight: 10,
            phase: Phase::Stepping(stepping),
        }),
        ..State::default()
    }
}

fn steps() -> Value {
    json!([{ "weight": 10 }, { "pause": {} }, { "approve": { "needed": 20 } }, { "weight": 100 }])
}

/// The status of an Environment whose rollout stands at `state`.
fn status(state: &State, phase: &str, message: &str) -> Value {
    let mut status = ready("production-000002");
    status["rollout"] = json!({
        "phase": phase, "good": OLD, "weight": 10, "step": "2/4 pause", "message": message, "state": state.write(),
    });
    status
}

async fn at_step(step: usize) -> Place {
    let place = Place::new().await;
    let message = "somebody to say `driftless rollout promote`";
    let status = status(&state(step), "Stepping", message);
    place.environment("production", json!({}), status).await;
    place.release("production", 1, OLD, json!({})).await;
    let workload = json!({
        "object": format!("Deployment/{}/web", place.namespace), "router": "route",
        "stable": { "ready": 4, "wanted": 4 }, "canary": { "ready": 1, "wanted": 1 }, "achieved": 9,
    });
    let told = json!({ "rollout": {
        "id": "production-000002#7", "strategy": "stepwise", "phase": "Stepping", "step": 2, "steps": 4, "stepKind": "pause",
        "weight": 10, "workloads": [workload],
    } });
    place.release("production", 2, NEW, told).await;
    place
}

async fn annotation(place: &Place, name: &str) -> Value {
    let path = format!("{}/production", place.path("environments"));
    let environment = place.api.get(&path).await.unwrap();
    let text = environment["metadata"]["annotations"][name].as_str();
    text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_where_it_stands() {
    let place = at_step(1).await;
    let ran = place.run(&["rollout", "production"]);
    assert_eq!((ran.code, ran.talk.as_str()), (1, ""));
    let namespace = &place.namespace;
    for words in [
        "production ‖ Stepping, step 2 of 4\n",
        "  steps     ✓ 10 %  ● pause  · approval of 20  · 100 %\n",
        &format!("`driftless rollout promote production -n {namespace}`"),
        "1111111 Ada: change 1",
        "2222222 Ada: change 2",
        "1/1 ready         9 %",
    ] {
        let flat = ran.out.replace("\n            ", " ");
        assert!(
            ran.out.contains(words) || flat.contains(words),
            "no {words:?}:\n{}",
            ran.out
        );
    }
    let same = place.run(&["rollout", "status", "production"]);
    assert_eq!(same.code, 1);
    let ran = place.run(&["rollout", "status", "production", "-o", "json"]);
    let view: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(view["rollout"], "production-000002#7");
    assert_eq!(view["revisions"][1]["workloads"][0]["achieved"], 9);
    assert_eq!(view["waitsForSomebody"], true);
    let ran = place.run(&["rollout", "gone"]);
    assert!(
        ran.code == 2 && ran.talk.contains("`gone` does not exist"),
        "{}",
        ran.talk
    );
    assert_eq!(place.run(&["rollout"]).code, 2);
    let ran = place.run(&["rollout", "production", "abort", "staging"]);
    assert!(
        ran.code == 2 && ran.talk.contains("come after"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_become_commands_for_this_very_step() {
    let place = at_step(1).await;
    let ran = place.run(&["rollout", "promote", "production"]);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.talk.as_str()),
        (
            0,
            "production: asked to go on from step 2 of 4 (pause)\n",
            ""
        )
    );
    let first = annotation(&place, "driftless.dev/rollout-command").await;
    assert_eq!(first["action"], "promote");
    assert_eq!(
        (&first["rollout"], &first["step"]),
        (&json!("production-000002#7"), &json!(1))
    );
    // Nobody has taken it up, so that a second one takes its place and says so.
    let ran = place.run(&["rollout", "abort", "production", "-o", "json"]);
    assert_eq!(ran.code, 0);
    let by = first["by"].as_str().unwrap();
    let note = format!(
        "note: this takes the place of `promote` of {by}, which the agent has not taken up\n"
    );
    assert_eq!(ran.talk, note);
    let given: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&given["action"], &given["by"]),
        (&json!("abort"), &json!(by))
    );
    let second = annotation(&place, "driftless.dev/rollout-command").await;
    assert_eq!(
        (&second["action"], &second["step"]),
        (&json!("abort"), &Value::Null)
    );
    assert_ne!(first["id"], second["id"]);
}

/// The status of an Environment whose newest revision was rejected.
fn held() -> Value {
    let mut held = State {
        good: Some(revision(OLD, 1)),
        ..State::default()
    };
    held.rejected.push(Rejection {
        revision: revision(NEW, 2),
        number: 7,
        at: Timestamp::now(),
        cause: Cause::Aborted {
            by: "jane".to_owned(),
        },
        retry: false,
    });
    let mut document = status(&held, "Held", "");
    document["rollout"]["state"]["rollout"] = Value::Null;
    document["rollout"]["held"] = json!({
        "revision": NEW, "release": "production-000002", "since": ago(1), "reason": "RolloutAborted", "message": "aborted by jane",
    });
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_make_no_sense_are_refused_and_write_nothing() {
    let place = at_step(1).await;
    let refused = |ran: &Ran, error: &str, hint: &str| {
        let expected = format!("error: {error}\n\nhint: {hint}\n");
        assert_eq!(
            (ran.code, ran.out.as_str(), ran.talk.as_str()),
            (1, "", expected.as_str())
        );
    };
    let ran = place.run(&["rollout", "retry", "production"]);
    refused(
        &ran,
        "2222222 is on its way in Environment `production` already",
        "`driftless rollout production` shows where it stands",
    );
    let ran = place.run(&["rollout", "skip", "production", "--step", "3"]);
    refused(
        &ran,
        "Environment `production` is at step 2 of 4 (pause), not at step 3",
        "`driftless rollout production` shows where it stands",
    );
    place.status("environments", "production", held()).await;
    let ran = place.run(&["rollout", "promote", "production"]);
    refused(
        &ran,
        "no rollout of Environment `production` is under way: 2222222 was rejected (aborted by jane)",
        "push a newer commit, or try it again with `driftless rollout retry production`",
    );
    assert_eq!(
        annotation(&place, "driftless.dev/rollout-command").await,
        Value::Null
    );
    let ran = place.run(&["rollout", "retry", "production"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "production: asked to try 2222222 again\n")
    );
    let command = annotation(&place, "driftless.dev/rollout-command").await;
    assert_eq!(command["rollout"], "production-000002#7");
    place.run(&["suspend", "production"]);
    let ran = place.run(&["rollout", "retry", "production"]);
    assert!(
        ran.code == 1 && ran.talk.contains("is suspended"),
        "{}",
        ran.talk
    );
}

/// Runs an order with `--wait`, and answers as an agent would.
async fn answered(obeyed: bool, message: &str) -> Ran {
    let place = at_step(1).await;
    let args = place.args(&[
        "rollout",
        "skip",
        "production",
        "--wait",
        "--timeout",
        "60s",
    ]);
    let home = place.home.path().to_owned();
    let waiting = tokio::task::spawn_blocking(move || {
        driftless(&home, &args.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let asked = eventually(Duration::from_secs(30), || async {
        let command = annotation(&place, "driftless.dev/rollout-command").await;
        command["id"]
            .as_str()
            .map(str::to_owned)
            .ok_or("not asked yet")
    });
    let asked = asked.await.unwrap();
    let mut document = status(&state(2), "Stepping", "approvals: 0 of 20");
    document["rollout"]["command"] = json!({
        "id": asked, "action": "skip", "by": "jane", "at": ago(0), "obeyed": obeyed, "message": message,
    });
    place.status("environments", "production", document).await;
    waiting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_what_the_agent_answers() {
    let ran = answered(true, "").await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.talk.as_str()),
        (
            0,
            "production: has left the step out; at step 3 of 4 (approval of 20), 10 % of the traffic\n",
            ""
        )
    );
    let ran = answered(false, "no step is under way").await;
    assert_eq!(
        (ran.code, ran.talk.lines().next()),
        (
            1,
            Some(
                "error: the agent ignored `skip` for Environment `production`: no step is under way"
            )
        )
    );
    let place = at_step(1).await;
    let ran = place.run(&["rollout", "skip", "production", "--wait", "--timeout", "1s"]);
    assert!(
        ran.code == 2 && ran.talk.contains("has not taken up `skip`"),
        "{}",
        ran.talk
    );
}

/// Somebody who may approve, and nothing else.
async fn approver(place: &Place, name: &str) -> std::path::PathBuf {
    let (core, rbac) = (
        "/api/v1/namespaces",
        "/apis/rbac.authorization.k8s.io/v1/namespaces",
    );
    let namespace = &place.namespace;
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name } });
    let accounts = format!("{core}/{namespace}/serviceaccounts");
    place.api.create(&accounts, &account).await.unwrap();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": name },
        "rules": [{ "apiGroups": ["driftless.dev"], "resources": ["environments"], "verbs": ["get", "patch"] }],
    });
    place
        .api
        .create(&format!("{rbac}/{namespace}/roles"), &role)
        .await
        .unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
    });
    place
        .api
        .create(&format!("{rbac}/{namespace}/rolebindings"), &binding)
        .await
        .unwrap();
    let lab = lab::ControlPlane::shared().await;
    lab.kubeconfig_for_service_account(namespace, name)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_of_the_same_moment_all_count() {
    let place = at_step(2).await;
    let stale = json!([{ "rollout": "production-000001#6", "step": 2, "by": "jane" }]).to_string();
    let path = format!("{}/production", place.path("environments"));
    let annotations =
        json!({ "metadata": { "annotations": { "driftless.dev/rollout-approvals": stale } } });
    place.api.patch(&path, &annotations).await.unwrap();
    let mut running = Vec::new();
    for number in 0..6 {
        let name = format!("approver-{number}");
        let mut args = place.args(&["rollout", "approve", "production", "--step", "3"]);
        let kubeconfig = approver(&place, &name).await.display().to_string();
        let at = args.iter().position(|arg| arg == "--kubeconfig").unwrap();
        args[at + 1] = kubeconfig;
        let home = place.home.path().to_owned();
        running.push(tokio::task::spawn_blocking(move || {
            driftless(&home, &args.iter().map(String::as_str).collect::<Vec<_>>())
        }));
    }
    for run in running {
        let ran = run.await.unwrap();
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (
                0,
                "production: asked to count an approval of step 3 of 4 (approval of 20)\n"
            ),
            "{}",
            ran.talk
        );
    }
    let stored = annotation(&place, "driftless.dev/rollout-approvals").await;
    let stored = stored.as_array().unwrap();
    let mut by: Vec<_> = stored
        .iter()
        .map(|one| one["by"].as_str().unwrap())
        .collect();
    by.sort_unstable();
    let names = (0..6).map(|number| {
        format!(
            "system:serviceaccount:{}:approver-{number}",
            place.namespace
        )
    });
    assert_eq!(by, names.collect::<Vec<_>>());
    let bound = |one: &Value| one["rollout"] == "production-000002#7" && one["step"] == 2;
    assert!(stored.iter().all(bound), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_tells_each_change_and_sees_pods() {
    let place = at_step(1).await;
    let mut child = command(place.home.path(), env!("CARGO_BIN_EXE_driftless"))
        .args(place.args(&["rollout", "production", "--watch", "-o", "json"]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        move || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["step"], 2);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web-canary-7c9d5-4xk8p", "labels": { "pod-template-hash": "7c9d5" }, "ownerReferences": [
            { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-canary-7c9d5", "uid": "1", "controller": true }] },
        "spec": { "containers": [{ "name": "app", "image": "app" }], "nodeName": "nowhere" },
    });
    let pods = format!("/api/v1/namespaces/{}/pods", place.namespace);
    place.api.create(&pods, &pod).await.unwrap();
    let mut view = next();
    while view["revisions"][1]["workloads"][0]["pods"].is_null() {
        view = next();
    }
    assert_eq!(
        view["revisions"][1]["workloads"][0]["pods"][0]["name"],
        "web-canary-7c9d5-4xk8p"
    );
    let moved = status(&state(2), "Stepping", "approvals: 0 of 20");
    place.status("environments", "production", moved).await;
    while view["step"] != 3 {
        view = next();
    }
    assert_eq!(view["waiting"], "approvals: 0 of 20");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// `status` with a condition `Ready` of `reason`.
fn not_ready(mut document: Value, reason: &str, message: &str) -> Value {
    let stalled = if reason == "RollingOut" {
        "False"
    } else {
        "True"
    };
    document["conditions"] = json!([
        condition("Ready", "False", reason, message),
        condition("Stalled", stalled, reason, ""),
    ]);
    document["revision"] = json!({ "seen": NEW, "applied": OLD });
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_history_tell_of_rollouts() {
    let place = at_step(1).await;
    let moves = not_ready(
        status(&state(1), "Stepping", ""),
        "RollingOut",
        "2/4 pause: 10 % of the traffic",
    );
    place.status("environments", "production", moves).await;
    let place_of = |text: &str| text.replace(&place.namespace, "NAMESPACE");
    let ran = place.run(&["status"]);
    assert_eq!(ran.code, 1);
    expect_test::expect![[r"
        NAME        STATE         BRANCH      REVISION           RELEASE            HEALTH   DRIFT  AGE
        production  … RollingOut  production  1111111 → 2222222  production-000002  Healthy  0      3h
            RollingOut: 2/4 pause: 10 % of the traffic
            see `driftless rollout production -n NAMESPACE`
    "]].assert_eq(&place_of(&ran.out));
    place
        .status(
            "releases",
            "production-000002",
            json!({ "phase": "Progressing", "startedAt": ago(1) }),
        )
        .await;
    let ran = place.run(&["history", "production"]);
    expect_test::expect![[r"
        RELEASE  REVISION  PHASE            CHANGES  TOOK  AGE  AUTHOR  SUBJECT
        2        2222222   … Stepping 10 %  none     -     90m  Ada     change 2
        1        1111111   ? Unknown        none     -     -    Ada     change 1
    "]]
    .assert_eq(&ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_history_tell_of_what_is_held() {
    let place = at_step(1).await;
    let place_of = |text: &str| text.replace(&place.namespace, "NAMESPACE");
    let held = not_ready(
        held(),
        "RolloutAborted",
        "revision 2222222 was rejected: aborted by jane",
    );
    place.status("environments", "production", held).await;
    let ran = place.run(&["status"]);
    expect_test::expect![[r"
        NAME        STATE   BRANCH      REVISION           RELEASE            HEALTH   DRIFT  AGE
        production  ✗ Held  production  1111111 ✗ 2222222  production-000002  Healthy  0      3h
            RolloutAborted: revision 2222222 was rejected: aborted by jane
            see `driftless rollout production -n NAMESPACE`
    "]]
    .assert_eq(&place_of(&ran.out));
    let ran = place.run(&["status", "-o", "json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let summary = &answer["environments"][0];
    assert_eq!(
        (&summary["standing"], &summary["rollout"]["held"]),
        (&json!("Held"), &json!(NEW))
    );
    let told = json!({ "phase": "Failed", "rollout": { "phase": "Held", "metrics": [{
        "last": { "metric": "error-rate", "query": "errors", "number": 0.25, "limit": "at most 0.01", "bound": 0.01, "at": ago(1),
            "verdict": "Bad", "why": "0.25 is above 0.01" },
        "recent": [0.0, 0.001, 0.25],
    }], "records": [
        { "at": ago(3), "event": "Weighted", "message": "0 % -> 10 %" },
        { "at": ago(2), "event": "Commanded", "message": "abort", "by": "jane" },
    ] } });
    place.status("releases", "production-000002", told).await;
    let ran = place.run(&["history", "production", "2"]);
    expect_test::expect![[r"

        rollout production-000002#7 by stepwise: Held, came to step 2 of 4
        METRIC        LAST  LIMIT         NUMBERS
        ✗ error-rate  0.25  at most 0.01  ▁▂█
        AGO  DECISION   WHAT
        3h   Weighted   0 % -> 10 %
        2h   Commanded  abort (by jane)
    "]]
    .assert_eq(ran.out.split_once("unchanged\n").unwrap().1);
}
