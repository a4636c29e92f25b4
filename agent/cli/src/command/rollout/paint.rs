//! A view as text, for people: at most as wide and high as there is room.

use std::io::{self, Write};

use anstyle::Style;
use api::v1alpha1::{HeldRevision, RolloutPhase};
use jiff::Timestamp;
use rollout::judge::{Decision, plain};

use super::tables;
use super::tree;
use super::view::{Stands, View};
use crate::context::Context;
use crate::term::age::{age, left};
use crate::term::{short, style, wrap};

/// Columns where nothing is known of the screen.
const WIDTH: usize = 80;
/// Pods of one workload, where there is room.
const PODS: usize = 8;
/// Lines around the pods.
const AROUND: usize = 18;
/// What the facts begin with: two spaces, the word, two spaces.
const INDENT: usize = 12;

/// Lines of what a Job said last.
const LOG: usize = 5;

/// How much fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Columns.
    pub(super) width: usize,
    /// Pods of one workload.
    pub(super) pods: usize,
    /// Lines, if they are counted.
    pub(super) height: Option<usize>,
}

impl Room {
    /// What the terminal has; into a pipe goes what fits everywhere.
    pub(super) fn of(context: &Context) -> Self {
        let size = terminal_size::terminal_size().filter(|_| context.interactive());
        match size {
            Some((width, height)) => Self {
                width: usize::from(width.0).max(40),
                pods: (usize::from(height.0).saturating_sub(AROUND) / 2).clamp(2, PODS),
                height: Some(usize::from(height.0)),
            },
            None => Self {
                width: WIDTH,
                pods: PODS,
                height: None,
            },
        }
    }
}

/// The lines of `view`, with colour.
pub(super) fn paint(view: &View, room: Room, now: Timestamp) -> Vec<u8> {
    let mut out = Vec::new();
    write(view, room, now, &mut out).expect("writing to a Vec cannot fail because it grows");
    out
}

fn write(view: &View, room: Room, now: Timestamp, out: &mut Vec<u8>) -> io::Result<()> {
    let (word, color) = phase(view);
    let head = style::HEAD;
    writeln!(
        out,
        "{head}{}{head:#} {color}{word}{color:#}",
        view.environment
    )?;
    for (key, text, style) in facts(view, now) {
        fact(key, &text, style, room.width, out)?;
    }
    steps(view, room.width, out)?;
    if !view.revisions.is_empty() {
        writeln!(out)?;
        tree::table(view, room.pods, room.width, now).write(out)?;
    }
    if let Some(why) = &view.blind {
        let dim = style::DIM;
        writeln!(out, "{dim}{why}{dim:#}")?;
    }
    if !view.metrics.is_empty() {
        writeln!(out)?;
        tables::metrics(&view.metrics).write(out)?;
    }
    if !is_moving(view.phase) && !view.records.is_empty() {
        writeln!(out)?;
        let records: Vec<_> = view.records.iter().collect();
        tables::records(&records, room.width, now).write(out)?;
    }
    Ok(())
}

/// The word for a phase with its sign, and its colour.
pub(super) fn phase(view: &View) -> (String, Style) {
    let (sign, color) = match view.phase {
        RolloutPhase::Settled => ("✓", style::GOOD),
        RolloutPhase::Baking => ("◷", style::GOOD),
        RolloutPhase::Stepping if view.waits_for_somebody => ("‖", style::WAIT),
        RolloutPhase::Stepping | RolloutPhase::Promoting | RolloutPhase::Returning => {
            ("…", style::WAIT)
        }
        RolloutPhase::Ending => ("↩", style::BAD),
        RolloutPhase::Held => ("✗", style::BAD),
    };
    let step = match (view.step, view.steps.len()) {
        (Some(step), steps) if steps > 0 => format!(", step {step} of {steps}"),
        _ => String::new(),
    };
    (format!("{sign} {}{step}", view.phase.as_str()), color)
}

const fn is_moving(phase: RolloutPhase) -> bool {
    matches!(
        phase,
        RolloutPhase::Stepping | RolloutPhase::Promoting | RolloutPhase::Returning
    )
}

type Fact = (&'static str, String, Style);

fn facts(view: &View, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(strategy) = &view.strategy {
        let since = view.began.map(|began| format!(", for {}", age(began, now)));
        let way = if view.back {
            "back to the former release, by "
        } else {
            ""
        };
        let text = format!("{way}{strategy}{}", since.unwrap_or_default());
        facts.push(("strategy", text, style::PLAIN));
    }
    if let Some(held) = &view.held {
        facts.extend(rejected(held, now));
    }
    if let Some(cause) = &view.cause {
        facts.push(("because", cause.clone(), style::BAD));
    }
    if !view.waiting.is_empty() && view.phase != RolloutPhase::Held {
        let left = view
            .until
            .map(|until| format!(" ({} left)", seconds(until, now)));
        let text = format!("{}{}", view.waiting, left.unwrap_or_default());
        facts.push(("waits", text, style::WAIT));
    }
    if let Some(deadline) = view.deadline {
        let text = format!(
            "in {}, if it still waits for that then",
            seconds(deadline, now)
        );
        facts.push(("given up", text, style::PLAIN));
    }
    if let Some(to_go) = view.seconds_to_go {
        let somebody = if view.needs_somebody {
            ", and somebody has to say to go on"
        } else {
            ""
        };
        facts.push((
            "to go",
            format!("{} at best{somebody}", left(to_go)),
            style::PLAIN,
        ));
    }
    if let Some(command) = &view.command {
        let became = match (command.obeyed, command.message.as_str()) {
            (true, _) => String::new(),
            (false, why) => format!(", ignored: {why}"),
        };
        let ago = age(command.at.0, now);
        let text = format!("{} by {}, {ago} ago{became}", command.action, command.by);
        facts.push(("command", text, style::PLAIN));
    }
    for next in &view.next {
        facts.push((
            "next",
            format!("`{}` {}", next.command, next.does),
            style::NOTE,
        ));
    }
    facts
}

fn rejected(held: &HeldRevision, now: Timestamp) -> Vec<Fact> {
    let revision = short(&held.revision);
    let ago = age(held.since.0, now);
    let mut facts = vec![(
        "rejected",
        format!("{revision} {ago} ago: {}", held.reason),
        style::BAD,
    )];
    match &held.decision {
        Some(decision) => {
            let number = decision.number.map(plain).unwrap_or_default();
            let limit = &decision.limit;
            let by = excess(decision)
                .map(|by| format!(", {by}"))
                .unwrap_or_default();
            let text = format!("{} was {number}{by} ({limit})", decision.metric);
            facts.push(("number", text, style::BAD));
            facts.push(("asked", decision.query.clone(), style::DIM));
            let from = decision.log.len().saturating_sub(LOG);
            for (place, line) in decision.log[from..].iter().enumerate() {
                let key = if place == 0 { "said" } else { "" };
                facts.push((key, line.clone(), style::DIM));
            }
        }
        None => facts.push(("because", held.message.clone(), style::BAD)),
    }
    facts
}

/// By how much it is beyond its limit: `31 times the limit`.
fn excess(decision: &Decision) -> Option<String> {
    let (number, bound) = (decision.number?, decision.bound?);
    let times = number / bound;
    match bound > 0.0 && times >= 2.0 {
        true => Some(format!(
            "{} times the limit",
            plain((times * 10.0).round() / 10.0)
        )),
        false => Some(format!(
            "{} {} the limit",
            plain((number - bound).abs()),
            if number > bound { "above" } else { "below" }
        )),
    }
}

fn fact(key: &str, text: &str, style: Style, width: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let dim = style::DIM;
    for (place, line) in wrap(text, width.saturating_sub(INDENT)).iter().enumerate() {
        let key = if place == 0 { key } else { "" };
        let room = INDENT - 4;
        writeln!(out, "  {dim}{key:room$}{dim:#}  {style}{line}{style:#}")?;
    }
    Ok(())
}

/// `✓ 1 %  ✓ 2m  ● 5 %  · 2m`, as many in a line as fit.
fn steps(view: &View, width: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let mut used = width;
    for (place, step) in view.steps.iter().enumerate() {
        let (sign, style) = match step.stands {
            Stands::Passed => ('✓', style::GOOD),
            Stands::Now => ('●', style::WAIT.bold()),
            Stands::Ahead => ('·', style::DIM),
        };
        let length = step.brief.chars().count() + 4;
        if used + length > width {
            let (dim, key) = (style::DIM, if place == 0 { "steps" } else { "" });
            let room = INDENT - 4;
            let end = if place == 0 { "" } else { "\n" };
            write!(out, "{end}  {dim}{key:room$}{dim:#}")?;
            used = INDENT - 2;
        }
        write!(out, "  {style}{sign} {}{style:#}", step.brief)?;
        used += length;
    }
    match view.steps.is_empty() {
        true => Ok(()),
        false => writeln!(out),
    }
}

/// How long until `then`.
fn seconds(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.as_second().saturating_sub(now.as_second());
    left(u64::try_from(seconds).unwrap_or_default())
}
