//! What the API server will be told, as it stands in the repository.

use std::{fs, path::PathBuf};

/// `UPDATE=1 cargo test -p api` writes the files anew.
#[test]
fn crds_in_deploy_are_generated_from_the_types() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    for (name, text) in api::schema::files().unwrap() {
        let path = folder.join(&name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "deploy/crds/{name} is stale; run `UPDATE=1 cargo test -p api`"
        );
    }
}

#[test]
fn an_environment_needs_little() {
    let spec: api::v1alpha1::EnvironmentSpec =
        serde_yaml::from_str("source: {url: 'https://git.example.com/config.git', branch: master}")
            .unwrap();
    assert_eq!(spec.source.path, ".");
    assert_eq!(spec.interval.to_string(), "1m");
    assert!(spec.prune && !spec.suspend);
}
