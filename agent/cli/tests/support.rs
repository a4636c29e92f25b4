//! Runs the program and git in directories of their own.

use std::path::Path;
use std::process::{Command, Output};

/// What a run gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) talk: String,
}

/// The program with `args`, in `dir`, with nothing of this machine's settings.
pub(crate) fn driftless(dir: &Path, args: &[&str]) -> Ran {
    let output = command(dir, env!("CARGO_BIN_EXE_driftless"))
        .args(args)
        .output()
        .unwrap();
    ran(&output)
}

/// What `git` prints with `args` in `dir`.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = command(dir, "git").args(args).output().unwrap();
    let ran = ran(&output);
    assert_eq!(ran.code, 0, "git {args:?}: {}", ran.talk);
    ran.out.trim_end().to_owned()
}

/// A program that sees no settings but these.
pub(crate) fn command(dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.com");
    command
}

fn ran(output: &Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        talk: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}
