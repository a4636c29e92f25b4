//! The real kustomize beside ours, on thousands of scalars: the same bytes, or both refuse.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::generate::Random;
use crate::{read, reprint};

/// Scalars per object. kustomize takes more than linear time in objects.
const PER_OBJECT: usize = 400;
const SCALARS: usize = 20_000;
/// Each of these needs a run of its own.
const REFUSED: usize = 150;
const SEED: u64 = 20_261_121;

#[test]
fn agrees_with_kustomize() {
    let Some(kustomize) = find() else {
        println!("skipped: no kustomize");
        return;
    };
    let seed = env::var("KRM_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let mut random = Random::new(seed);
    let items: Vec<String> = (0..SCALARS).map(|_| item(&mut random)).collect();
    let (fine, refused): (Vec<_>, Vec<_>) = items
        .iter()
        .partition(|item| reprint(&object("x", item)).is_ok());
    let fine: Vec<_> = fine.into_iter().filter(|item| stands_alone(item)).collect();
    println!(
        "seed {seed}: {} printed, {} refused",
        fine.len(),
        refused.len()
    );

    let objects: Vec<String> = fine
        .chunks(PER_OBJECT)
        .enumerate()
        .map(|(at, items)| {
            object(
                &format!("o{at:04}"),
                &items.iter().map(|item| item.as_str()).collect::<String>(),
            )
        })
        .collect();
    check_printed(&kustomize, &objects);
    for item in refused.iter().take(REFUSED) {
        check_refused(&kustomize, item);
    }
    assert!(fine.len() > SCALARS / 3 && refused.len() >= REFUSED);
}

/// One list item with a generated scalar as value, as key, or on its own.
fn item(random: &mut Random) -> String {
    match random.below(8) {
        0 => format!("- {}: v\n", random.scalar(6)),
        1 => format!("- {}\n", random.scalar(4)),
        _ => format!("- v: {}\n", random.scalar(4)),
    }
}

/// Whether what follows the item stays what it is.
fn stands_alone(item: &str) -> bool {
    let nodes = read(&object("x", &format!("{item}- end\n"))).unwrap_or_default();
    let items = nodes.first().and_then(|node| node.get("spec")?.as_seq());
    items.is_some_and(|items| items.len() == 2 && items[1].as_str() == Some("end"))
}

/// An object of a kind that kustomize knows nothing of.
fn object(name: &str, items: &str) -> String {
    let indented = items.lines().fold(String::new(), |text, line| {
        let pad = if line.is_empty() { "" } else { "  " };
        text + pad + line + "\n"
    });
    format!(
        "apiVersion: example.com/v1\nkind: Scalars\nmetadata:\n  name: {name}\nspec:\n{indented}"
    )
}

fn check_printed(kustomize: &Path, objects: &[String]) {
    let text = objects.join("---\n");
    let ours = reprint(&text).expect("each object is fine on its own");
    let theirs = build(kustomize, &text).expect("kustomize reads what we read");
    let differences: Vec<String> = ours
        .lines()
        .zip(theirs.lines())
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("ours   {ours:?}\ntheirs {theirs:?}"))
        .take(10)
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(ours.len(), theirs.len());
}

/// Both refuse; or we do, and say that kustomize would silently lose something.
fn check_refused(kustomize: &Path, item: &str) {
    let text = object("x", item);
    let ours = reprint(&text).expect_err("sorted out as refused");
    let lossy = ours.contains("would be ignored") || ours.contains("gets lost");
    if let Ok(theirs) = build(kustomize, &text) {
        assert!(
            lossy,
            "we say {ours:?}, kustomize prints {theirs:?} for {text:?}"
        );
    }
}

fn build(kustomize: &Path, manifest: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("kustomization.yaml", "resources: [manifest.yaml]\n");
    write("manifest.yaml", manifest);
    let output = Command::new(kustomize)
        .args(["build", "--reorder", "none"])
        .arg(folder.path())
        .output()
        .expect("kustomize starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// `KUSTOMIZE`, or where `go install` puts it.
fn find() -> Option<PathBuf> {
    let named = env::var_os("KUSTOMIZE").map(PathBuf::from);
    let installed = env::var_os("HOME").map(|home| Path::new(&home).join("go/bin/kustomize"));
    named.or(installed).filter(|path| path.is_file())
}
