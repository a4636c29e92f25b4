//! Shares the Environments with the other replicas, and cares for those that fall to this one.
//!
//! ```text
//! Leases ─► roster ─► seat ─► Step ─► our Lease, actors
//! ```
//! [`seat`] decides and knows no network; this file carries out what it says, one step at a time, and tells it what
//! came of it. What an Environment needs is its actor's business.

use std::{pin::pin, sync::Arc, time::Duration};

use cluster::{
    lease::{Group, LeaseError, LeaseEvent, Leases, Tenure},
    store::EnvironmentEvent,
};
use futures::{Stream, StreamExt as _};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::seed,
    context::Context,
    environments::{Change, Environments},
    key::EnvironmentKey,
    poke::Poke,
    strays,
};

mod again;
#[cfg(test)]
mod model;
mod notice;
mod pokes;
mod roster;
mod seat;
mod words;

use again::Again;
use notice::Notice;
use pokes::Pokes;
use seat::{Seat, Step};

/// The two sides: what the others say, and what is done here.
struct Share {
    seat: Seat,
    leases: Leases,
    tenure: Tenure,
    ttl: Duration,
    environments: Environments,
    pokes: Pokes,
    context: Arc<Context>,
    /// True once we have begun to take part.
    begun: bool,
    /// True if the Environments have to be listed anew: whoever was frozen still has to hear of all that happened.
    doubts: bool,
    /// When our Lease is to be written again.
    renew: Instant,
    /// How writing our Lease goes.
    writing: Again,
    /// How listing all of them goes.
    listing: Again,
}

/// What is waited for.
enum News {
    Leave,
    Lease(LeaseEvent),
    Environment(EnvironmentEvent),
    Ended(EnvironmentKey),
    Poke(Poke),
    Time,
}

/// Takes part until `cancel`, then hands everything over. False if it ended before.
pub(crate) async fn share<S: Stream<Item = EnvironmentEvent>>(
    context: Arc<Context>,
    group: Group,
    pokes: mpsc::Receiver<Poke>,
    environments: impl Fn() -> S,
    cancel: CancellationToken,
) -> bool {
    let ttl = group.ttl;
    let leases = Leases::new(&context.cluster, group);
    tracing::info!(lease = leases.name(), "takes part");
    let seed = seed(leases.name());
    let mut share = Share {
        seat: Seat::new(leases.name().to_owned()),
        environments: Environments::new(context.clone()),
        pokes: Pokes::new(pokes),
        leases,
        tenure: Tenure::default(),
        ttl,
        context,
        begun: false,
        doubts: false,
        renew: Instant::now(),
        writing: Again::new(ttl, seed),
        listing: Again::new(ttl, seed),
    };
    share.run(environments, cancel).await
}

impl Share {
    async fn run<S: Stream<Item = EnvironmentEvent>>(
        &mut self,
        begin: impl Fn() -> S,
        cancel: CancellationToken,
    ) -> bool {
        let mut environments = pin!(begin());
        let mut leases = pin!(self.leases.events());
        let mut leaving = false;
        loop {
            let Some(until) = self.steps().await else {
                return leaving;
            };
            if std::mem::take(&mut self.doubts) {
                environments.set(begin());
            }
            let news = tokio::select! {
                biased;
                () = cancel.cancelled(), if !leaving => News::Leave,
                Some(event) = leases.next() => News::Lease(event),
                key = self.environments.ended() => News::Ended(key),
                Some(poke) = self.pokes.next() => News::Poke(poke),
                event = environments.next() => match event {
                    Some(event) => News::Environment(event),
                    None => return false,
                },
                () = sleep_until(until) => News::Time,
            };
            leaving |= matches!(news, News::Leave);
            self.take_in(news).await;
        }
    }

    /// Does all that can be done now, and says until when there is nothing more. `None` once everything is handed over.
    async fn steps(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            if self.tenure.until().is_some_and(|until| now >= until) {
                tracing::warn!("our Lease has run out; everything begins anew");
                self.lapse();
            }
            let step = self.seat.next(now);
            let said = self.seat.said().cloned();
            let poked = self.pokes.when(now);
            let renew = poked.map_or(self.renew, |poked| self.renew.min(poked));
            let due = now >= renew;
            let (write, list) = (self.writing.waits(now), self.listing.waits(now));
            match (step, said) {
                (Step::Stop(keys), _) => keys.iter().for_each(|key| self.environments.stop(key)),
                (Step::Start(keys), _) => {
                    let fence = self.tenure.fence();
                    for key in keys
                        .iter()
                        .filter(|key| !self.environments.start(key, &fence))
                    {
                        self.seat.stopped(key);
                    }
                }
                (Step::Publish(_), _) if write.is_some() => {
                    return Some(self.bounded(write, now));
                }
                (Step::Publish(notice), _) => self.publish(notice).await,
                (Step::Confirm | Step::Wait(_), Some(said)) if due => self.publish(said).await,
                (Step::Confirm, said) if list.is_some() => {
                    // What cannot be listed is no reason to lose what we have.
                    let until = [list, said.map(|_| renew)].into_iter().flatten().min();
                    return Some(self.bounded(until, now));
                }
                (Step::Confirm, _) => self.confirm().await,
                (Step::Wait(until), said) => {
                    let until = [until, said.map(|_| renew)].into_iter().flatten().min();
                    return Some(self.bounded(until, now));
                }
                (Step::Leave, _) => {
                    self.leave().await;
                    return None;
                }
            }
            let (many, replicas) = (self.environments.running(), self.seat.replicas());
            self.context.metrics.sharing(many, replicas);
        }
    }

    async fn take_in(&mut self, news: News) {
        match news {
            News::Leave => self.seat.leave(),
            News::Lease(event) => self.lease(event),
            News::Environment(event) => {
                for change in self.environments.take_in(event) {
                    self.changed(change);
                }
            }
            News::Ended(key) => self.seat.stopped(&key.to_string()),
            News::Poke(poke) => self.pokes.gather(poke, self.seat.replicas()),
            News::Time => self.clear_up().await,
        }
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::There(key) => self.seat.wants(&key.to_string()),
            Change::Replaced(key) => {
                let key = key.to_string();
                self.seat.wants(&key);
                if self.seat.replaced(&key) {
                    self.environments.stop(&key);
                }
            }
            Change::Gone(key) => self.seat.forgets(&key.to_string()),
        }
    }

    fn lease(&mut self, event: LeaseEvent) {
        let now = Instant::now();
        match event {
            LeaseEvent::Restarted => self.seat.restarted(),
            LeaseEvent::Synced => self.seat.synced(),
            LeaseEvent::Seen(lease) if lease.name == self.leases.name() => {}
            LeaseEvent::Seen(lease) => {
                if let Some(poke) = self.pokes.heard(&lease) {
                    self.context.repos.poke(|url| poke.means(url));
                }
                if let Some(seen) = words::sighting(&lease) {
                    self.seat.roster.saw(seen, now);
                }
            }
            LeaseEvent::Gone { uid, .. } if self.leases.lost(&uid) => {
                tracing::warn!("our Lease was deleted; everything begins anew");
                self.lapse();
            }
            LeaseEvent::Gone { name, uid } => {
                self.pokes.forget(&name);
                self.seat.roster.lost(&uid);
            }
        }
    }

    async fn publish(&mut self, notice: Notice) {
        let asked = Instant::now();
        let mut annotations = words::annotations(&notice);
        self.pokes.tell(&mut annotations, asked);
        let written = self.leases.write(&annotations, notice.leaving).await;
        let now = Instant::now();
        match written {
            Ok(()) => {
                if let Some(tries) = self.writing.worked() {
                    tracing::info!(tries, "our Lease is written again");
                }
                if !self.tenure.extend(asked, self.ttl, now) {
                    self.fenced();
                }
                self.renew = asked + self.ttl / 3;
                if self.seat.said() != Some(&notice) {
                    tracing::info!(
                        replicas = notice.view.len(),
                        leaving = notice.leaving,
                        "shares the work"
                    );
                }
                self.seat.published(notice, now);
            }
            Err(error) => {
                match error {
                    LeaseError::Gone => self.lapse(),
                    _ => self.seat.unpublished(),
                }
                let why = crate::chain::text(&error);
                if self.writing.failed(&why, self.tenure.until(), now) {
                    tracing::warn!(error = why, "cannot write our Lease; trying again");
                }
            }
        }
    }

    async fn confirm(&mut self) {
        match self.leases.list().await {
            Ok(all) => {
                let others = all.iter().filter(|lease| lease.name != self.leases.name());
                let others = others.filter_map(words::sighting).collect();
                self.seat.roster.listed(others, Instant::now());
                self.seat.confirmed();
                self.begin();
                if let Some(tries) = self.listing.worked() {
                    tracing::info!(tries, "the Leases are listed again");
                }
            }
            Err(error) => {
                let (why, until) = (crate::chain::text(&error), self.tenure.until());
                if self.listing.failed(&why, until, Instant::now()) {
                    tracing::warn!(error = why, "cannot list the Leases; trying again");
                }
            }
        }
    }

    /// What is to be done once, as soon as something may be written.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            let context = self.environments.fenced(&self.tenure.fence());
            let place = context.environments_in.clone();
            self.context.tracker.spawn(strays::collect(context, place));
        }
    }

    /// Everything begins anew: others may be at work on what was ours.
    fn lapse(&mut self) {
        self.tenure.end();
        self.fenced();
    }

    fn fenced(&mut self) {
        for key in self.seat.lapsed() {
            self.environments.stop(&key);
        }
        if self.begun && self.environments.is_sure() {
            // What is known of them may be from before. Nothing begins with that.
            for key in self.environments.doubt() {
                self.seat.forgets(&key.to_string());
            }
            self.doubts = true;
        }
    }

    async fn leave(&mut self) {
        self.tenure.end();
        if let Err(error) = self.leases.leave().await {
            tracing::warn!(%error, "could not delete our Lease; it will run out");
        }
    }

    /// Deletes Leases whose owners died long ago.
    async fn clear_up(&mut self) {
        for seen in self.seat.remains(Instant::now()) {
            let version = seen.version.to_string();
            tracing::info!(
                lease = seen.name,
                "clears up after a replica that is no more"
            );
            if let Err(error) = self.leases.clear_up(&seen.name, &seen.uid, &version).await {
                tracing::debug!(lease = seen.name, %error, "could not clear up");
            }
        }
    }

    /// `until`, or the end of our Lease if that is sooner.
    fn bounded(&self, until: Option<Instant>, now: Instant) -> Instant {
        let ends = [until, self.tenure.until()].into_iter().flatten().min();
        ends.unwrap_or(now + self.ttl)
    }
}
