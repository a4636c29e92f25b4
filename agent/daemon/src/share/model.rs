//! A model of several replicas and an API server, in which anything may happen between any two steps.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    notice::{Notice, owner},
    seat::{Seat, Step},
};

mod server;

use server::{Call, Event, Server};

/// How long a silent replica counts as alive. A unit of time is a second here.
const TTL: Duration = Duration::from_secs(20);
/// How long a replica trusts its own Lease.
const TRUST: Duration = Duration::from_secs(16);
const RENEW: Duration = Duration::from_secs(7);

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % most as u64).unwrap()
    }

    /// A place in `weights`, the likelier the larger its weight.
    fn pick(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        let found = weights.iter().position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        found.unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

struct Replica {
    name: String,
    seat: Seat,
    crashed: bool,
    paused: bool,
    ended: bool,
    call: Option<Call>,
    lease: Option<(String, u64)>,
    epoch: u64,
    trusted: Option<Instant>,
    renew: Option<Instant>,
    /// Who works on what, since which epoch; false once told to stop.
    actors: BTreeMap<String, (u64, bool)>,
    /// Events on their way.
    queue: VecDeque<Event>,
    read: usize,
}

struct World {
    dice: Dice,
    now: Instant,
    server: Server,
    replicas: Vec<Replica>,
    keys: BTreeSet<String>,
    /// Requests whose senders no longer wait for them.
    late: Vec<(String, Call)>,
    trace: Vec<String>,
}

impl Replica {
    fn new(name: String, server: &Server, keys: &BTreeSet<String>) -> Self {
        let mut seat = Seat::new(name.clone());
        for key in keys {
            seat.wants(key);
        }
        Self {
            name,
            seat,
            crashed: false,
            paused: false,
            ended: false,
            call: None,
            lease: None,
            epoch: 0,
            trusted: None,
            renew: None,
            actors: BTreeMap::new(),
            queue: server.relist(),
            read: server.log.len(),
        }
    }

    fn runs(&self) -> bool {
        !self.crashed && !self.paused && !self.ended
    }

    fn lapse(&mut self) {
        self.epoch += 1;
        self.trusted = None;
        for key in self.seat.lapsed() {
            self.stop(&key);
        }
    }

    fn stop(&mut self, key: &str) {
        if let Some(actor) = self.actors.get_mut(key) {
            actor.1 = false;
        }
    }

    /// Whether it can write to `key` now, or when it wakes up.
    fn acts(&self, key: &str, now: Instant) -> bool {
        let epoch = self.actors.get(key).map(|(epoch, _)| *epoch);
        !self.crashed && epoch == Some(self.epoch) && self.trusted.is_some_and(|until| now < until)
    }

    /// What the loop of the daemon does between two waits.
    fn run(&mut self, now: Instant) {
        if self.trusted.is_some_and(|until| now >= until) {
            self.lapse();
        }
        while self.call.is_none() && !self.ended {
            let step = self.seat.next(now);
            let due = self.renew.is_some_and(|due| now >= due);
            match (step, self.seat.said().cloned()) {
                (Step::Stop(keys), _) => keys.iter().for_each(|key| self.stop(key)),
                (Step::Start(keys), _) => {
                    let started = keys.into_iter().map(|key| (key, (self.epoch, true)));
                    self.actors.extend(started);
                }
                (Step::Publish(notice), _) => self.publish(notice, now),
                (Step::Confirm | Step::Wait(_), Some(said)) if due => self.publish(said, now),
                (Step::Confirm, _) => self.call = Some(Call::List(None)),
                (Step::Leave, _) => self.call = Some(Call::Delete),
                (Step::Wait(_), _) => return,
            }
        }
    }

    fn publish(&mut self, notice: Notice, now: Instant) {
        self.renew = Some(now + RENEW);
        self.call = Some(Call::Publish {
            notice,
            asked: now,
            on: self.lease.clone(),
            answer: None,
        });
    }

    fn answered(&mut self, now: Instant, server: &Server) {
        match self.call.take() {
            Some(Call::Publish {
                notice,
                asked,
                answer: Some(Ok(lease)),
                ..
            }) => {
                if self.trusted.is_none_or(|until| now >= until) {
                    self.lapse();
                }
                self.trusted = Some(asked + TRUST);
                self.lease = Some(lease);
                self.seat.published(notice, now);
            }
            Some(Call::Publish {
                answer: Some(Err(())),
                ..
            }) => {
                self.failed();
                self.reread(server);
            }
            Some(Call::List(Some(mut all))) => {
                all.retain(|lease| lease.name != self.name);
                self.seat.roster.listed(all, now);
                self.seat.confirmed();
            }
            Some(Call::Delete) => {
                self.epoch += 1;
                self.ended = true;
            }
            call => self.call = call,
        }
    }

    fn failed(&mut self) {
        self.seat.unpublished();
    }

    /// Looks at its own Lease after a conflict.
    fn reread(&mut self, server: &Server) {
        let there = server.leases.get(&self.name);
        let there = there.map(|lease| (lease.uid.clone(), lease.version));
        let same = |(uid, _): &(String, u64)| self.lease.as_ref().is_none_or(|(old, _)| old == uid);
        if !there.as_ref().is_some_and(same) && self.lease.is_some() {
            self.lapse();
        }
        self.lease = there;
    }

    fn deliver(&mut self, event: Event, now: Instant) {
        match event {
            Event::Restarted => self.seat.restarted(),
            Event::Synced => self.seat.synced(),
            Event::Seen(lease) if lease.name != self.name => self.seat.roster.saw(lease, now),
            Event::Gone(name, uid) if name != self.name => self.seat.roster.lost(&uid),
            Event::Gone(_, uid) => {
                if self.lease.as_ref().is_some_and(|(mine, _)| *mine == uid) {
                    self.lease = None;
                    self.lapse();
                }
            }
            Event::Seen(_) => {}
        }
    }
}

impl World {
    fn new(seed: u64, keys: usize) -> Self {
        Self {
            dice: Dice(seed),
            now: Instant::now(),
            server: Server::default(),
            replicas: Vec::new(),
            keys: (0..keys).map(|number| format!("shop/{number}")).collect(),
            late: Vec::new(),
            trace: Vec::new(),
        }
    }

    fn join(&mut self) {
        let name = format!("r{}", self.replicas.len());
        self.trace.push(format!("{name} joins"));
        self.replicas
            .push(Replica::new(name, &self.server, &self.keys));
    }

    /// One step of one replica, the server or the world.
    fn step(&mut self, what: usize) {
        let who = self.dice.below(self.replicas.len());
        let now = self.now;
        let replica = &mut self.replicas[who];
        self.trace.push(format!("{} {what}", replica.name));
        match what {
            0 => self.now += Duration::from_secs(1),
            1 | 2 if replica.runs() => replica.run(now),
            3 => Self::serve(&mut self.server, replica),
            4 if replica.runs() => replica.answered(now, &self.server),
            5 if replica.runs() => {
                let next = replica.queue.pop_front();
                let news = self.server.log.get(replica.read).cloned();
                let event = next.or_else(|| {
                    replica.read += usize::from(news.is_some());
                    news
                });
                if let Some(event) = event {
                    replica.deliver(event, now);
                }
            }
            6 if replica.runs() => {
                let told = |(_, (_, working)): &(&String, &(u64, bool))| !*working;
                let ended = replica.actors.iter().find(told).map(|(key, _)| key.clone());
                if let Some(key) = ended {
                    replica.actors.remove(&key);
                    replica.seat.stopped(&key);
                }
            }
            7.. => self.fault(what, who),
            _ => {}
        }
        self.check();
    }

    fn serve(server: &mut Server, replica: &mut Replica) {
        match &mut replica.call {
            Some(call @ Call::Publish { answer: None, .. }) => server.publish(&replica.name, call),
            Some(Call::List(answer @ None)) => *answer = Some(server.list()),
            Some(Call::Delete) => server.delete(&replica.name),
            _ => {}
        }
    }

    fn fault(&mut self, what: usize, who: usize) {
        if what == 10 && self.dice.one_in(3) && self.replicas.len() < 6 {
            self.join();
        }
        let replica = &mut self.replicas[who];
        match what {
            7 => replica.paused = !replica.paused,
            8 if self.dice.one_in(8) => replica.crashed = true,
            9 if self.dice.one_in(4) && replica.runs() => replica.seat.leave(),
            // The sender gives up, and its request may still arrive.
            11 if replica.runs() && !matches!(replica.call, Some(Call::Delete)) => {
                if let Some(call) = replica.call.take()
                    && let Call::Publish { .. } = &call
                {
                    replica.failed();
                    let now_there = self.dice.one_in(2);
                    if now_there {
                        replica.reread(&self.server);
                    }
                    self.late.push((replica.name.clone(), call));
                }
            }
            12 => {
                if let Some((name, mut call)) = self.late.pop()
                    && matches!(call, Call::Publish { answer: None, .. })
                {
                    self.server.publish(&name, &mut call);
                }
            }
            13 => {
                replica.queue = self.server.relist();
                replica.read = self.server.log.len();
            }
            14 => {
                let key = format!("shop/{}", self.dice.below(4));
                let there = self.keys.remove(&key);
                for replica in &mut self.replicas {
                    match there {
                        true => replica.seat.forgets(&key),
                        false => replica.seat.wants(&key),
                    }
                }
                if !there {
                    self.keys.insert(key);
                }
            }
            15 if replica.runs() => self.clear_up(who),
            _ => {}
        }
    }

    /// Deletes what dead replicas left, as far as it is as it was seen.
    fn clear_up(&mut self, who: usize) {
        for seen in self.replicas[who].seat.remains(self.now) {
            if self.server.leases.get(&seen.name) == Some(&seen) {
                self.server.delete(&seen.name);
            }
        }
    }

    fn check(&self) {
        let keys = self
            .replicas
            .iter()
            .flat_map(|replica| replica.actors.keys());
        for key in keys.collect::<BTreeSet<_>>() {
            let acting = self
                .replicas
                .iter()
                .filter(|replica| replica.acts(key, self.now));
            let acting: Vec<_> = acting.map(|replica| &replica.name).collect();
            let story = &self.trace[self.trace.len().saturating_sub(120)..];
            assert!(
                acting.len() <= 1,
                "{acting:?} act on {key} after {story:#?}"
            );
        }
    }

    /// How likely each kind of step is: other in each history, because what takes long in one shows other faults.
    fn weights(&mut self) -> Vec<usize> {
        let usual = [6, 60, 1, 60, 60, 90, 12, 2, 1, 1, 1, 2, 4, 1, 2, 2];
        let vary = |weight: usize| match self.dice.below(6) {
            0 => weight * 6,
            1 => weight.div_ceil(6),
            _ => weight * 2,
        };
        usual.map(vary).to_vec()
    }

    /// Everybody who is left comes to rest: exactly one acts on each.
    fn settle(&mut self) {
        for replica in &mut self.replicas {
            replica.paused = false;
        }
        // Long enough for what is dead to count as dead. Each has several turns in each second.
        for _ in 0..80 {
            for _ in 0..15 * self.replicas.len() {
                let what = 1 + self.dice.below(6);
                self.step(what);
            }
            self.step(0);
        }
        for _ in 0..200 * self.replicas.len() {
            let what = 1 + self.dice.below(6);
            self.step(what);
        }
    }

    fn all_are_cared_for(&self) {
        let live = self.replicas.iter().filter(|replica| replica.runs());
        let view: BTreeSet<String> = live.map(|replica| replica.name.clone()).collect();
        for key in &self.keys {
            let acting = self
                .replicas
                .iter()
                .filter(|replica| replica.acts(key, self.now));
            let acting: Vec<&str> = acting.map(|replica| replica.name.as_str()).collect();
            let wanted: Vec<&str> = owner(&view, key).into_iter().collect();
            assert_eq!(acting, wanted, "{key} among {view:?}");
        }
    }
}

#[test]
fn never_two_act_on_one_and_in_the_end_one_does() {
    for seed in 0..120 {
        let mut world = World::new(seed, 3);
        (0..=world.dice.below(3)).for_each(|_| world.join());
        let weights = world.weights();
        for _ in 0..1500 {
            let what = world.dice.pick(&weights);
            world.step(what);
        }
        world.settle();
        world.all_are_cared_for();
    }
}
