//! The hooks of a plan: which may start, and whether what comes after them may.

use krm::ObjectId;

use super::{Ended, Step, Waiting};
use crate::{health::HealthStatus, hooks::Standing, order::WaveKey, point::Point};

/// What the order needs to know of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its Job.
    pub id: ObjectId,
    /// When it runs.
    pub point: Point,
    /// In which wave.
    pub wave: WaveKey,
    /// How it stands.
    pub standing: Standing,
}

/// All hooks of a plan.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    all: Vec<Hook>,
    /// Handed out, and not made yet.
    starting: Vec<usize>,
}

/// What those of one place say.
pub(super) enum Say {
    /// What comes after them may start.
    Go,
    /// Not before this is done.
    First(Step),
    /// Never.
    Stop,
}

impl Hooks {
    pub(super) fn new(all: Vec<Hook>) -> Self {
        Self {
            all,
            starting: Vec::new(),
        }
    }

    /// Where hooks stand in the order of waves.
    pub(super) fn before(&self) -> impl Iterator<Item = WaveKey> {
        let before = self.all.iter().filter(|hook| hook.point == Point::Before);
        before.map(|hook| hook.wave)
    }

    /// Those that run before what comes after `wave`.
    pub(super) fn ask_before(&mut self, wave: WaveKey) -> Say {
        let mut here = Vec::new();
        for (index, hook) in self.all.iter().enumerate() {
            if hook.point == Point::Before && hook.wave == wave {
                here.push(index);
            }
        }
        self.ask(&here)
    }

    /// Those that run at the end, wave by wave.
    pub(super) fn ask_after(&mut self) -> Say {
        let after = |hook: &&Hook| hook.point == Point::After;
        let open = |hook: &&Hook| hook.standing != Standing::Done;
        let wave = self
            .all
            .iter()
            .filter(after)
            .filter(open)
            .map(|hook| hook.wave)
            .min();
        let here = (0..self.all.len()).filter(|index| {
            let hook = &self.all[*index];
            after(&hook) && Some(hook.wave) == wave
        });
        let here: Vec<usize> = here.collect();
        self.ask(&here)
    }

    pub(super) fn started(&mut self, index: usize, ended: Ended) {
        self.starting.retain(|starting| *starting != index);
        if ended == Ended::Well {
            self.all[index].standing = Standing::Running;
        }
    }

    /// True if nothing of this place is left to run.
    pub(super) fn are_done(&self, wave: WaveKey) -> bool {
        let mut here = self.all.iter().filter(|hook| hook.wave == wave);
        here.all(|hook| hook.point != Point::Before || hook.standing == Standing::Done)
    }

    fn ask(&mut self, here: &[usize]) -> Say {
        let (mut waiting, mut running, mut start) = (false, Vec::new(), Vec::new());
        for index in here {
            match self.all[*index].standing {
                Standing::Failed => return Say::Stop,
                Standing::Done => {}
                Standing::Running => running.push(self.waiting(*index)),
                Standing::Waiting => {
                    waiting = true;
                    if !self.starting.contains(index) {
                        start.push(*index);
                    }
                }
            }
        }
        match (start.is_empty(), waiting || !running.is_empty()) {
            (false, _) => {
                self.starting.extend(&start);
                Say::First(Step::Run(start))
            }
            (true, false) => Say::Go,
            (true, true) => Say::First(Step::Wait(running)),
        }
    }

    fn waiting(&self, index: usize) -> Waiting {
        Waiting {
            id: self.all[index].id.clone(),
            health: HealthStatus::Progressing,
        }
    }
}
