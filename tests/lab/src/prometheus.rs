//! A real Prometheus that scrapes what it is told, every second.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::ports::Port;
use crate::process::{Process, ProcessError};
use crate::wait::{NotYet, eventually};

const PATIENCE: Duration = Duration::from_mins(1);

/// A running Prometheus; ends when dropped, and can be killed and frozen before.
#[derive(Debug)]
pub struct Prometheus {
    /// The program.
    pub process: Process,
    port: Port,
}

/// It could not be started.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// No port, no files.
    #[error("cannot prepare prometheus")]
    Io(#[from] io::Error),
    /// It could not be started at all.
    #[error("cannot start prometheus; install the Debian package prometheus")]
    Start(#[from] ProcessError),
    /// It does not answer.
    #[error("prometheus does not answer; its log ends:\n{0}")]
    Silent(String, #[source] NotYet),
}

impl Prometheus {
    /// Starts it with its data under `folder`, scraping each of `targets`, and waits until it is ready.
    pub async fn start(
        folder: &Path,
        targets: &[(&str, SocketAddr)],
    ) -> Result<Self, PrometheusError> {
        let folder = folder.join("prometheus");
        fs::create_dir_all(&folder)?;
        let config = folder.join("prometheus.yml");
        fs::write(&config, configuration(targets))?;
        let port = Port::reserve()?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number))
            .arg("--log.level=warn")
            .current_dir(&folder);
        let process = Process::spawn("prometheus", command, &folder.join("prometheus.log"))?;
        let started = Self { process, port };
        let url = format!("{}/-/ready", started.url());
        let ready = eventually(PATIENCE, || async {
            let answer = reqwest::get(&url)
                .await
                .map_err(|error| error.to_string())?;
            match answer.status().is_success() {
                true => Ok(()),
                false => Err(answer.status().to_string()),
            }
        });
        ready
            .await
            .map_err(|late| PrometheusError::Silent(started.process.tail(), late))?;
        Ok(started)
    }

    /// Where it answers: `http://127.0.0.1:20443`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }

    /// The answer to an instant query, as its API gives it.
    pub async fn query(&self, query: &str) -> Result<Value, reqwest::Error> {
        let url = format!("{}/api/v1/query", self.url());
        let url = reqwest::Url::parse_with_params(&url, [("query", query)])
            .expect("a URL, because it is made of a port");
        let client = reqwest::Client::builder().no_proxy().build()?;
        let text = client.get(url).send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

fn configuration(targets: &[(&str, SocketAddr)]) -> String {
    let jobs: String = targets
        .iter()
        .map(|(name, address)| {
            format!("- job_name: {name}\n  static_configs: [{{ targets: [\"{address}\"] }}]\n")
        })
        .collect();
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nscrape_configs:\n{jobs}"
    )
}
