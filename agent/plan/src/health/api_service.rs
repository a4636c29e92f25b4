//! `APIService`s: the server behind them answers.

use super::{Health, healthy, live::Live, progressing};

pub(super) fn assess(live: Live<'_>) -> Health {
    match live.condition("Available") {
        Some(available) if available.is_true() => healthy("available"),
        Some(available) => progressing(available.words()),
        None => progressing("not asked yet"),
    }
}
