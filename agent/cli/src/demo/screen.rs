//! What the demo prints: one line for each thing that is ready, and what happens meanwhile.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use anstream::ColorChoice;
use lab::{Progress, Step};

use crate::context::Context;
use crate::term::{self, age::took, style};

/// Where the demo talks. All of it is talk; there is no data.
pub(crate) struct Screen {
    color: ColorChoice,
}

impl Screen {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            color: context.color,
        }
    }

    /// One plain line.
    pub(crate) fn say(&self, text: &str) {
        // Nobody is left to tell if the terminal is gone.
        let _ = writeln!(term::stderr(self.color), "{text}");
    }

    /// A thing that is ready: `✓ control plane   ready in 6.1s`.
    pub(crate) fn ready(&self, what: &str, detail: &str) {
        let (good, dim) = (style::GOOD, style::DIM);
        let _ = writeln!(
            term::stderr(self.color),
            "{good}✓{good:#} {what:<15} {dim}{detail}{dim:#}"
        );
    }

    /// A chapter of the tour.
    pub(crate) fn chapter(&self, number: usize, title: &str) {
        let head = style::HEAD;
        let _ = writeln!(
            term::stderr(self.color),
            "\n{head}{number}. {title}{head:#}"
        );
    }

    /// A command as a person would type it.
    pub(crate) fn command(&self, text: &str) {
        let note = style::NOTE;
        let _ = writeln!(term::stderr(self.color), "   {note}${note:#} {text}");
    }

    /// What came of it.
    pub(crate) fn answer(&self, text: &str, took_millis: Option<u64>) {
        let (good, dim) = (style::GOOD, style::DIM);
        let when = took_millis.map(|millis| format!("  {dim}after {}{dim:#}", took(millis)));
        let when = when.unwrap_or_default();
        let _ = writeln!(term::stderr(self.color), "   {good}→{good:#} {text}{when}");
    }

    /// What has to be known to take it for what it is.
    pub(crate) fn note(&self, text: &str) {
        let dim = style::DIM;
        let _ = writeln!(term::stderr(self.color), "   {dim}{text}{dim:#}");
    }

    /// A share that a new version was to have, and in brackets the one it has, beside those before it.
    pub(crate) fn share(&self, asked: u8, served: usize) {
        let wait = style::WAIT;
        let mut out = term::stderr(self.color);
        let _ = write!(out, "   {wait}…{wait:#} {asked} %");
        if served != usize::from(asked) {
            let _ = write!(out, " ({served} %)");
        }
        let _ = out.flush();
    }

    /// No more of them.
    pub(crate) fn end_of_shares(&self) {
        self.say("");
    }

    /// What a command has printed.
    pub(crate) fn output(&self, text: &str) {
        for line in text.lines() {
            self.say(format!("     {line}").trim_end());
        }
    }

    /// For a command whose output is shown here.
    pub(crate) fn color_word(&self) -> &'static str {
        let shown = term::stderr(self.color).current_choice() != ColorChoice::Never;
        if shown { "always" } else { "never" }
    }

    /// Shows steps that take long, on one line that is painted over on a terminal.
    pub(crate) fn progress(&self) -> Progress {
        let color = self.color;
        let terminal = std::io::stderr().is_terminal();
        let told: Mutex<Option<(String, Duration)>> = Mutex::new(None);
        Progress::new(move |step| {
            let mut told = told
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            show(step, color, terminal, &mut told);
        })
    }

    /// How to go on by oneself.
    pub(crate) fn farewell(&self, kubeconfig: &Path, log: &Path, repo: &str) {
        let head = style::HEAD;
        let _ = writeln!(
            term::stderr(self.color),
            "\n{head}Everything keeps running until Ctrl-C. Try, in another terminal:{head:#}\n\n  \
             export KUBECONFIG={}\n  \
             kubectl get environments -A\n  \
             driftless status -A\n  \
             git clone {repo}\n\n\
             The agent's log is {}",
            kubeconfig.display(),
            log.display()
        );
    }
}

/// Long steps are told once in half a minute where lines cannot be painted over.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

fn show(step: &Step, color: ColorChoice, terminal: bool, told: &mut Option<(String, Duration)>) {
    let mut out = term::stderr(color);
    let seconds = step.elapsed.as_secs();
    let detail = if step.detail.is_empty() {
        String::new()
    } else {
        format!(", {}", step.detail)
    };
    if terminal {
        let line = format!("… {} {seconds}s{detail}", step.what);
        let _ = match step.done {
            true => write!(out, "\r\x1b[K"),
            false => write!(out, "\r\x1b[K{line}"),
        };
        let _ = out.flush();
        return;
    }
    let due = match told.as_ref() {
        Some((what, at)) if *what == step.what => step.elapsed >= *at + PLAIN_EVERY,
        _ => !step.done,
    };
    if due && !step.done {
        let _ = writeln!(out, "… {} {seconds}s{detail}", step.what);
        *told = Some((step.what.clone(), step.elapsed));
    }
}
