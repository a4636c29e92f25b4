//! The global flags as resolved: which cluster, how to print, what time it is.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Color, Format, Global};
use crate::error::Failure;
use crate::term;

/// What every command is given.
#[expect(
    clippy::struct_field_names,
    reason = "a kubeconfig calls it a context, too"
)]
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The kubeconfig that was asked for.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of it that was asked for.
    pub(crate) context: Option<String>,
    /// The namespace that was asked for.
    pub(crate) namespace: Option<String>,
    /// How to print.
    pub(crate) format: Format,
    /// When to use colour.
    pub(crate) color: ColorChoice,
}

impl Context {
    /// Makes sense of the flags.
    pub(crate) fn resolve(global: &Global) -> Self {
        Self {
            kubeconfig: global.kubeconfig.clone(),
            context: global.context.clone(),
            namespace: global.namespace.clone(),
            format: global.output,
            color: match global.color {
                Color::Auto => ColorChoice::Auto,
                Color::Always => ColorChoice::Always,
                Color::Never => ColorChoice::Never,
            },
        }
    }

    /// The time.
    #[expect(
        clippy::unused_self,
        reason = "the clock belongs to the context, wherever it comes from"
    )]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Where data goes.
    pub(crate) fn out(&self) -> AutoStream<std::io::StdoutLock<'static>> {
        term::stdout(self.color)
    }

    /// Where talk goes.
    pub(crate) fn talk(&self) -> AutoStream<std::io::StderrLock<'static>> {
        term::stderr(self.color)
    }

    /// Whether a person reads the data as it comes.
    #[expect(clippy::unused_self, reason = "as above")]
    pub(crate) fn interactive(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Prints `data` for programs. `false` if a person is to read the answer, which the caller then prints itself.
    pub(crate) fn print(&self, data: &impl Serialize) -> Result<bool, Failure> {
        match self.format {
            Format::Text => return Ok(false),
            Format::Json => term::format::json(&mut self.out(), data)?,
            Format::Yaml => term::format::yaml(&mut self.out(), data)?,
        }
        Ok(true)
    }
}
