//! `CronJob`s: healthy unless switched off; their Jobs are judged by themselves.

use super::{Health, healthy, live::Live, suspended};

pub(super) fn assess(live: Live<'_>) -> Health {
    match live.flag("/spec/suspend") {
        true => suspended("suspended"),
        false => healthy(""),
    }
}
