//! `HorizontalPodAutoscaler`s: can read what they scale by, and can scale.

use super::{Health, healthy, live::Live, progressing, suspended};

pub(super) fn assess(live: Live<'_>) -> Health {
    let (able, active) = (
        live.condition("AbleToScale"),
        live.condition("ScalingActive"),
    );
    if let Some(unable) = able.filter(|condition| condition.is_false()) {
        return progressing(unable.words());
    }
    match active.filter(|condition| condition.is_false()) {
        // Somebody scaled the target to 0, which switches scaling off.
        Some(off) if off.reason() == "ScalingDisabled" => suspended(off.words()),
        Some(inactive) => progressing(inactive.words()),
        None if able.is_none() => progressing("its controller has not seen it yet"),
        None => healthy(""),
    }
}
