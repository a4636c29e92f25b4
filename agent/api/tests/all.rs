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

/// What people copy must work: the example is read as the API server would hand it over.
#[test]
fn the_example_strategy_can_be_used() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/strategy.yaml");
    let text = fs::read_to_string(path).unwrap();
    let example: api::v1alpha1::Strategy = serde_yaml::from_str(&text).unwrap();
    assert_eq!(example.spec.strategy.faults(), []);
    assert_eq!(example.spec.strategy.steps.len(), 12);
}

#[test]
fn the_example_with_a_job_can_be_used() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/strategy-job.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (strategy, job) = text.split_once("\n---\n").unwrap();
    let example: api::v1alpha1::Strategy = serde_yaml::from_str(strategy).unwrap();
    let job: serde_json::Value = serde_yaml::from_str(job).unwrap();
    let strategy = example.spec.strategy;
    assert_eq!(strategy.faults(), []);
    assert_eq!(rollout::job::faults(&strategy, &[(job, None)]), [""; 0]);
}
