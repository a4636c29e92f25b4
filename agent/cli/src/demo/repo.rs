//! The config repo of the demo: the sample on three branches, behind a Git server on this machine.

use std::path::{Path, PathBuf};

use lab::{BareRepo, GitHttp, git::HttpOptions};

use super::{DemoError, Screen};

const NAME: &str = "config.git";
/// The strategy of production while the demo lasts: the steps of `canary`, in seconds instead of minutes.
pub(crate) const QUICK: &str = "quick";
/// What the demo changes of the sample, so that a canary is over in less than a minute and one pod is a tenth.
const FOR_THE_DEMO: [(&str, &str); 2] = [
    ("value: canary\n", "value: quick\n"),
    ("  count: 3\n", "  count: 9\n"),
];

/// The repo and its server.
pub(crate) struct Repo {
    /// For commits that people make.
    pub(crate) bare: BareRepo,
    server: GitHttp,
    folder: PathBuf,
}

impl Repo {
    /// Makes the repo from the sample and serves it.
    pub(crate) async fn start(
        root: &Path,
        folder: &Path,
        screen: &Screen,
    ) -> Result<Self, DemoError> {
        let served = folder.join("git");
        let io = |what: &str| {
            let what = what.to_owned();
            move |error| DemoError::Io(what, error)
        };
        std::fs::create_dir_all(&served).map_err(io("make a directory"))?;
        let bare = BareRepo::sample(&served.join(NAME), root).map_err(DemoError::Git)?;
        let server = GitHttp::start(&served, HttpOptions::plain()).await;
        let server = server.map_err(io("start the Git server"))?;
        let repo = Self {
            bare,
            server,
            folder: folder.to_owned(),
        };
        screen.ready(
            "config repo",
            &format!("develop, staging, master in {}", repo.url()),
        );
        Ok(repo)
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        self.server.url(NAME)
    }

    /// Lets production go step by step in seconds.
    pub(crate) fn quicken(&self) -> Result<(), DemoError> {
        let overlay = "overlays/master/kustomization.yaml";
        let message = "steps of seconds, and nine pods";
        self.edit("master", message, overlay, &FOR_THE_DEMO)
    }

    /// The newest commit of a branch.
    pub(crate) fn tip(&self, branch: &str) -> Result<String, DemoError> {
        self.bare.tip(branch).map_err(DemoError::Git)
    }

    /// Does what an editor and a person do: each text becomes another one, in one commit.
    pub(crate) fn edit(
        &self,
        branch: &str,
        message: &str,
        path: &str,
        edits: &[(&str, &str)],
    ) -> Result<(), DemoError> {
        let change = |text: String| {
            let replaced = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
            edits.iter().fold(text, replaced)
        };
        let edited = self.bare.edit(branch, path, message, change);
        edited.map(drop).map_err(DemoError::Git)
    }

    /// Does what CI does: nothing but `driftless image set`.
    pub(crate) async fn image_set(&self, image: &str, branch: &str) -> Result<(), DemoError> {
        let url = self.url();
        let args = [
            "image",
            "set",
            image,
            "--branch",
            branch,
            "--repo",
            url.as_str(),
        ];
        let told = format!("image set {image} --branch {branch}");
        let failed = |text: String| DemoError::Command(told.clone(), text);
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let output = tokio::process::Command::new(program)
            .args(args)
            .args(["--author", "CI <ci@example.com>"])
            .current_dir(&self.folder)
            .output()
            .await
            .map_err(|error| failed(error.to_string()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(failed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    }
}
