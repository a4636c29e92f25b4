//! What end-to-end scenarios share: one control plane a test binary, an agent a scenario.
//!
//! Agents run as processes of the real program, with a token of the service account of `deploy/` and so with
//! exactly its rights. Scenarios keep apart by namespaces. What an agent did is judged by the API server's audit
//! log, never by its own word.

mod agent;
mod clock;
mod collector;
mod install;
mod number;
mod removal;
mod rollout;
mod shop;
mod tenant;
mod world;

pub use agent::{Agent, AgentOptions};
pub use clock::Clock;
pub use collector::Collector;
pub use install::deployed;
pub use number::Number;
pub use rollout::is_in;
pub use shop::{Shop, config_map, is_ready, ready};
pub use world::{PATIENCE, World};
