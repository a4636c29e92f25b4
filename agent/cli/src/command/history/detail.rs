//! One Release in full.

use std::io::{self, Write};

use api::v1alpha1::{Action, HookResult, Release, ReleaseStatus, StageName, StageResult};

use rollout::judge::{Decision, Verdict};
use rollout::wish::{Event, Record};

use super::super::rollout::tables;
use super::{changes, duration, phase};
use crate::context::Context;
use crate::error::Failure;
use crate::term::age::{age, took};
use crate::term::style;
use crate::term::table::{Cell, Table};

/// Prints it.
pub(super) fn print(release: &Release, context: &Context) -> Result<(), Failure> {
    let status = release.status.clone().unwrap_or_default();
    let mut out = context.out();
    facts(release, &status, context, &mut out)?;
    stages(&status, &mut out)?;
    changed(&status, &mut out)?;
    hooks(&status, &mut out)?;
    rollout(&status, context, &mut out)?;
    wrong(&status, &mut out)?;
    Ok(())
}

fn facts(
    release: &Release,
    status: &ReleaseStatus,
    context: &Context,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let spec = &release.spec;
    let name = release.metadata.name.as_deref().unwrap_or_default();
    let (word, color) = phase(status);
    let head = style::HEAD;
    writeln!(out, "{head}{name}{head:#} {color}{word}{color:#}")?;
    writeln!(
        out,
        "  revision  {} on {} {}",
        spec.revision, spec.branch, spec.path
    )?;
    if let Some(previous) = &spec.previous {
        writeln!(out, "  previous  {previous}")?;
    }
    writeln!(
        out,
        "  commit    {}: {}",
        spec.commit.author, spec.commit.subject
    )?;
    writeln!(out, "  trigger   {}", spec.trigger)?;
    if let Some(through) = &spec.window_override {
        let (by, reason) = (&through.by, &through.reason);
        writeln!(out, "  override  outside of its windows, by {by}: {reason}")?;
    }
    if let Some(start) = &status.started_at {
        let ago = age(start.0, context.now());
        writeln!(
            out,
            "  started   {} ({ago} ago), took {}",
            start.0,
            duration(release)
        )?;
    }
    writeln!(
        out,
        "  changes   {}, {} unchanged",
        changes(status.counts),
        status.counts.unchanged
    )?;
    if let Some(waiting) = &status.waiting_for {
        let (object, health) = (&waiting.object, waiting.health.as_str());
        writeln!(
            out,
            "  waiting   for {object} ({health}): {}",
            waiting.message
        )?;
    }
    Ok(())
}

fn stages(status: &ReleaseStatus, out: &mut impl Write) -> io::Result<()> {
    if status.stages.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["STAGE", "RESULT", "TOOK", "MESSAGE"]);
    for stage in &status.stages {
        let (word, color) = match stage.result {
            StageResult::Done => ("✓ Done", style::GOOD),
            StageResult::Running => ("… Running", style::WAIT),
            StageResult::Failed => ("✗ Failed", style::BAD),
            StageResult::Held => ("‖ Held", style::WAIT),
        };
        table.row(vec![
            title(stage.stage).into(),
            Cell::new(word, color),
            stage
                .milliseconds
                .map_or_else(|| "-".to_owned(), took)
                .into(),
            stage.message.as_deref().unwrap_or_default().into(),
        ]);
    }
    writeln!(out)?;
    table.write(out)
}

const fn title(stage: StageName) -> &'static str {
    match stage {
        StageName::Fetch => "fetch",
        StageName::Render => "render",
        StageName::Verify => "verify",
        StageName::Plan => "plan",
        StageName::Apply => "apply",
        StageName::Prune => "prune",
        StageName::Health => "health",
    }
}

fn changed(status: &ReleaseStatus, out: &mut impl Write) -> io::Result<()> {
    if status.changes.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for change in &status.changes {
        let (sign, word, color) = match change.action {
            Action::Created => ('+', "created", style::GOOD),
            Action::Updated => ('~', "updated", style::WAIT),
            Action::Recreated => ('±', "recreated", style::WAIT),
            Action::Deleted => ('-', "deleted", style::BAD),
            Action::Adopted => ('=', "adopted", style::NOTE),
        };
        writeln!(out, "{color}{sign} {word:<9}{color:#} {}", change.object)?;
    }
    Ok(())
}

fn hooks(status: &ReleaseStatus, out: &mut impl Write) -> io::Result<()> {
    let dim = style::DIM;
    for hook in &status.hooks {
        let (word, color) = match hook.result {
            HookResult::Running => ("… Running", style::WAIT),
            HookResult::Succeeded => ("✓ Succeeded", style::GOOD),
            HookResult::Failed => ("✗ Failed", style::BAD),
        };
        let (name, point, job) = (&hook.hook, hook.point.as_str(), &hook.job);
        let why = hook.message.as_deref().map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        writeln!(out)?;
        writeln!(
            out,
            "hook {name} ({point}) {color}{word}{color:#} as {job}{why}"
        )?;
        for line in &hook.log {
            writeln!(out, "  {dim}│{dim:#} {line}")?;
        }
    }
    Ok(())
}

/// How it was brought out: the numbers, and every decision but the many numbers that were good.
fn rollout(status: &ReleaseStatus, context: &Context, out: &mut impl Write) -> io::Result<()> {
    let Some(rollout) = &status.rollout else {
        return Ok(());
    };
    let (id, strategy, phase) = (&rollout.id, &rollout.strategy, rollout.phase.as_str());
    let (step, steps) = (rollout.step, rollout.steps);
    writeln!(out)?;
    writeln!(
        out,
        "rollout {id} by {strategy}: {phase}, came to step {step} of {steps}"
    )?;
    if !rollout.metrics.is_empty() {
        tables::metrics(&rollout.metrics).write(out)?;
    }
    let told: Vec<&Record> = rollout.records.iter().filter(|one| is_told(one)).collect();
    if !told.is_empty() {
        tables::records(&told, usize::MAX, context.now()).write(out)?;
    }
    told.iter().try_for_each(|record| said(record, out))
}

/// What a Job said whose number was none or a bad one.
fn said(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let decision = record.decision.as_ref();
    let judged = decision.filter(|one| record.event == Event::Judged && !one.log.is_empty());
    let Some(decision) = judged else {
        return Ok(());
    };
    let (bad, dim) = (style::BAD, style::DIM);
    let Decision { metric, query, .. } = decision;
    writeln!(out)?;
    writeln!(
        out,
        "metric {metric} {bad}✗ {}{bad:#} as {query}",
        decision.why
    )?;
    for line in &decision.log {
        writeln!(out, "  {dim}│{dim:#} {line}")?;
    }
    Ok(())
}

fn is_told(record: &Record) -> bool {
    let verdict = record.decision.as_ref().map(|decision| decision.verdict);
    record.event != Event::Judged || verdict != Some(Verdict::Good)
}

fn wrong(status: &ReleaseStatus, out: &mut impl Write) -> io::Result<()> {
    let bad = style::BAD;
    for failure in &status.failures {
        writeln!(
            out,
            "{bad}✗ failed   {bad:#} {}",
            crate::environments::told(failure)
        )?;
    }
    Ok(())
}
