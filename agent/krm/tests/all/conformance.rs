//! What kustomize has printed reads back and prints the same.

use std::path::Path;

use krm::{SourceId, yaml};

#[test]
fn prints_what_kustomize_printed() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/cases");
    if !cases.is_dir() {
        println!("skipped: no conformance data");
        return;
    }
    let mut checked = 0;
    for case in cases.read_dir().expect("the cases") {
        for name in ["expected.yaml", "expected.default.yaml"] {
            let path = case.as_ref().expect("a case").path().join(name);
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let nodes = yaml::read(text.as_bytes(), SourceId(0), &yaml::Limits::default())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let printed = yaml::write(&nodes).expect("printable");
            assert_eq!(printed, text, "{}", path.display());
            checked += 1;
        }
    }
    println!("{checked} files");
    assert!(checked > 500, "only {checked} files were there");
}
