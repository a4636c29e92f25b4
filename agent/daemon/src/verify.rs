//! May this revision be applied? A [`Verified`] render can only come from here.
//!
//! For now the rule is that history goes forward: signatures, promotion and policy join it here.

use source::{HistoryError, Mirror, Revision};

use crate::rendered::Rendering;

/// A render that has passed every rule.
pub(crate) struct Verified(Rendering);

/// Why a revision may not be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The branch has been moved to where it does not come from.
    #[error(
        "the branch was rewritten: {new} does not descend from the applied {old}; push a commit that does (a `git revert` will), or set spec.source.allowRewrite"
    )]
    Rewritten { new: String, old: String },
    /// History cannot be read.
    #[error("cannot tell whether {new} descends from {old}")]
    Unreadable {
        new: String,
        old: String,
        #[source]
        error: HistoryError,
    },
}

/// How a branch may move.
pub(crate) struct Rules<'a> {
    /// The revision the cluster was last made equal to.
    pub(crate) applied: Option<&'a Revision>,
    /// Whether it need not be an ancestor.
    pub(crate) allow_rewrite: bool,
}

/// Checks whether the branch may move to `new`.
pub(crate) fn descent(mirror: &Mirror, new: &Revision, rules: &Rules<'_>) -> Result<(), Refused> {
    let Some(old) = rules
        .applied
        .filter(|old| *old != new && !rules.allow_rewrite)
    else {
        return Ok(());
    };
    let (short_new, short_old) = (new.short(), old.short());
    match mirror.descends(new, old) {
        Ok(true) => Ok(()),
        // A commit that is nowhere any more cannot be an ancestor of one that is fully here.
        Ok(false) | Err(HistoryError::Missing(_)) => Err(Refused::Rewritten {
            new: short_new,
            old: short_old,
        }),
        Err(error) => Err(Refused::Unreadable {
            new: short_new,
            old: short_old,
            error,
        }),
    }
}

/// Lets a render through that every rule accepts.
pub(crate) fn verify(
    mirror: &Mirror,
    rendering: Rendering,
    rules: &Rules<'_>,
) -> Result<Verified, Refused> {
    descent(mirror, &rendering.revision, rules)?;
    Ok(Verified(rendering))
}

impl Verified {
    /// What was let through.
    pub(crate) fn into_rendering(self) -> Rendering {
        self.0
    }
}
