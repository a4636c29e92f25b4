//! Builds the Go programs once per machine and keeps them in a cache.
//!
//! Their sources are part of this crate, so that a program far from its checkout can build them too. A folder of the
//! cache is named by the hash of the sources and the Go version; a file lock lets many tests wait for one build.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::progress::{Progress, Running};

/// The Kubernetes version the control plane is built from.
pub const KUBERNETES: &str = "v1.34.2";
/// How often a waiting person hears of a build.
const TICK: Duration = Duration::from_secs(1);
/// Lines of Go's own words shown when a build fails.
const TAIL: usize = 20;

/// The programs, ready to run.
#[derive(Debug, Clone)]
pub struct Programs {
    /// etcd and the Kubernetes components in one.
    pub control_plane: PathBuf,
    /// kwok.
    pub kwok: PathBuf,
}

/// Why the programs could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no Go.
    #[error(
        "go is not installed: install Go 1.26 or later from https://go.dev/dl, and see that `go version` works"
    )]
    NoGo,
    /// The cache folder cannot be told.
    #[error("no folder to cache in: set DRIFTLESS_CACHE to one")]
    NoCache,
    /// The cache cannot be written.
    #[error("cannot use the cache {path}")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The build failed.
    #[error("building {program} failed; go said:\n{tail}")]
    Go {
        /// The program.
        program: &'static str,
        /// The end of Go's output.
        tail: String,
    },
}

struct Source {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const CONTROL_PLANE: Source = Source {
    name: "control-plane",
    about: "building the control plane (first time only, about 5 minutes)",
    package: ".",
    files: &[
        ("go.mod", include_str!("../../control-plane/go.mod")),
        ("go.sum", include_str!("../../control-plane/go.sum")),
        ("main.go", include_str!("../../control-plane/main.go")),
    ],
};

const KWOK: Source = Source {
    name: "kwok",
    about: "building kwok, which plays the nodes (first time only, about 2 minutes)",
    package: ".",
    files: &[
        ("go.mod", include_str!("../../kwok/go.mod")),
        ("go.sum", include_str!("../../kwok/go.sum")),
        ("main.go", include_str!("../../kwok/main.go")),
    ],
};

const TRAEFIK: Source = Source {
    name: "traefik",
    about: "building Traefik, the gateway (first time only, about 7 minutes)",
    package: "github.com/traefik/traefik/v3/cmd/traefik",
    files: &[
        ("go.mod", include_str!("../../traefik/go.mod")),
        ("go.sum", include_str!("../../traefik/go.sum")),
    ],
};

/// The module of the Gateway API, which Traefik's module names the version of.
const GATEWAY_API: &str = "sigs.k8s.io/gateway-api";

/// Gives the programs, building those that are not cached yet. Blocks, for minutes the first time.
pub fn programs(progress: &Progress) -> Result<Programs, BuildError> {
    let cache = cache()?;
    let go = go_version()?;
    Ok(Programs {
        control_plane: program(&CONTROL_PLANE, &cache, &go, progress)?,
        kwok: program(&KWOK, &cache, &go, progress)?,
    })
}

/// Gives Traefik and the folder of the Gateway API's resource definitions. Blocks, for minutes the first time.
pub(crate) fn gateway(progress: &Progress) -> Result<(PathBuf, PathBuf), BuildError> {
    let traefik = program(&TRAEFIK, &cache()?, &go_version()?, progress)?;
    let listed = Command::new("go")
        .args(["list", "-m", "-f", "{{.Dir}}", GATEWAY_API])
        .current_dir(traefik.parent().unwrap_or(Path::new(".")))
        .output()
        .map_err(|_| BuildError::NoGo)?;
    let folder = PathBuf::from(String::from_utf8_lossy(&listed.stdout).trim());
    match listed.status.success() && folder.is_dir() {
        true => Ok((traefik, folder.join("config/crd/standard"))),
        false => Err(BuildError::Go {
            program: GATEWAY_API,
            tail: String::from_utf8_lossy(&listed.stderr).into_owned(),
        }),
    }
}

/// `$DRIFTLESS_CACHE`, else `$XDG_CACHE_HOME/driftless`, else `~/.cache/driftless`.
pub fn cache() -> Result<PathBuf, BuildError> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("DRIFTLESS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|path| path.join("driftless")))
        .or_else(|| set("HOME").map(|path| path.join(".cache/driftless")))
        .ok_or(BuildError::NoCache)
}

fn go_version() -> Result<String, BuildError> {
    let output = Command::new("go")
        .arg("version")
        .output()
        .map_err(|_| BuildError::NoGo)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn program(
    source: &Source,
    cache: &Path,
    go: &str,
    progress: &Progress,
) -> Result<PathBuf, BuildError> {
    let directory = cache.join(format!("{}-{}", source.name, key(source, go)));
    let binary = directory.join(source.name);
    if binary.exists() {
        return Ok(binary);
    }
    let failed = |source| BuildError::Cache {
        path: directory.clone(),
        source,
    };
    fs::create_dir_all(&directory).map_err(failed)?;
    let lock = File::create(directory.join("lock")).map_err(failed)?;
    if lock.try_lock().is_err() {
        let waiting = progress.begin(&format!("waiting for another build of {}", source.name));
        lock.lock().map_err(failed)?;
        waiting.done();
    }
    if !binary.exists() {
        for (name, text) in source.files {
            fs::write(directory.join(name), text).map_err(failed)?;
        }
        go_build(source, &directory, progress)?;
        // Renamed into place, so that a build cut short is never taken for a program.
        fs::rename(directory.join("unfinished"), &binary).map_err(failed)?;
    }
    Ok(binary)
}

fn key(source: &Source, go: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(go);
    for (name, text) in source.files {
        hash.update(format!("\0{name}\0{text}"));
    }
    hash.finalize()
        .iter()
        .take(6)
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn go_build(source: &Source, directory: &Path, progress: &Progress) -> Result<(), BuildError> {
    let version = "k8s.io/component-base/version";
    let mut go = Command::new("go")
        .args(["build", "-v", "-o", "unfinished", "-ldflags"])
        .arg(format!("-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor=1 -X {version}.gitMinor=34"))
        .arg(source.package)
        .current_dir(directory)
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|_| BuildError::NoGo)?;
    let running = progress.begin(source.about);
    let said = go
        .stderr
        .take()
        .map(|stderr| follow(stderr, &running))
        .unwrap_or_default();
    let path = directory.to_owned();
    let status = go
        .wait()
        .map_err(|source| BuildError::Cache { path, source })?;
    running.done();
    if status.success() {
        return Ok(());
    }
    let tail = said[said.len().saturating_sub(TAIL)..].join("\n");
    Err(BuildError::Go {
        program: source.name,
        tail,
    })
}

/// Reads what Go prints (a line per download and per package compiled) to the end, telling progress as it goes.
fn follow(stderr: ChildStderr, running: &Running<'_>) -> Vec<String> {
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let (mut said, mut packages) = (Vec::new(), 0);
    let mut told = std::time::Instant::now();
    loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => {
                packages += usize::from(!line.starts_with("go: "));
                said.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return said,
        }
        if told.elapsed() >= TICK {
            let last = said.last().map_or("", String::as_str);
            let counted = format!("{packages} packages compiled");
            running.tick(if packages == 0 { last } else { &counted });
            told = std::time::Instant::now();
        }
    }
}

#[cfg(test)]
mod tests;
