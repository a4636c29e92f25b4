//! `driftless rollout`: shows how a new revision is brought out, and directs it.
//!
//! Looking is reading documents and pods; directing is an annotation that the agent reads. Nothing is decided here.

mod follow;
mod give;
mod known;
mod may;
mod paint;
mod pods;
pub(super) mod tables;
#[cfg(test)]
mod tests;
mod tree;
mod view;
mod watch;

use std::io::Write as _;

use api::v1alpha1::RolloutPhase;

use crate::args::{Look, Rollout, RolloutCommand};
use crate::connect::{Link, connect};
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};

use self::known::Known;
use self::may::Order;

/// An Environment, or a flag, stands before the command.
#[derive(Debug, thiserror::Error)]
#[error("the Environment and flags of `rollout` come after its command")]
struct Misplaced;

impl Explain for Misplaced {
    fn hint(&self) -> Option<String> {
        Some("write it as `driftless rollout promote production`".to_owned())
    }
}

/// Looks, or gives a command.
pub(super) async fn run(args: &Rollout, context: &Context) -> Result<Exit, Failure> {
    if args.command.is_some() && (args.name.is_some() || args.look.watch) {
        return Err(Misplaced.into());
    }
    let link = connect(context).await?;
    let (order, give) = match &args.command {
        None => {
            return look(
                args.name.as_deref().unwrap_or_default(),
                args.look,
                &link,
                context,
            )
            .await;
        }
        Some(RolloutCommand::Status(status)) => {
            return look(&status.name, status.look, &link, context).await;
        }
        Some(RolloutCommand::Promote(promote)) if promote.full => {
            (Order::PromoteFully, &promote.give)
        }
        Some(RolloutCommand::Promote(promote)) => (Order::Promote, &promote.give),
        Some(RolloutCommand::Skip(give)) => (Order::Skip, give),
        Some(RolloutCommand::Pause(give)) => (Order::Pause, give),
        Some(RolloutCommand::Abort(give)) => (Order::Abort, give),
        Some(RolloutCommand::Retry(give)) => (Order::Retry, give),
        Some(RolloutCommand::Approve(give)) => (Order::Approve, give),
    };
    give::run(order, give, &link, context).await
}

async fn look(name: &str, look: Look, link: &Link, context: &Context) -> Result<Exit, Failure> {
    let known = Known::read(name, link).await?;
    if look.watch {
        return watch::run(known, link, context).await;
    }
    let view = view::of(&known, context.now());
    if !context.print(&view)? {
        let mut out = context.out();
        out.write_all(&paint::paint(
            &view,
            paint::Room::of(context),
            context.now(),
        ))?;
        out.flush()?;
    }
    Ok(match view.phase {
        RolloutPhase::Settled | RolloutPhase::Baking => Exit::Good,
        _ => Exit::Difference,
    })
}
