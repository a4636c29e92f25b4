//! `driftless explain`: which line, layer and commit set a field of a rendered object.
//!
//! The renderer carries the place of every value from file to output, so nothing is guessed here; the user's own git
//! says which commit wrote the line. No cluster is asked. Values of Secrets are never printed.

mod fields;
mod find;
mod history;
mod layers;
mod secrets;

use std::io::Write as _;

use krm::{Node, Pos};
use serde::Serialize;
use serde_json::Value;

use crate::args;
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::git::{Blamed, Git};
use crate::objects::{self, ObjectsError, Output};
use crate::term::table::{Cell, Table};
use crate::term::{short, style};

use history::History;
use layers::{Layer, Layers};

/// How many characters of a value are shown to people.
const WIDTH: usize = 48;

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    object: String,
    overlay: String,
    fields: Vec<Explained>,
    /// What could not be found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// One field and where it is from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    field: String,
    value: Value,
    /// Absent for what the renderer itself adds.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    place: Option<Place>,
    /// The replacement that put the value here; `place` is then where it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Place>,
}

/// The line that set a field.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    file: String,
    line: u32,
    layer: Layer,
    /// Absent if the line is in no commit, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<Blamed>,
}

/// Renders, finds, explains.
pub(super) fn run(args: &args::Explain, context: &Context) -> Result<Exit, Failure> {
    let output = render(args)?;
    let overlay = output.name(&output.path);
    let objects = &output.rendered.objects;
    let object = find::object(objects, &args.object, &overlay)?;
    let leaves = fields::leaves(&object.node);
    let leaves = find::fields(leaves, args.field.as_deref(), &object.id.to_string())?;
    let places = leaves
        .iter()
        .flat_map(|leaf| [Some(leaf.node.pos), leaf.rule]);
    let history = History::of(&output, places.flatten());
    let layers = Layers::of(&output);
    let secrets = secrets::Secrets::of(objects);
    let explain = |leaf: &fields::Leaf<'_>| Explained {
        field: leaf.path(),
        value: match secrets.hold(&object.node, leaf) {
            true => secrets::MASK.into(),
            false => value(leaf.node),
        },
        place: place(leaf.node.pos, &output, &layers, &history),
        rule: leaf
            .rule
            .and_then(|rule| place(rule, &output, &layers, &history)),
    };
    let answer = Answer {
        object: object.id.to_string(),
        overlay,
        fields: leaves.iter().map(explain).collect(),
        notes: history.notes,
    };
    if !context.print(&answer)? {
        print(&answer, history.known, context)?;
    }
    Ok(Exit::Good)
}

fn render(args: &args::Explain) -> Result<Output, ObjectsError> {
    let Some(revision) = &args.branch else {
        return objects::on_disk(&args.path, &render::Options::default());
    };
    // Git counts from the root of the repo, people from where they stand.
    let prefix = Git::at(".").run(&["rev-parse", "--show-prefix"])?;
    let path = format!("{prefix}/{}", args.path.display());
    let path = path.trim_start_matches('/');
    objects::at_revision(".".as_ref(), revision, path)
}

fn value(node: &Node) -> Value {
    let text = || node.text().unwrap_or_default().into();
    krm::json::to_value(node).unwrap_or_else(|_| text())
}

fn place(pos: Pos, output: &Output, layers: &Layers<'_>, history: &History) -> Option<Place> {
    let file = output
        .rendered
        .source(pos.source)
        .filter(|_| pos.line > 0)?;
    Some(Place {
        file: output.name(file),
        line: pos.line,
        layer: layers.of_file(file),
        commit: history.commit(pos).cloned(),
    })
}

fn print(answer: &Answer, known: bool, context: &Context) -> Result<(), Failure> {
    let mut head = vec!["FIELD", "VALUE", "SET AT", "IN"];
    if known {
        head.extend(["COMMIT", "DATE", "AUTHOR"]);
    }
    let mut table = Table::new(&head);
    for field in &answer.fields {
        table.row(cells(field, known));
    }
    table.write(&mut context.out())?;
    for note in &answer.notes {
        writeln!(context.talk(), "note: {note}")?;
    }
    Ok(())
}

fn cells(field: &Explained, known: bool) -> Vec<Cell> {
    let mut cells = vec![
        Cell::new(&*field.field, style::HEAD),
        shown(&field.value).into(),
    ];
    let Some(place) = &field.place else {
        cells.push(Cell::new("(added by the renderer)", style::DIM));
        return cells;
    };
    let mut set_at = format!("{}:{}", place.file, place.line);
    if let Some(rule) = &field.rule {
        set_at = format!("{set_at} by {}:{}", rule.file, rule.line);
    }
    cells.push(set_at.into());
    cells.push(place.layer.beside(&place.file).into());
    match &place.commit {
        Some(commit) => cells.extend([
            Cell::new(short(&commit.id), style::NOTE),
            commit.date.strftime("%Y-%m-%d").to_string().into(),
            commit.author.clone().into(),
        ]),
        None if known => cells.push(Cell::new("uncommitted", style::WAIT)),
        None => {}
    }
    cells
}

/// A value in one line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut line: String = first.chars().take(WIDTH).collect();
    if line.len() < first.len() || lines.next().is_some() {
        line.push('…');
    }
    line
}
