//! The brain, as a black box.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]
#![expect(
    clippy::print_stdout,
    reason = "how many histories were tried is what a long run is for"
)]

mod judge;
mod machine;
mod model;
mod split;
mod world;
