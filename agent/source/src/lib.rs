//! Git: mirror, fetch, snapshot.
