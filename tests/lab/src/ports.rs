//! Loopback ports that stay ours from choosing to binding.
//!
//! The API server cannot pick its own port, and a port found free by binding and letting go may be gone a moment later,
//! most often to another test run. So ports come from below the range the kernel hands out by itself, and each is held by
//! a file lock that every lab on this machine respects.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port on 127.0.0.1, held until dropped.
#[derive(Debug)]
pub struct Port {
    /// Which.
    pub number: u16,
    _lock: File,
}

impl Port {
    /// Takes a port that nobody listens on and no other lab holds.
    pub fn reserve() -> io::Result<Self> {
        let directory = lock_directory();
        fs::create_dir_all(&directory)?;
        let start = std::process::id().wrapping_mul(37) % u32::from(COUNT);
        for step in 0..u32::from(COUNT) {
            let offset = u16::try_from((start + step) % u32::from(COUNT)).unwrap_or(0);
            let number = FIRST + offset;
            let lock = File::create(directory.join(number.to_string()))?;
            let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
            if lock.try_lock().is_ok() && free() {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        Err(io::Error::other(format!(
            "no free port in {FIRST}..{}",
            FIRST + COUNT
        )))
    }
}

/// One folder per user: another user's locks cannot be opened, and need not be, since binding is tried as well.
fn lock_directory() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("driftless-lab-ports-{user}"))
}
