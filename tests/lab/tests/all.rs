//! The lab itself, tried from outside: what it starts works, and what it leaves is nothing.

mod control_plane;
mod git_servers;
mod leaves_nothing;
mod processes;
