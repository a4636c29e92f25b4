//! How many requests may be under way at once, as the API server's answers teach.
//!
//! The server shares its seats fairly among users (priority and fairness) and says 429 to one that wants too many. So
//! each user we act as has a lane of its own: a refusal makes it narrower at once, time without one wider again. A request
//! that takes long, as an admission webhook can make it, steps aside so that it is in nobody's way. What is asked is not
//! known here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// At once where the server has never complained: enough to fill any network, few enough not to be a flood.
const WIDEST: usize = 64;
/// Requests that have stepped aside, beside those that count. More than that hold up the others.
const ASIDE: usize = 256;
/// A lane without refusals becomes wider after this long, each time by twice as much as before.
const WIDER_AFTER: Duration = Duration::from_secs(2);
/// From so many lanes on, those that nobody uses are forgotten.
const LANES: usize = 256;

/// The lanes of one API server, by the user we act as; none is ourselves.
#[derive(Default)]
pub(crate) struct Lanes {
    by_user: Mutex<HashMap<Option<HeaderValue>, Arc<Lane>>>,
}

/// The requests of one user.
pub(crate) struct Lane {
    state: Mutex<State>,
    room: Notify,
}

struct State {
    under_way: usize,
    /// Those that are under way and do not count.
    aside: usize,
    width: usize,
    /// By how much it becomes wider next time.
    step: usize,
    /// When it last became narrower or wider.
    changed: Instant,
    /// Counts how often it became narrower.
    cuts: u64,
    /// True once something got through since it last became narrower.
    moving: bool,
    /// Nobody starts before.
    closed_until: Instant,
}

/// What whoever wants to enter is told.
enum Entered {
    /// Go. Tells how often the lane had become narrower by then.
    Yes { cuts: u64 },
    /// Come back then.
    Closed(Instant),
    /// Wait for room.
    Full,
}

/// The right to have one request under way, until dropped.
pub(crate) struct Turn {
    lane: Arc<Lane>,
    cuts: u64,
    /// True once it has stepped aside.
    aside: bool,
}

impl Lanes {
    /// The lane of `user`.
    pub(crate) fn of(&self, user: Option<&HeaderValue>) -> Arc<Lane> {
        let mut lanes = locked(&self.by_user);
        if lanes.len() >= LANES {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.is_at_rest());
        }
        lanes.entry(user.cloned()).or_default().clone()
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::new(Instant::now())),
            room: Notify::new(),
        }
    }
}

impl Lane {
    /// Waits for a turn.
    pub(crate) async fn enter(self: &Arc<Self>) -> Turn {
        loop {
            let room = self.room.notified();
            let entered = locked(&self.state).enter(Instant::now());
            match entered {
                Entered::Yes { cuts } => {
                    let lane = self.clone();
                    return Turn {
                        lane,
                        cuts,
                        aside: false,
                    };
                }
                Entered::Closed(opens) => sleep_until(opens).await,
                Entered::Full => room.await,
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let state = locked(&self.state);
        state.width == WIDEST && state.under_way + state.aside == 0
    }
}

impl Turn {
    /// Something other than a refusal came.
    pub(crate) fn got_through(&self) {
        locked(&self.lane.state).moving = true;
    }

    /// It takes long. Lets another one go instead, unless the server has complained of too many.
    pub(crate) fn step_aside(&mut self) {
        let free = locked(&self.lane.state).step_aside();
        self.aside |= free.is_some();
        self.let_in(free.unwrap_or(0));
    }

    fn let_in(&self, many: usize) {
        (0..many).for_each(|_| self.lane.room.notify_one());
    }

    /// The server asked to come back after `pause`.
    pub(crate) fn refused(&self, pause: Duration) {
        locked(&self.lane.state).refused(self.cuts, pause, Instant::now());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let free = locked(&self.lane.state).leave(self.aside);
        self.let_in(free);
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            under_way: 0,
            aside: 0,
            width: WIDEST,
            step: 1,
            changed: now,
            cuts: 0,
            moving: true,
            closed_until: now,
        }
    }

    fn enter(&mut self, now: Instant) -> Entered {
        let quiet = now.saturating_duration_since(self.changed);
        if self.width < WIDEST && quiet >= WIDER_AFTER {
            self.width = WIDEST.min(self.width + self.step);
            self.step *= 2;
            self.changed = now;
        }
        if now < self.closed_until {
            return Entered::Closed(self.closed_until);
        }
        if self.under_way >= self.width {
            return Entered::Full;
        }
        self.under_way += 1;
        Entered::Yes { cuts: self.cuts }
    }

    /// Takes in a refusal of what entered after `cuts`. What was sent before the lane became narrower says nothing about
    /// its new width. While nothing at all gets through, nobody tries before the pause is over.
    fn refused(&mut self, cuts: u64, pause: Duration, now: Instant) {
        if !self.moving {
            self.closed_until = self.closed_until.max(now + pause);
        }
        if cuts == self.cuts {
            self.width = (self.under_way / 2).clamp(1, WIDEST);
            self.step = 1;
            self.changed = now;
            self.cuts += 1;
            self.moving = false;
            tracing::debug!(
                at_once = self.width,
                "the API server is busy; fewer requests at once"
            );
        }
    }

    /// How many may enter now; none if it has to stay where it is.
    fn step_aside(&mut self) -> Option<usize> {
        if self.width < WIDEST || self.aside >= ASIDE {
            return None;
        }
        self.aside += 1;
        self.under_way -= 1;
        Some(self.width.saturating_sub(self.under_way))
    }

    /// How many may enter now.
    fn leave(&mut self, was_aside: bool) -> usize {
        match was_aside {
            true => self.aside -= 1,
            false => self.under_way -= 1,
        }
        self.width.saturating_sub(self.under_way)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    /// How many can enter.
    fn fill(state: &mut State, now: Instant) -> usize {
        let mut entered = 0;
        while matches!(state.enter(now), Entered::Yes { .. }) {
            entered += 1;
        }
        entered
    }

    fn empty(state: &mut State) {
        while state.under_way > 0 {
            state.leave(false);
        }
    }

    #[test]
    fn one_burst_of_refusals_halves_it_once_and_closes_it_for_the_pause() {
        let now = Instant::now();
        let mut state = State::new(now);
        assert_eq!(fill(&mut state, now), WIDEST);
        for _ in 0..WIDEST {
            state.refused(0, PAUSE, now);
        }
        empty(&mut state);
        assert!(matches!(state.enter(now), Entered::Closed(opens) if opens == now + PAUSE));
        assert_eq!(fill(&mut state, now + PAUSE), WIDEST / 2);
    }

    #[test]
    fn a_refusal_while_others_get_through_stops_nobody() {
        let now = Instant::now();
        let mut state = State::new(now);
        for _ in 0..8 {
            assert!(matches!(state.enter(now), Entered::Yes { .. }));
        }
        state.refused(0, PAUSE, now);
        state.moving = true;
        state.refused(0, PAUSE, now);
        empty(&mut state);
        assert_eq!(fill(&mut state, now), 4);
    }

    #[test]
    fn it_narrows_to_one_and_recovers_with_time() {
        let mut now = Instant::now();
        let mut state = State::new(now);
        for _ in 0..8 {
            let Entered::Yes { cuts } = state.enter(now) else {
                panic!("no room")
            };
            state.refused(cuts, Duration::ZERO, now);
            state.leave(false);
        }
        let mut widths = Vec::new();
        for _ in 0..8 {
            widths.push(fill(&mut state, now));
            empty(&mut state);
            now += WIDER_AFTER;
        }
        assert_eq!(widths, [1, 2, 4, 8, 16, 32, 64, 64]);
    }

    #[tokio::test]
    async fn whoever_waits_is_let_in_when_there_is_room() {
        let lane = Lanes::default().of(None);
        lane.enter().await.refused(Duration::ZERO);
        let turn = lane.enter().await;
        let waiting = tokio::spawn({
            let lane = lane.clone();
            async move { lane.enter().await }
        });
        tokio::task::yield_now().await;
        drop(turn);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_takes_long_steps_aside_unless_the_server_is_busy() {
        let lane = Lanes::default().of(None);
        let mut all = Vec::new();
        for _ in 0..WIDEST {
            all.push(lane.enter().await);
        }
        let waiting = tokio::spawn({
            let lane = lane.clone();
            async move { lane.enter().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "the lane is full");
        all[0].step_aside();
        all.push(waiting.await.unwrap());
        assert_eq!(locked(&lane.state).under_way, WIDEST);
        all[1].refused(PAUSE);
        all[1].step_aside();
        assert_eq!(locked(&lane.state).aside, 1, "it waits with the others");
        drop(all);
        let state = locked(&lane.state);
        assert_eq!((state.under_way, state.aside), (0, 0));
    }

    #[tokio::test]
    async fn users_do_not_hinder_one_another() {
        let lanes = Lanes::default();
        let tenant = HeaderValue::from_static("system:serviceaccount:shop:deployer");
        let slow = lanes.of(Some(&tenant));
        slow.enter().await.refused(PAUSE);
        let own = lanes.of(None);
        let now = Instant::now();
        assert_eq!(fill(&mut locked(&own.state), now), WIDEST);
        assert_eq!(fill(&mut locked(&slow.state), now), 1);
        assert!(Arc::ptr_eq(&slow, &lanes.of(Some(&tenant))));
    }
}
