//! A network of one's own, in which every pod's address is this machine.
//!
//! Pods of kwok have addresses and nobody behind them. Inside a network namespace with a local route for all of them,
//! a program can listen on a pod's address as that pod, and a real gateway reaches it. Nothing leaves the namespace,
//! and no port of it can clash with one outside.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set for the program inside.
const INSIDE: &str = "LAB_OWN_NETWORK";
/// Loopback up, and every pod's address local.
const SET_UP: &str = "ip link set lo up && ip route add local 10.244.0.0/16 dev lo && exec \"$@\"";

/// This program could not be started again in a network of its own.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot enter a network of its own: this needs the programs unshare (util-linux) and ip (iproute2), and user namespaces allowed by the kernel"
)]
pub struct NetworkError(#[source] io::Error);

/// Starts this program again, with the same arguments, in a network of its own; returns only inside of it.
///
/// To be called first thing in `main`, while nothing runs yet.
pub fn enter() -> Result<(), NetworkError> {
    if inside() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(NetworkError)?;
    let error = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .args(["sh", "-c", SET_UP, "sh"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "yes")
        .exec();
    Err(NetworkError(error))
}

/// Whether this program is in a network of its own.
pub fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}
