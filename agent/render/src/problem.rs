//! What can be wrong with a kustomization tree, said once, with file, line and the next thing to try.
//!
//! Inside the crate a [`Problem`] carries a [`Pos`]; only [`RenderError`], which outlives the render, names
//! files. Texts never quote values of objects, since an object may be a Secret.

use std::fmt;

use krm::Pos;

use crate::TreePath;

/// Why a render failed: every problem that was found, in the order of the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RenderError {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// One problem, with the file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, or the directory that was to be rendered; `None` where neither is to blame.
    pub file: Option<TreePath>,
    /// The 1-based line; 0 where the whole file is meant.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// One problem, at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) pos: Option<Pos>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// At least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

/// Gathers problems, so that all of them are reported at once.
#[derive(Debug, Default)]
pub(crate) struct Gather(Vec<Problem>);

pub(crate) type Outcome<T = ()> = Result<T, Problems>;

impl Problem {
    pub(crate) fn at(pos: Pos, message: impl Into<String>) -> Self {
        Self {
            pos: Some(pos),
            message: message.into(),
            hint: None,
        }
    }

    /// A problem of no particular file.
    pub(crate) fn general(message: impl Into<String>) -> Self {
        Self {
            pos: None,
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Problems {
    /// Problems of no particular file are put at `pos`, the line that led to them.
    #[must_use]
    pub(crate) fn placed(mut self, pos: Pos) -> Self {
        for problem in &mut self.0 {
            problem.pos.get_or_insert(pos);
        }
        self
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Gather {
    /// The value, or `None` after noting what was wrong with it.
    pub(crate) fn take<T, E: Into<Problems>>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problems) => {
                self.0.extend(problems.into().0);
                None
            }
        }
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// `value` if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Outcome<T> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(Problems(self.0)),
        }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// `overlays/develop/kustomization.yaml:12: unknown field "namePrefx"`, the hint on a line of its own.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
