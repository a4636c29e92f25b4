//! The conformance cases that may lie beside this checkout: kustomize's own tests, as data.
//!
//! Every case gives the same bytes, or is refused where kustomize refuses it, or is listed here by name with the
//! reason. `COMPAT.md` is written from this run (`UPDATE_COMPAT=1`) and must not be stale.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use render::{DiskTree, LoadRestriction, Options, Order, TreePath, render};
use serde_json::Value;

/// Cases that come out otherwise, and why. A case that is listed and passes is an error too.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// What came of one case.
enum Outcome {
    Same,
    RefusedAlike,
    Differs(String),
}

#[test]
fn conformance_cases_come_out_as_from_kustomize() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cases = repository.join("../shared/conformance/cases");
    let Ok(entries) = fs::read_dir(&cases) else {
        println!("skipped: no conformance data");
        return;
    };
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    let mut counts = Counts::default();
    for folder in &folders {
        let name = folder.file_name().expect("a name").to_string_lossy();
        match check(folder) {
            Outcome::Same => counts.same += 1,
            Outcome::RefusedAlike => counts.refused += 1,
            Outcome::Differs(how) => counts.differs.push((name.into_owned(), how)),
        }
    }
    let listed: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let surprising = counts
        .differs
        .iter()
        .filter(|(name, _)| !listed.contains(&name.as_str()));
    let surprising: Vec<String> = surprising
        .map(|(name, how)| format!("== {name}\n{how}"))
        .collect();
    assert!(surprising.is_empty(), "{}", surprising.join("\n"));
    let passes = |name: &&&str| !counts.differs.iter().any(|(found, _)| found == **name);
    let settled: Vec<&&str> = listed.iter().filter(passes).collect();
    assert!(settled.is_empty(), "no exceptions any more: {settled:?}");
    check_document(&repository.join("COMPAT.md"), &counts.document());
}

#[derive(Default)]
struct Counts {
    same: usize,
    refused: usize,
    differs: Vec<(String, String)>,
}

impl Counts {
    fn document(&self) -> String {
        let mut text = include_str!("compat.md").to_owned();
        let total = self.same + self.refused + self.differs.len();
        writeln!(
            text,
            "| came out | cases |\n|---|---|\n| the same bytes | {} |\n| refused, as kustomize does | {} |\n\
             | otherwise, see below | {} |\n| all | {total} |\n",
            self.same,
            self.refused,
            self.differs.len()
        )
        .expect("strings can be written");
        for (name, reason) in EXCEPTIONS {
            writeln!(text, "- `{name}`: {reason}").expect("strings can be written");
        }
        text
    }
}

fn check_document(path: &Path, text: &str) {
    if env::var_os("UPDATE_COMPAT").is_some() {
        fs::write(path, text).expect("the document can be written");
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "COMPAT.md is stale; run this test with UPDATE_COMPAT=1"
    );
}

fn check(folder: &Path) -> Outcome {
    let case = fs::read(folder.join("case.json")).expect("a case has case.json");
    let case: Value = serde_json::from_slice(&case).expect("case.json is JSON");
    let must_fail = case["expect"] == "error";
    let has_flag = case["cmd"]
        .as_array()
        .is_some_and(|words| words.contains(&"--reorder".into()));
    match (must_fail, run(folder, &case, true)) {
        (true, Err(_)) => Outcome::RefusedAlike,
        (true, Ok(_)) => Outcome::Differs("it is rendered, where kustomize refuses".to_owned()),
        (false, Err(text)) => Outcome::Differs(format!("it is refused: {text}")),
        (false, Ok(text)) => {
            let first = compare(folder, "expected.yaml", &text, &case);
            let second = || match run(folder, &case, false) {
                Ok(text) => compare(folder, "expected.default.yaml", &text, &case),
                Err(text) => Some(text),
            };
            match first.or_else(|| has_flag.then(second).flatten()) {
                None => Outcome::Same,
                Some(how) => Outcome::Differs(how),
            }
        }
    }
}

fn run(folder: &Path, case: &Value, with_order: bool) -> Result<String, String> {
    let text = |name: &str| {
        case["options"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let options = Options {
        load_restriction: match text("loadRestrictor").as_str() {
            "LoadRestrictionsNone" => LoadRestriction::None,
            _ => LoadRestriction::RootOnly,
        },
        order: match text("reorder").as_str() {
            _ if !with_order => Order::Unspecified,
            "none" => Order::None,
            "legacy" => Order::Legacy,
            _ => Order::Unspecified,
        },
        managed_by: case["options"]["enableManagedbyLabel"] == true,
    };
    let root = case["root"].as_str().unwrap_or_default();
    let path = TreePath::parse(root).expect("a root inside the case");
    let tree = DiskTree::new(folder.join("in"));
    let rendered = render(&tree, &path, &options).map_err(|error| error.to_string())?;
    rendered.to_yaml().map_err(|error| error.to_string())
}

fn compare(folder: &Path, name: &str, text: &str, case: &Value) -> Option<String> {
    let expected = fs::read_to_string(folder.join(name))
        .or_else(|_| fs::read_to_string(folder.join("expected.yaml")))
        .expect("a case has its output");
    let is_stamped = case["tags"]
        .as_array()
        .is_some_and(|tags| tags.contains(&"version-stamp".into()));
    let masked = |text: &str| match is_stamped {
        true => mask(text),
        false => text.to_owned(),
    };
    (masked(&expected) != masked(text))
        .then(|| format!("{name} says:\n{expected}\nbut it is:\n{text}"))
}

/// The version of the program that rendered is no part of a comparison.
fn mask(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match line.find("managed-by: kustomize-") {
            Some(at) => format!("{}managed-by: kustomize\n", &line[..at]),
            None => line.to_owned(),
        });
    lines.collect()
}
