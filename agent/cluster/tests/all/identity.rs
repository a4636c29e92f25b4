use cluster::{
    ApplyError, CallError, Cluster, Connect, ConnectError, Detail, ServiceAccount, Watched,
};
use serde_json::json;

use crate::world::{Place, cluster, plane, until};

#[tokio::test]
async fn a_service_account_without_rights_is_told_in_the_servers_own_sentence() {
    let place = Place::of("v1", "ConfigMap").await;
    let who = ServiceAccount::new(&place.namespace, "nobody").unwrap();
    let tenant = place.cluster.impersonate(&who).unwrap();
    let error = place
        .apply_as(&tenant, "x", &json!({}), true)
        .await
        .unwrap_err();
    let namespace = &place.namespace;
    assert_eq!(
        error.to_string(),
        format!(
            "configmaps \"x\" is forbidden: User \"system:serviceaccount:{namespace}:nobody\" cannot patch \
             resource \"configmaps\" in API group \"\" in the namespace \"{namespace}\""
        )
    );
    assert!(matches!(error, ApplyError::Call(CallError::Forbidden(_))));
    assert!(place.look("x").await.is_none());
    let entries = plane()
        .await
        .audit()
        .entries()
        .unwrap()
        .within(namespace)
        .of("configmaps");
    assert!(
        entries
            .iter()
            .any(|entry| entry.impersonated == Some(who.to_string())),
        "{}",
        entries.summary()
    );
    assert!(tenant.impersonate(&who).is_err());
}

#[tokio::test]
async fn a_watch_without_rights_says_so_and_goes_on() {
    let place = Place::of("v1", "ConfigMap").await;
    let who = ServiceAccount::new(&place.namespace, "watcher").unwrap();
    let tenant = place.cluster.impersonate(&who).unwrap();
    let namespace = Some(place.namespace.clone());
    let mut events =
        Box::pin(tenant.watch(&place.resource, namespace, String::new(), Detail::Metadata));
    let fault = until(&mut events, |event| match event {
        Watched::Failed(fault) => Some(fault),
        other => panic!("{other:?}"),
    });
    assert!(matches!(*fault.await, CallError::Forbidden(_)));

    let rights = json!({ "metadata": { "name": "watcher" }, "rules": [
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"] }] });
    let binding = json!({ "metadata": { "name": "watcher" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watcher" },
        "subjects": [{ "kind": "ServiceAccount", "name": "watcher", "namespace": place.namespace }] });
    let api = plane().await.api().unwrap();
    let path = format!(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}",
        place.namespace
    );
    api.create(&format!("{path}/roles"), &rights).await.unwrap();
    api.create(&format!("{path}/rolebindings"), &binding)
        .await
        .unwrap();
    until(&mut events, |event| {
        matches!(event, Watched::Synced).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tenants_kubeconfig_may_name_no_program_and_no_file() {
    let config = |user: &str, cluster: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:1'{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    };
    for (user, cluster, field) in [
        (
            "exec: {command: id, apiVersion: client.authentication.k8s.io/v1}",
            "",
            "exec",
        ),
        ("auth-provider: {name: gcp}", "", "auth-provider"),
        (
            "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token",
            "",
            "tokenFile",
        ),
        ("client-certificate: /etc/passwd", "", "client-certificate"),
        ("client-key: /etc/passwd", "", "client-key"),
        (
            "token: x",
            ", certificate-authority: /etc/passwd",
            "certificate-authority",
        ),
        (
            "token: x",
            ", insecure-skip-tls-verify: true",
            "insecure-skip-tls-verify",
        ),
    ] {
        let error = Cluster::from_kubeconfig_text(&config(user, cluster), &Connect::default())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ConnectError::NotAllowed { field: found, .. } if *found == field),
            "{error:?}"
        );
    }
    let good = Cluster::from_kubeconfig_text(&config("token: x", ""), &Connect::default())
        .await
        .unwrap();
    assert_eq!(good.server(), "https://127.0.0.1:1");
    let error = good.version().await.unwrap_err();
    assert!(
        matches!(&error, CallError::Unreachable { .. }) && error.is_retryable(),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "cannot reach the API server at https://127.0.0.1:1: Connection refused (os error 111)"
    );
}

#[tokio::test]
async fn a_real_kubeconfig_works_out_of_a_secret_too() {
    let text = std::fs::read_to_string(plane().await.kubeconfig()).unwrap();
    let data = text.contains("certificate-authority-data") && !text.contains("client-certificate:");
    assert!(data, "the lab's kubeconfig holds everything itself");
    let tenant = Cluster::from_kubeconfig_text(&text, &Connect::default())
        .await
        .unwrap();
    assert_eq!(
        tenant.version().await.unwrap(),
        cluster().await.version().await.unwrap()
    );
}

#[tokio::test]
async fn wrong_credentials_and_a_wrong_authority_are_told_apart() {
    let url = plane().await.url();
    let config = |ca: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: '{url}'{ca}}}}}]\nusers: [{{name: u, user: {{token: wrong}}}}]\n"
        )
    };
    let own = plane().await.kubeconfig();
    let text = std::fs::read_to_string(own).unwrap();
    let ca = text
        .lines()
        .find(|line| line.contains("certificate-authority-data"))
        .unwrap()
        .trim();
    let known = Cluster::from_kubeconfig_text(&config(&format!(", {ca}")), &Connect::default())
        .await
        .unwrap();
    let error = known.version().await.err();
    // /version is open to everybody, even with a bad token it may answer 401 first.
    assert!(
        matches!(&error, Some(CallError::Unauthorized(_))),
        "{error:?}"
    );
    let stranger = Cluster::from_kubeconfig_text(&config(""), &Connect::default())
        .await
        .unwrap();
    let error = stranger.version().await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_tenants_kubeconfig_is_said_without_its_values() {
    let canary = "canary-5e1f";
    let whole = |server: &str, user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         clusters: [{{name: k, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
    };
    let key = format!("client-certificate-data: aGk=, client-key-data: '{canary}!'");
    for (text, words) in [
        (canary.to_owned(), "not valid YAML"),
        (format!("users: [{canary}"), "not valid YAML"),
        (format!("users: {canary}"), "wrong type"),
        (
            format!("current-context: {canary}"),
            "not among its contexts",
        ),
        (
            whole(&format!("https://{canary} {canary}"), ""),
            "is no address",
        ),
        (whole("https://127.0.0.1:1", &key), "client-key-data"),
    ] {
        let error = Cluster::from_kubeconfig_text(&text, &Connect::default())
            .await
            .map(|cluster| cluster.server().to_owned())
            .unwrap_err();
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            said = format!("{said}: {error}");
            cause = error.source();
        }
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}
