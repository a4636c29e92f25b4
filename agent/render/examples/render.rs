//! The renderer as a program, with the flags of `kustomize build`: for trying it out and for comparing.

use std::{io::Write, process::ExitCode};

use render::{DiskTree, LoadRestriction, Options, Order, TreePath, render};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            say(&format!("Error: {text}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (dir, options) = arguments()?;
    let dir = std::fs::canonicalize(&dir).map_err(|error| format!("{dir}: {error}"))?;
    let path = TreePath::parse(&dir.to_string_lossy()).unwrap_or_default();
    let rendered =
        render(&DiskTree::new("/"), &path, &options).map_err(|error| error.to_string())?;
    for warning in &rendered.warnings {
        say(&format!("{warning}\n"));
    }
    let text = rendered.to_yaml().map_err(|error| error.to_string())?;
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| error.to_string())
}

fn arguments() -> Result<(String, Options), String> {
    let mut options = Options::default();
    let mut dir = ".".to_owned();
    let mut arguments = std::env::args().skip(2);
    while let Some(argument) = arguments.next() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        };
        let mut value = || {
            value
                .clone()
                .or_else(|| arguments.next())
                .unwrap_or_default()
        };
        match flag.as_str() {
            "--reorder" if value() == "none" => options.order = Order::None,
            "--reorder" => options.order = Order::Legacy,
            "--load-restrictor" if value() == "LoadRestrictionsNone" => {
                options.load_restriction = LoadRestriction::None;
            }
            "--load-restrictor" => {}
            "--enable-managedby-label" => options.managed_by = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}")),
            _ => dir = argument,
        }
    }
    Ok((dir, options))
}

fn say(text: &str) {
    // Nothing is left to do if standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
