//! The folder of one control plane: certificates, keys, kubeconfigs, policies. Knows file names and formats, no process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use serde_json::json;

use super::StartError;
use crate::pki::{Authority, Pair};

const AUDIT_POLICY: &str = include_str!("../../assets/audit-policy.yaml");
const STAGES: &str = include_str!("../../assets/stages.yaml");

/// How a kubeconfig's user proves who it is.
pub(crate) enum Identity<'a> {
    Certificate(&'a Pair),
    Token(&'a str),
}

/// The files, written and ready for the parts to read.
pub(crate) struct Files {
    root: PathBuf,
    url: String,
    pub(crate) ca: String,
    pub(crate) admin: Pair,
}

impl Files {
    /// Writes everything the parts need; `url` is where the API server will be.
    pub(crate) fn write(root: &Path, url: String) -> Result<Self, StartError> {
        let authority = Authority::new("lab control plane")?;
        let names = [
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default.svc",
            "10.96.0.1",
        ];
        let server = authority.server(&names)?;
        let accounts = KeyPair::generate()?;
        let admin = authority.client("lab:admin", Some("system:masters"))?;
        let files = Self {
            root: root.to_owned(),
            url,
            ca: authority.certificate(),
            admin,
        };
        files.save("ca.crt", &files.ca)?;
        files.save("server.crt", &server.certificate)?;
        files.save("server.key", &server.key)?;
        files.save("accounts.key", &accounts.serialize_pem())?;
        files.save("accounts.pub", &accounts.public_key_pem())?;
        files.save("audit-policy.yaml", AUDIT_POLICY)?;
        let log: String = (1..=30).map(log_line).collect();
        files.save("pods.log", &log)?;
        let log = files.path("pods.log");
        files.save("stages.yaml", &format!("{STAGES}{}", logs(&log)))?;
        files.kubeconfig("admin", &Identity::Certificate(&files.admin))?;
        for (file, user, group) in [
            ("controller-manager", "system:kube-controller-manager", None),
            ("scheduler", "system:kube-scheduler", None),
            ("kwok", "lab:kwok", Some("system:masters")),
        ] {
            let pair = authority.client(user, group)?;
            files.kubeconfig(file, &Identity::Certificate(&pair))?;
        }
        Ok(files)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the kubeconfig called `name` is.
    pub(crate) fn kubeconfig_path(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.kubeconfig"))
    }

    /// Writes a kubeconfig with everything in it, so that it can be copied elsewhere.
    pub(crate) fn kubeconfig(
        &self,
        name: &str,
        identity: &Identity<'_>,
    ) -> Result<PathBuf, StartError> {
        let user = match identity {
            Identity::Certificate(pair) => json!({
                "client-certificate-data": STANDARD.encode(&pair.certificate),
                "client-key-data": STANDARD.encode(&pair.key),
            }),
            Identity::Token(token) => json!({ "token": token }),
        };
        let cluster =
            json!({ "server": self.url, "certificate-authority-data": STANDARD.encode(&self.ca) });
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": name } }],
            "clusters": [{ "name": "lab", "cluster": cluster }],
            "users": [{ "name": name, "user": user }],
        });
        let file = format!("{name}.kubeconfig");
        self.save(&file, &format!("{config:#}\n"))?;
        Ok(self.path(&file))
    }

    fn save(&self, name: &str, text: &str) -> Result<(), StartError> {
        let path = self.path(name);
        write_private(&path, text).map_err(|source| StartError::File { path, source })
    }
}

/// What every container of every pod has printed, as a container runtime writes it down.
fn log_line(line: u32) -> String {
    format!("2026-01-01T00:00:00.000000000Z stdout F line {line} of the lab's log\n")
}

fn logs(file: &Path) -> String {
    let file = file.display();
    format!(
        "---\napiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {{ name: all }}\nspec:\n  logs:\n  - logsFile: {file}\n"
    )
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}
