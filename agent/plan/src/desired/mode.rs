//! How an object is applied, as git says for it alone.

use super::{RefusalReason, faults::Faults, words};

/// How an object is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApplyMode {
    /// Made, kept equal to git, and freed of what git no longer mentions.
    #[default]
    Always,
    /// Made, kept equal to git where git says something, and all that others add is left to them.
    Merge,
    /// Made if it is missing, and then left alone.
    Once,
    /// Left alone altogether.
    Never,
}

/// What Flux calls the same, so that what was written for it stays safe when it moves here.
const FLUX: &str = "kustomize.toolkit.fluxcd.io/";

impl ApplyMode {
    /// Reads `driftless.dev/apply`.
    pub(super) fn read(value: &str, faults: &mut Faults) -> Self {
        match value {
            "once" => Self::Once,
            "merge" => Self::Merge,
            "never" => Self::Never,
            _ => {
                let message = format!(
                    "has {}: {value:?}; it can be \"once\", \"merge\" or \"never\"",
                    words::APPLY
                );
                faults.add(RefusalReason::BadAnnotation, message);
                Self::default()
            }
        }
    }

    /// Reads an annotation of Flux that says the same; `None` if it is none, or one that changes nothing here.
    pub(super) fn of_flux(key: &str, value: &str) -> Option<Self> {
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        match key.strip_prefix(FLUX)? {
            "ssa" if is("IfNotPresent") => Some(Self::Once),
            "ssa" if is("Merge") => Some(Self::Merge),
            "ssa" if is("Ignore") => Some(Self::Never),
            "reconcile" if is("disabled") => Some(Self::Never),
            _ => None,
        }
    }
}

/// True for Flux's annotation that keeps an object when it leaves git.
pub(super) fn keeps_in_flux(key: &str, value: &str) -> bool {
    key.strip_prefix(FLUX) == Some("prune") && value.eq_ignore_ascii_case("disabled")
}
