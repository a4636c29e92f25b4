//! Rounds of an election in a time that only the test moves.

use super::*;
use crate::{Facts, Live, lease::election::lease_resource};

const TTL: Duration = Duration::from_secs(10);

fn state(identity: &str) -> State {
    let mut state = State::new(
        Arc::new(Election {
            namespace: "agents".into(),
            name: "agent".into(),
            identity: identity.into(),
            ttl: TTL,
            renew: Duration::from_secs(3),
        }),
        Instant::now(),
    );
    state.observe(Watched::Restarted, Instant::now());
    state
}

fn lease(version: u64, holder: &str) -> Value {
    json!({
        "metadata": { "name": "agent", "namespace": "agents", "uid": "u", "resourceVersion": version.to_string() },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": TTL.as_secs(), "leaseTransitions": 4 },
    })
}

fn shown(version: u64, holder: &str) -> Watched {
    let body = lease(version, holder);
    let facts = Facts::read(&lease_resource(), &body).unwrap();
    Watched::Object(Box::new(Live {
        facts,
        body: Some(body),
        managed_fields: Value::Null,
    }))
}

fn take(state: &mut State, version: u64, at: Instant) {
    let seen = Seen::read(&lease(version, &state.election.identity), at).unwrap();
    state.written(seen, at);
}

#[test]
fn nothing_is_written_before_the_first_list_is_complete() {
    let mut state = state("a");
    let now = Instant::now();
    assert!(state.due() > now + TTL);
    state.observe(Watched::Synced, now);
    assert!(state.due() <= now);
    assert!(state.write(Timestamp::UNIX_EPOCH).create);
}

#[test]
fn a_silent_holder_is_waited_for_from_when_it_was_last_seen_to_change() {
    let (mut state, start) = (state("a"), Instant::now());
    state.observe(shown(5, "b"), start);
    state.observe(Watched::Synced, start);
    assert_eq!(state.due(), start + TTL);
    let later = start + Duration::from_secs(9);
    state.observe(shown(6, "b"), later);
    assert_eq!(state.due(), later + TTL);
    // The same version once more is no sign of life.
    state.observe(shown(6, "b"), later + Duration::from_secs(5));
    assert_eq!(state.due(), later + TTL);
    let write = state.write(Timestamp::UNIX_EPOCH);
    assert_eq!(write.body["metadata"]["resourceVersion"], "6");
    assert_eq!(write.body["spec"]["leaseTransitions"], 5);
    assert_eq!(
        state.leadership(),
        Leadership {
            valid_until: None,
            holder: Some("b".into())
        }
    );
}

#[test]
fn trusts_the_lease_for_less_time_than_others_wait() {
    let (mut state, now) = (state("a"), Instant::now());
    state.observe(Watched::Synced, now);
    take(&mut state, 7, now);
    let until = state.leadership().valid_until.unwrap();
    assert!(until < now + TTL && until > state.due());
}

#[test]
fn a_lagging_watch_does_not_depose_and_a_new_holder_does() {
    let (mut state, now) = (state("a"), Instant::now());
    state.observe(shown(5, ""), now);
    state.observe(Watched::Synced, now);
    assert_eq!(state.due(), now);
    take(&mut state, 7, now);
    state.observe(shown(6, "b"), now);
    assert!(state.leadership().valid_until.is_some());
    state.observe(shown(8, "b"), now);
    assert_eq!(state.leadership().valid_until, None);
    assert_eq!(state.due(), now + TTL);
    assert!(state.release(Timestamp::UNIX_EPOCH).is_none());
}

#[test]
fn a_deleted_lease_is_nobodys() {
    let (mut state, now) = (state("a"), Instant::now());
    state.observe(shown(5, "b"), now);
    state.observe(Watched::Synced, now);
    take(&mut state, 7, now);
    state.observe(Watched::Restarted, now);
    state.observe(Watched::Synced, now);
    assert_eq!(state.leadership().valid_until, None);
    assert!(state.write(Timestamp::UNIX_EPOCH).create);
}

#[test]
fn a_store_put_back_from_a_backup_does_not_blind_the_elector() {
    let (mut state, now) = (state("a"), Instant::now());
    state.observe(shown(900, "b"), now);
    state.observe(Watched::Synced, now);
    state.observe(Watched::Restarted, now);
    state.observe(shown(5, ""), now);
    state.observe(Watched::Synced, now);
    assert_eq!(state.due(), now);
}

#[test]
fn a_failed_renewal_is_tried_again_soon_and_counts_for_nothing() {
    let (mut state, now) = (state("a"), Instant::now());
    state.observe(Watched::Synced, now);
    take(&mut state, 7, now);
    let until = state.leadership().valid_until;
    let later = now + Duration::from_secs(3);
    state.failed(later);
    assert!(state.due() > later && state.due() < later + Duration::from_secs(1));
    assert_eq!(state.leadership().valid_until, until);
}
