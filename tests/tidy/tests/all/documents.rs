//! What people read: links that lead somewhere, and nothing of the machine it was written on.

use std::fs;

use tidy::{ends, files, root};

use super::none;

fn documents() -> impl Iterator<Item = (String, String)> {
    files()
        .into_iter()
        .filter(|path| ends(path, "md"))
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
            (path, text)
        })
}

#[test]
fn links_lead_somewhere() {
    let mut offences = Vec::new();
    for (path, text) in documents() {
        let folder = root()
            .join(&path)
            .parent()
            .map(ToOwned::to_owned)
            .unwrap_or_default();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.is_empty();
            if !outside && !folder.join(target).exists() {
                offences.push(format!("{path}: {link}"));
            }
        }
    }
    none("a link leads nowhere", &offences);
}

/// The code map of ARCHITECTURE.md names paths; a renamed file must not leave a stale one behind.
#[test]
fn the_architecture_names_what_is_there() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = text.split('`').skip(1).step_by(2).filter(|word| {
        let first = word.split('/').next().unwrap_or_default();
        word.contains('/') && ["agent", "tests", "deploy", "docs", "overlays"].contains(&first)
    });
    let missing = named.filter(|path| !path.contains(['*', '{', '<', ' ']));
    let missing = missing.filter(|path| !root().join(path).exists());
    let offences: Vec<_> = missing.map(str::to_owned).collect();
    none("ARCHITECTURE.md names a path that is not there", &offences);
    assert!(
        text.lines().count() <= 300,
        "ARCHITECTURE.md is longer than 300 lines"
    );
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let words = [
        concat!("/work/", "main"),
        concat!("/root", "/"),
        concat!("/work/", "shared"),
    ];
    let mut offences = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else {
            continue;
        };
        let lines = text.lines().enumerate();
        let wrong = lines.filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        offences.extend(wrong.map(|(at, _)| format!("{path}:{}", at + 1)));
    }
    none("a file names a path of one machine", &offences);
}
