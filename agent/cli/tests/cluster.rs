//! The commands that read and poke a cluster, against a real API server.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use lab::eventually;
use serde_json::{Value, json};

use crate::place::{NEW, OLD, Place, ago, condition, ready};
use crate::support::{Ran, command};

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_a_line_each_and_why_one_is_not_well() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let failed = json!({
        "observedGeneration": 1, "revision": { "seen": NEW, "applied": OLD },
        "release": "staging-000002", "health": "Degraded", "drift": { "count": 1 },
        "failures": [{ "object": "Service/shop/web", "at": "manifests/web.yaml:12", "message": "port is no number" }],
        "conditions": [
            condition("Ready", "False", "InvalidObjects", "1 of 17 objects cannot be applied"),
            condition("Stalled", "True", "InvalidObjects", "1 of 17 objects cannot be applied"),
        ],
    });
    place.environment("staging", json!({}), failed).await;
    place.environment("unseen", json!({}), json!({})).await;
    let ran = place.run(&["status"]);
    assert_eq!((ran.code, ran.talk.as_str()), (1, ""));
    let expected = format!(
        "\
NAME     STATE      BRANCH   REVISION           RELEASE         HEALTH    DRIFT  AGE
develop  ✓ Ready    develop  1111111            develop-000007  Healthy   0      3h
staging  ✗ Failed   staging  1111111 → 2222222  staging-000002  Degraded  1      3h
    InvalidObjects: 1 of 17 objects cannot be applied
    Service/shop/web (manifests/web.yaml:12): port is no number
    see `driftless drift staging -n {namespace}`
unseen   ? Unknown  unseen   -                  -               -         0      -
    no word from the agent about this spec yet; is it running?
",
        namespace = place.namespace
    );
    assert_eq!(ran.out, expected);
    let ran = place.run(&["status", "develop"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_for_programs() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let ran = place.run(&["status", "-o", "json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let first = &answer["environments"][0];
    assert_eq!(
        (ran.code, &first["standing"], &first["applied"]),
        (0, &json!("Ready"), &json!(OLD))
    );
    let ran = place.run(&["status", "-o", "yaml"]);
    assert!(
        ran.out.starts_with("environments:\n- namespace: "),
        "{}",
        ran.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_to_a_new_spec_is_not_ready() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let path = format!("{}/develop", place.path("environments"));
    place
        .api
        .patch(&path, &json!({ "spec": { "interval": "5m" } }))
        .await
        .unwrap();
    let ran = place.run(&["status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("? Unknown"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_watch_tells_each_change() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let mut child = command(place.home.path(), env!("CARGO_BIN_EXE_driftless"))
        .args(place.args(&["status", "--watch"]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(
        first.ends_with("/develop ✓ Ready 1111111 drift 0 InSync: 17 objects in sync"),
        "{first}"
    );
    place
        .status(
            "environments",
            "develop",
            json!({ "drift": { "count": 2 } }),
        )
        .await;
    let second = lines.next().unwrap();
    assert!(second.contains("drift 2"), "{second}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named_with_a_hint() {
    let place = Place::new().await;
    let ran = place.run(&["status"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.talk,
        format!(
            "error: no Environments in namespace `{}`\n\nhint: look in all namespaces with `-A`, or in another with `-n`\n",
            place.namespace
        )
    );
    for args in [
        &["sync", "gone"][..],
        &["history", "gone"],
        &["drift", "gone"],
        &["suspend", "gone"],
        &["rollback", "gone"],
        &["diff", "gone"],
    ] {
        let ran = place.run(args);
        let expected = format!(
            "error: Environment `gone` does not exist in namespace `{}`\n",
            place.namespace
        );
        assert!(ran.talk.starts_with(&expected), "{args:?}: {}", ran.talk);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_told_which() {
    let mut place = Place::new().await;
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "nobody" } });
    let path = format!("/api/v1/namespaces/{}/serviceaccounts", place.namespace);
    place.api.create(&path, &account).await.unwrap();
    let lab = lab::ControlPlane::shared().await;
    place.kubeconfig = lab
        .kubeconfig_for_service_account(&place.namespace, "nobody")
        .await
        .unwrap();
    let ran = place.run(&["status"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.talk
            .starts_with("error: not allowed: environments.driftless.dev is forbidden: "),
        "{}",
        ran.talk
    );
    assert!(
        ran.talk.contains("hint: reading needs get, list and watch"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn suspends_and_resumes() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    assert_eq!(
        place.run(&["suspend", "develop"]).out,
        "develop: suspended\n"
    );
    assert_eq!(
        place.run(&["suspend", "develop"]).out,
        "develop: already suspended\n"
    );
    let ran = place.run(&["status"]);
    assert!(
        ran.code == 1 && ran.out.contains("‖ Suspended"),
        "{}",
        ran.out
    );
    let ran = place.run(&["sync", "develop"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.talk
            .contains("hint: switch it on with `driftless resume develop`"),
        "{}",
        ran.talk
    );
    assert_eq!(place.run(&["resume", "develop"]).out, "develop: resumed\n");
}

/// Runs `sync --wait`, and answers as an agent would.
async fn answered(status: Value) -> Ran {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let path = format!("{}/develop", place.path("environments"));
    let waiting = tokio::task::spawn_blocking({
        let args = place.args(&["sync", "develop", "--wait", "--timeout", "60s"]);
        let home = place.home.path().to_owned();
        move || {
            crate::support::driftless(&home, &args.iter().map(String::as_str).collect::<Vec<_>>())
        }
    });
    let asked = eventually(Duration::from_secs(30), || async {
        let object = place
            .api
            .get(&path)
            .await
            .map_err(|error| error.to_string())?;
        object["metadata"]["annotations"]["driftless.dev/requested-at"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| "not asked yet".to_owned())
    });
    let asked = asked.await.unwrap();
    let at_it = condition("Ready", "False", "Progressing", "applying 2222222");
    let begun = json!({ "handledRequest": asked, "conditions": [at_it, condition("Reconciling", "True", "Progressing", "")] });
    place.status("environments", "develop", begun).await;
    place.status("environments", "develop", status).await;
    waiting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_waits_until_it_is_healthy() {
    let done = json!({
        "revision": { "seen": NEW, "applied": NEW },
        "conditions": [condition("Ready", "True", "InSync", "17 objects in sync")],
    });
    let ran = answered(done).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "develop: Ready at 2222222\n"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_tells_why_it_failed() {
    let failed = json!({ "conditions": [
        condition("Ready", "False", "RenderFailed", "overlays/develop/kustomization.yaml:3: no such file"),
        condition("Stalled", "True", "RenderFailed", ""),
    ] });
    let ran = answered(failed).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (1, "develop: Failed at 1111111\n"),
        "{}",
        ran.talk
    );
    assert!(
        ran.talk
            .contains("RenderFailed: overlays/develop/kustomization.yaml:3: no such file"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_without_an_agent_ends_with_a_hint() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000007"))
        .await;
    let ran = place.run(&["sync", "develop", "--wait", "--timeout", "1s"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.talk
            .contains("hint: the agent has not taken up the request; is it running?"),
        "{}",
        ran.talk
    );
}

/// An Environment with a good Release and a bad one.
async fn two_releases() -> Place {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000002"))
        .await;
    // Asked for once: between two looks at the clock a millisecond may pass.
    let then = ago(5);
    let good = json!({
        "phase": "Healthy", "startedAt": then, "endedAt": then,
        "counts": { "created": 17, "updated": 0, "deleted": 0, "unchanged": 0, "failed": 0 },
    });
    place.release("develop", 1, OLD, good).await;
    let bad = json!({
        "phase": "Degraded", "startedAt": ago(3),
        "counts": { "created": 1, "updated": 2, "deleted": 1, "unchanged": 13, "failed": 1 },
        "waitingFor": { "object": "Deployment/shop/api", "health": "Degraded", "message": "ImagePullBackOff" },
        "stages": [
            { "stage": "Fetch", "result": "Done", "milliseconds": 41 },
            { "stage": "Apply", "result": "Failed", "milliseconds": 2400, "message": "1 object was refused" },
        ],
        "changes": [{ "action": "Updated", "object": "Deployment/shop/api" }, { "action": "Deleted", "object": "Service/shop/old" }],
        "failures": [{ "object": "Service/shop/web", "at": "manifests/web.yaml:12", "message": "port is no number" }],
    });
    place.release("develop", 2, NEW, bad).await;
    place.release("other", 1, NEW, json!({})).await;
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn history_lists_releases_newest_first() {
    let place = two_releases().await;
    let ran = place.run(&["history", "develop"]);
    assert_eq!((ran.code, ran.talk.as_str()), (0, ""));
    expect_test::expect![[r"
        RELEASE  REVISION  PHASE       CHANGES      TOOK  AGE  AUTHOR  SUBJECT
        2        2222222   ✗ Degraded  +1 ~2 -1 !1  -     3h   Ada     change 2
        1        1111111   ✓ Healthy   +17          0ms   5h   Ada     change 1
    "]]
    .assert_eq(&ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_tells_one_release_in_detail() {
    let place = two_releases().await;
    let ran = place.run(&["history", "develop", "2"]);
    let started = ran
        .out
        .lines()
        .position(|line| line.contains("  started "))
        .unwrap();
    let text: Vec<&str> = ran
        .out
        .lines()
        .enumerate()
        .filter(|(at, _)| *at != started)
        .map(|(_, line)| line)
        .collect();
    expect_test::expect![[r"
        develop-000002 ✗ Degraded
          revision  2222222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb on develop overlays/develop
          commit    Ada: change 2
          trigger   Webhook
          changes   +1 ~2 -1 !1, 13 unchanged
          waiting   for Deployment/shop/api (Degraded): ImagePullBackOff

        STAGE  RESULT    TOOK  MESSAGE
        fetch  ✓ Done    41ms
        apply  ✗ Failed  2.4s  1 object was refused

        ~ updated   Deployment/shop/api
        - deleted   Service/shop/old
        ✗ failed    Service/shop/web (manifests/web.yaml:12): port is no number"]]
    .assert_eq(&text.join("\n"));
    let ran = place.run(&["history", "develop", "9"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.talk
            .starts_with("error: Environment `develop` has no Release `9`\n"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_tells_who_changed_what() {
    let place = Place::new().await;
    let mut status = ready("develop-000007");
    status["drift"] = json!({ "count": 1, "entries": [
        { "object": "Deployment/shop/web", "field": "spec.replicas", "manager": "kubectl", "time": ago(2), "action": "Reported" },
        { "object": "Service/shop/api", "manager": "kubectl-edit", "time": ago(4), "action": "Repaired" },
    ] });
    place.environment("develop", json!({}), status).await;
    let ran = place.run(&["drift"]);
    assert_eq!((ran.code, ran.talk.as_str()), (1, "1 object differs now\n"));
    expect_test::expect![[r"
        ENVIRONMENT  OBJECT               FIELD          CHANGED BY    AGE  ACTION
        develop      Deployment/shop/web  spec.replicas  kubectl       2h   ! Reported
        develop      Service/shop/api     (deleted)      kubectl-edit  4h   ✓ Repaired
    "]]
    .assert_eq(&ran.out);
    place
        .status(
            "environments",
            "develop",
            json!({ "drift": { "count": 0 } }),
        )
        .await;
    assert_eq!(place.run(&["drift", "develop"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn approves_the_plan_that_waits_and_no_other() {
    let place = Place::new().await;
    let mut status = ready("develop-000007");
    place
        .environment("develop", json!({}), status.clone())
        .await;
    assert_eq!(
        place.run(&["approve", "develop"]).talk,
        "develop: nothing waits for approval\n"
    );
    status["pending"] = json!({
        "digest": "sha256:0123456789abcdef", "revision": NEW, "message": "7 of 17 objects would be deleted",
        "objects": ["Service/shop/a", "Service/shop/b"],
    });
    place.status("environments", "develop", status).await;
    let ran = place.run(&["approve", "develop"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.out,
        "develop: revision 2222222 waits: 7 of 17 objects would be deleted\n- Service/shop/a\n- Service/shop/b\n"
    );
    assert_eq!(
        place
            .run(&["approve", "develop", "--plan", "fedcba98"])
            .code,
        1
    );
    let annotations = async || {
        let path = format!("{}/develop", place.path("environments"));
        place.api.get(&path).await.unwrap()["metadata"]["annotations"].clone()
    };
    assert_eq!(annotations().await, Value::Null);
    assert_eq!(
        place
            .run(&["approve", "develop", "--plan", "01234567"])
            .code,
        0
    );
    assert_eq!(
        annotations().await["driftless.dev/approved-plan"],
        "sha256:0123456789abcdef"
    );
}
