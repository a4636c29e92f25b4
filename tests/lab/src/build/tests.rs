//! Building once, however many ask, proved with a small Go program.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use super::{BuildError, Source, go_version, key, program};
use crate::progress::Progress;

const SMALL: Source = Source {
    name: "small",
    about: "building something small",
    package: ".",
    files: &[
        ("go.mod", "module example.com/small\n\ngo 1.24\n"),
        ("go.sum", ""),
        (
            "main.go",
            "package main\n\nfunc main() { println(\"hello\") }\n",
        ),
    ],
};

const WRONG: Source = Source {
    name: "wrong",
    about: "building something wrong",
    package: ".",
    files: &[
        SMALL.files[0],
        SMALL.files[1],
        ("main.go", "package main\n\nfunc main() { nonsense() }\n"),
    ],
};

#[test]
fn many_who_ask_at_once_get_one_build() {
    let cache = tempfile::tempdir().unwrap();
    let go = go_version().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let ask = || {
        let told = Arc::clone(&told);
        let progress = Progress::new(move |step| {
            if step.done {
                told.lock().unwrap().push(step.what.clone());
            }
        });
        program(&SMALL, cache.path(), &go, &progress).unwrap()
    };
    let paths = thread::scope(|scope| {
        let asked: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
        asked
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect::<Vec<_>>()
    });
    let output = Command::new(&paths[0]).output().unwrap();
    assert_eq!(output.stderr, b"hello\n");
    assert!(paths.iter().all(|path| path == &paths[0]));
    let told = told.lock().unwrap();
    let built = told.iter().filter(|what| *what == SMALL.about).count();
    assert_eq!(built, 1, "one build: {told:?}");
}

#[test]
fn a_cached_program_is_not_built_again() {
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().join(format!("small-{}", key(&SMALL, "go1")));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("small"), "cached").unwrap();
    let path = program(&SMALL, cache.path(), "go1", &Progress::default()).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "cached");
}

#[test]
fn another_source_or_another_go_is_another_program() {
    assert_ne!(key(&SMALL, "go1"), key(&SMALL, "go2"));
    assert_ne!(key(&SMALL, "go1"), key(&WRONG, "go1"));
}

#[test]
fn a_failed_build_is_told_in_gos_words_and_leaves_no_program() {
    let cache = tempfile::tempdir().unwrap();
    let go = go_version().unwrap();
    let error = program(&WRONG, cache.path(), &go, &Progress::default()).unwrap_err();
    assert!(error.to_string().contains("undefined: nonsense"), "{error}");
    assert!(matches!(
        error,
        BuildError::Go {
            program: "wrong",
            ..
        }
    ));
    assert!(
        !cache
            .path()
            .join(format!("wrong-{}", key(&WRONG, &go)))
            .join("wrong")
            .exists()
    );
}
