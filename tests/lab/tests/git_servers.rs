//! Git servers as real git clients meet them, well and unwell.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use lab::git::{Auth, HttpOptions};
use lab::{BareRepo, Commit, Fault, GitHttp, GitSsh};

struct Place {
    directory: tempfile::TempDir,
    tip: String,
    repo: BareRepo,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let repo = BareRepo::create(&directory.path().join("config.git")).unwrap();
    let text = "x".repeat(10_000);
    let tip = repo
        .commit(Commit::on("master", "first").write("a.yaml", text))
        .unwrap();
    Place {
        directory,
        tip,
        repo,
    }
}

/// Runs git off the runtime's threads, since the server it talks to lives on them.
async fn git(args: &[&str], variables: &[(&str, String)]) -> Output {
    let mut git = Command::new("git");
    git.args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.envs(variables.iter().cloned());
    tokio::task::spawn_blocking(move || git.output().unwrap())
        .await
        .unwrap()
}

fn trusting(server: &GitHttp, directory: &Path) -> Vec<(&'static str, String)> {
    let path = directory.join("ca.crt");
    std::fs::write(&path, server.ca().unwrap()).unwrap();
    vec![("GIT_SSL_CAINFO", path.display().to_string())]
}

fn heads(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn https_serves_only_those_who_trust_and_are_trusted() {
    let place = place();
    let auth = Auth::Basic("robin".into(), "swordfish".into());
    let options = HttpOptions::default().auth(auth);
    let server = GitHttp::start(place.directory.path(), options)
        .await
        .unwrap();
    let url = server.url("config.git");
    let trust = trusting(&server, place.directory.path());
    assert!(
        !git(&["ls-remote", &url], &[]).await.status.success(),
        "an unknown authority"
    );
    assert!(
        !git(&["ls-remote", &url], &trust).await.status.success(),
        "no credentials"
    );
    let known = url.replace("https://", "https://robin:swordfish@");
    assert!(heads(&git(&["ls-remote", &known], &trust).await).contains(&place.tip));
    server.set_auth(Auth::Bearer("token".into()));
    assert!(
        !git(&["ls-remote", &known], &trust).await.status.success(),
        "the old credentials"
    );
    let header = "http.extraHeader=Authorization: Bearer token";
    assert!(heads(&git(&["-c", header, "ls-remote", &url], &trust).await).contains(&place.tip));
    let codes: Vec<u16> = server
        .requests()
        .iter()
        .map(|request| request.code)
        .collect();
    assert!(codes.contains(&401) && codes.contains(&200), "{codes:?}");
}

#[tokio::test]
async fn a_clone_can_be_pushed_back() {
    let place = place();
    let server = GitHttp::start(place.directory.path(), HttpOptions::plain())
        .await
        .unwrap();
    let clone = place.directory.path().join("clone").display().to_string();
    heads(
        &git(
            &["clone", "--quiet", &server.url("config.git"), &clone],
            &[],
        )
        .await,
    );
    let identity = [
        "-C",
        &clone,
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
    ];
    let commit = [
        &identity[..],
        &["commit", "--quiet", "--allow-empty", "-m", "second"],
    ]
    .concat();
    heads(&git(&commit, &[]).await);
    heads(&git(&["-C", &clone, "push", "--quiet"], &[]).await);
    assert_ne!(place.repo.tip("master").unwrap(), place.tip);
}

#[tokio::test]
async fn faults_come_and_go() {
    let place = place();
    let server = GitHttp::start(place.directory.path(), HttpOptions::plain())
        .await
        .unwrap();
    let url = server.url("config.git");
    let other = GitHttp::start(place.directory.path(), HttpOptions::plain())
        .await
        .unwrap();
    let elsewhere = other.url("").trim_end_matches('/').to_owned();
    for fault in [
        Fault::Down,
        Fault::Status(403),
        Fault::Status(500),
        Fault::Truncate,
    ] {
        server.fault(fault.clone()).await;
        assert!(
            !git(&["ls-remote", &url], &[]).await.status.success(),
            "{fault:?}"
        );
    }
    server.fault(Fault::Redirect(elsewhere)).await;
    let seen = git(&["-c", "http.followRedirects=true", "ls-remote", &url], &[]).await;
    assert!(heads(&seen).contains(&place.tip));
    assert!(!other.requests().is_empty());
    server.fault(Fault::Slow(Duration::from_millis(300))).await;
    let since = Instant::now();
    assert!(heads(&git(&["ls-remote", &url], &[]).await).contains(&place.tip));
    assert!(since.elapsed() >= Duration::from_millis(300));
    server.fault(Fault::None).await;
    server.forget_requests();
    assert!(heads(&git(&["ls-remote", &url], &[]).await).contains(&place.tip));
    assert!(server.requests().iter().all(|request| request.code == 200));
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
async fn ssh_serves_the_right_key_and_proves_who_it_is() {
    if !GitSsh::available() {
        println!("skipped: no sshd on this machine");
        return;
    }
    let place = place();
    let server = GitSsh::start().await.unwrap();
    let write = |name: &str, text: String| {
        let path = place.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        path.display().to_string()
    };
    let identity = write("identity", server.identity().unwrap());
    let known = write("known", server.known_hosts().unwrap());
    let wrong = write("wrong", server.wrong_known_hosts().unwrap());
    let ssh = |known: &str| {
        let options = "-F /dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes";
        vec![(
            "GIT_SSH_COMMAND",
            format!("ssh {options} -i {identity} -o UserKnownHostsFile={known}"),
        )]
    };
    let url = server.url(place.repo.path());
    assert!(heads(&git(&["ls-remote", &url], &ssh(&known)).await).contains(&place.tip));
    assert!(
        !git(&["ls-remote", &url], &ssh(&wrong))
            .await
            .status
            .success(),
        "an impostor's key"
    );
}
