//! What is no answer of an API server must never look like an empty cluster.

use cluster::{CallError, Delete, Detail, Limits, Propagation, Watched};

use crate::{
    fake::{Fake, answer, config_maps},
    world::until,
};

const JSON: &str = "application/json";

fn bad_lists() -> Vec<String> {
    vec![
        answer(
            "200 OK",
            "text/html",
            "<html>sign in to the hotel's network</html>",
        ),
        answer(
            "200 OK",
            JSON,
            r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":null}"#,
        ),
        answer(
            "200 OK",
            JSON,
            r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"}}"#,
        ),
        answer(
            "200 OK",
            JSON,
            r#"{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#,
        ),
        answer(
            "200 OK",
            JSON,
            r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{}}]}"#,
        ),
        answer("200 OK", JSON, r#"{"kind":"Status","status":"Success"}"#),
        answer("200 OK", JSON, "{}"),
        answer("200 OK", JSON, ""),
        answer("200 OK", JSON, r#"{"kind":"ConfigMapList","items":[{"meta"#),
        // Cut in the middle of what was announced.
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: 500\r\n\r\n{{\"kind\":\"ConfigMapList\",\"items\":[]"
        ),
        answer("404 Not Found", "text/html", "<html>default backend</html>"),
        answer("404 Not Found", "text/plain", "default backend - 404"),
        answer("502 Bad Gateway", "text/html", "<html>bad gateway</html>"),
        "nonsense\r\n\r\n".to_owned(),
    ]
}

#[tokio::test]
async fn a_list_of_garbage_is_an_error_and_never_empty() {
    for bad in bad_lists() {
        let fake = Fake::saying(bad.as_str(), Limits::default()).await;
        let listed = fake.cluster.list_facts(&config_maps(), None, "").await;
        assert!(listed.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_watch_of_garbage_never_says_that_it_is_complete() {
    for bad in bad_lists() {
        let fake = Fake::saying(bad.as_str(), Limits::default()).await;
        let mut events =
            Box::pin(
                fake.cluster
                    .watch(&config_maps(), None, String::new(), Detail::Full),
            );
        until(&mut events, |event| match event {
            Watched::Failed(_) => Some(()),
            Watched::Synced => panic!("complete after {bad}"),
            _ => None,
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_taken_for_gone_because_of_garbage() {
    for bad in bad_lists()
        .into_iter()
        .filter(|bad| !bad.contains("Success"))
    {
        let fake = Fake::saying(bad.as_str(), Limits::default()).await;
        let resource = &config_maps();
        let found = fake.cluster.look(resource, "shop", "x").await;
        assert!(found.is_err(), "{bad}");
        let delete = Delete {
            resource,
            namespace: "shop",
            name: "x",
            uid: "u",
            propagation: Propagation::Background,
            dry_run: false,
        };
        assert!(fake.cluster.delete(delete).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn the_message_says_what_came_instead() {
    let fake = Fake::saying(
        answer("200 OK", "text/html", "<html>secret</html>"),
        Limits::default(),
    )
    .await;
    let error = fake
        .cluster
        .list_facts(&config_maps(), None, "")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "not an answer of a Kubernetes API server: 200 OK with text/html"
    );
    assert!(matches!(error, CallError::Garbage(_)));
}

/// A good list of one object at version 70, and a watch that says `line`.
async fn watch_saying(line: &'static [u8]) -> Fake {
    let list = r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"70"},"items":[
        {"metadata":{"name":"x","namespace":"shop","uid":"u","resourceVersion":"60"}}]}"#;
    let says = move |path: &str| {
        if !path.contains("watch=true") {
            return answer("200 OK", JSON, list).into_bytes();
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        [head.as_bytes(), line].concat()
    };
    Fake::answering(says, Limits::default()).await
}

#[tokio::test]
async fn a_version_that_the_server_forgot_or_that_lies_ahead_leads_to_a_new_list() {
    for line in [
        br#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}"#.as_slice(),
        br#"{"type":"ERROR","object":{"kind":"Status","code":504,"message":"Too large resource version: 70"}}"#,
        // The store was put back from a backup: versions start over.
        br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}"#,
    ] {
        let fake = watch_saying(&[line, b"\n"].concat().leak()[..]).await;
        let watch = fake.cluster.watch(&config_maps(), None, String::new(), Detail::Metadata);
        let (mut lists, mut complete) = (0, 0);
        until(&mut Box::pin(watch), |event| {
            match event {
                Watched::Restarted => lists += 1,
                Watched::Synced => complete += 1,
                Watched::Object(_) => {}
                other => panic!("{other:?}"),
            }
            (lists == 2 && complete == 2).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn nonsense_in_a_watch_is_a_fault_and_changes_nothing() {
    let endless = vec![b' '; 20 << 20].leak();
    for line in [
        b"<html>\n".as_slice(),
        b"{\"type\":\"ADDED\",\"object\":{}}\n",
        b"{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}\n",
        b"{\"type\":\"EXPLODED\",\"object\":{\"metadata\":{\"resourceVersion\":\"80\"}}}\n",
        endless,
    ] {
        let fake = watch_saying(line).await;
        let watch = fake
            .cluster
            .watch(&config_maps(), None, String::new(), Detail::Metadata);
        let mut events = Box::pin(watch);
        let fault = until(&mut events, |event| match event {
            Watched::Failed(fault) => Some(fault),
            Watched::Gone { id, .. } => panic!("{id} is gone"),
            _ => None,
        });
        assert!(matches!(*fault.await, CallError::Garbage(_)));
    }
}
