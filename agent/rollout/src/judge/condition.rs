//! Conditions in CEL over plain numbers.
//!
//! Variables: `canary`, `stable` and `samples`. Lists and maps are refused: a condition over three numbers needs
//! none, and without them an evaluation takes as long as its text is.

use cel::{Context, Env, Program, Value};

use super::Numbers;

/// Bytes of text.
const LONGEST: usize = 1024;
/// The parser calls itself for every bracket; with more of them a thread of 2 MiB runs out of stack.
const DEEPEST: usize = 8;

/// Why a condition says nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConditionError {
    /// It has more text than any condition needs.
    #[error("has more than {LONGEST} bytes")]
    Long,
    /// It has more brackets in one another.
    #[error("has more than {DEEPEST} brackets or signs in a row")]
    Deep,
    /// It has a list, a map or a text.
    #[error(
        "has `{0}`; only numbers, comparisons, arithmetic, `!`, `&&`, `||`, `?` and `:` may stand in it"
    )]
    NotNumbers(char),
    /// It is no CEL.
    #[error("is no condition: {0}")]
    Syntax(String),
    /// It names something else.
    #[error("names `{0}`; there are `canary`, `stable` and `samples`")]
    Name(String),
    /// It cannot be evaluated for these numbers.
    #[error("the condition cannot be evaluated: {0}")]
    Evaluation(String),
    /// It is a number, not a yes or no.
    #[error("the condition is neither true nor false")]
    NoAnswer,
}

/// Whether `text` can be used at all.
pub fn check(text: &str) -> Result<(), ConditionError> {
    let program = compile(text)?;
    let numbers = Numbers {
        canary: 1.0,
        stable: Some(1.0),
        canary_samples: Some(1.0),
        stable_samples: Some(1.0),
    };
    match evaluate(&program, &numbers) {
        // A division that fails for these numbers may work for others.
        Ok(_) | Err(ConditionError::Evaluation(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the condition `text` holds for `numbers`.
pub fn holds(text: &str, numbers: &Numbers) -> Result<bool, ConditionError> {
    evaluate(&compile(text)?, numbers)
}

fn compile(text: &str) -> Result<Program, ConditionError> {
    if text.len() > LONGEST {
        return Err(ConditionError::Long);
    }
    if let Some(other) = text.chars().find(|c| !is_plain(*c)) {
        return Err(ConditionError::NotNumbers(other));
    }
    if depth(text) > DEEPEST {
        return Err(ConditionError::Deep);
    }
    let program = Env::stdlib()
        .compile(text)
        .map_err(|error| ConditionError::Syntax(first_line(&error.to_string())))?;
    let references = program.references();
    let known = ["canary", "stable", "samples"];
    match references
        .variables()
        .into_iter()
        .find(|name| !known.contains(name))
    {
        Some(name) => Err(ConditionError::Name(name.to_owned())),
        None => Ok(program),
    }
}

fn evaluate(program: &Program, numbers: &Numbers) -> Result<bool, ConditionError> {
    let mut context = Context::default();
    context.add_variable_from_value("canary", numbers.canary);
    if let Some(stable) = numbers.stable {
        context.add_variable_from_value("stable", stable);
    }
    if let Some(samples) = numbers.canary_samples {
        context.add_variable_from_value("samples", samples);
    }
    match program.execute(&context) {
        Ok(Value::Bool(answer)) => Ok(answer),
        Ok(_) => Err(ConditionError::NoAnswer),
        Err(error) => Err(ConditionError::Evaluation(first_line(&error.to_string()))),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_.+-*/%<>=!&|?:()".contains(c)
}

/// How deep brackets, signs and question marks nest; each is a call of the parser.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest, mut signs) = (0_usize, 0, 0);
    for c in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            '!' | '-' | '?' => signs += 1,
            _ => {}
        }
        if !matches!(c, '!' | '-') {
            deepest = deepest.max(open + signs / 8);
        }
    }
    deepest.max(open + signs / 8)
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().chars().take(200).collect()
}
