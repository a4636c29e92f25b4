//! Golden cases for tests: a file holds an object, a patch and the outcome.

use std::{fmt::Write, fs, path::Path};

use crate::{Node, SourceId, yaml};

/// One file.
pub(crate) struct Case {
    pub target: String,
    pub patch: String,
}

/// Runs each case of a folder and fails with all that differ. Gives their number.
pub(crate) fn check(folder: &str, run: impl Fn(&Case) -> Result<String, String>) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).expect("a folder of cases");
    let mut paths: Vec<_> = files.map(|file| file.expect("a case").path()).collect();
    paths.sort();
    let mut differing = String::new();
    for path in &paths {
        let text = fs::read_to_string(path).expect("a case");
        let (case, wanted) = split(&text);
        let found = match run(&case) {
            Ok(text) => text,
            Err(error) => format!("# error: {error}\n"),
        };
        let both_fail = found.starts_with("# error") && wanted.starts_with("# error");
        if found != wanted && !both_fail {
            write!(
                differing,
                "{}:\n--- wanted\n{wanted}--- found\n{found}\n",
                path.display()
            )
            .expect("writing into a string does not fail");
        }
    }
    assert!(differing.is_empty(), "{differing}");
    paths.len()
}

fn split(text: &str) -> (Case, String) {
    let mut parts = ["", "", ""].map(str::to_owned);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        match line {
            "# target\n" => at = 0,
            "# patch\n" => at = 1,
            "# merged\n" | "# patched\n" => at = 2,
            line => parts[at].push_str(line),
        }
    }
    let [target, patch, wanted] = parts;
    (Case { target, patch }, wanted)
}

pub(crate) fn read(text: &str) -> Option<Node> {
    read_as(text, 0)
}

pub(crate) fn read_as(text: &str, source: u32) -> Option<Node> {
    let documents = yaml::read(text.as_bytes(), SourceId(source), &yaml::Limits::default());
    documents.expect("YAML").into_iter().next()
}

pub(crate) fn print(node: &Node) -> Result<String, String> {
    yaml::write([node]).map_err(|error| error.to_string())
}
