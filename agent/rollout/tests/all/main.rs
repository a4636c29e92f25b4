//! The brain, as a black box.

mod hooks;
mod job;
mod judge;
mod machine;
mod model;
mod sides;
mod split;
mod world;
