//! `driftless render`: what `kustomize build` prints.

use std::io::Write as _;

use render::{LoadRestriction, Options, Order};
use serde_json::Value;

use crate::args::{LoadRestrictor, Render, Reorder};
use crate::context::Context;
use crate::error::{Exit, Failure};
use crate::objects;

/// Prints the objects.
pub(super) fn run(args: &Render, context: &Context) -> Result<Exit, Failure> {
    let output = objects::on_disk(&args.directory, &options(args))?;
    let mut talk = context.talk();
    for warning in &output.rendered.warnings {
        writeln!(talk, "{warning}")?;
    }
    drop(talk);
    let objects: Vec<Value> = match context.format {
        crate::args::Format::Text => Vec::new(),
        _ => output
            .objects()?
            .into_iter()
            .map(|(object, _)| object)
            .collect(),
    };
    if !context.print(&objects)? {
        context.out().write_all(output.yaml()?.as_bytes())?;
    }
    // The process is about to end: to give back each value by itself would take a tenth of the whole time.
    std::mem::forget(output);
    Ok(Exit::Good)
}

fn options(args: &Render) -> Options {
    Options {
        load_restriction: match args.load_restrictor {
            LoadRestrictor::RootOnly => LoadRestriction::RootOnly,
            LoadRestrictor::None => LoadRestriction::None,
        },
        order: match args.reorder {
            None => Order::Unspecified,
            Some(Reorder::None) => Order::None,
            Some(Reorder::Legacy) => Order::Legacy,
        },
        managed_by: args.enable_managedby_label,
    }
}
