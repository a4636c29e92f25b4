//! One request answered by `git http-backend`, git's own smart-HTTP server, run as a CGI program.

use std::io;
use std::path::Path;
use std::process::Stdio;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs the backend on everything under `root`. Config repos are small, so bodies are held in memory.
pub(super) async fn answer(
    root: &Path,
    head: &Parts,
    body: Incoming,
) -> io::Result<Response<Bytes>> {
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or(""))
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("REMOTE_USER", "lab")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // The backend may answer without reading everything.
            let _ = stdin.write_all(&body).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    Ok(response(&output?.stdout))
}

/// CGI output: header lines, an empty line, the body; a `Status` header gives the status.
fn response(output: &[u8]) -> Response<Bytes> {
    let split = output.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = split.map_or((output, &[][..]), |at| (&output[..at], &output[at + 4..]));
    let mut response = Response::builder();
    let mut status = StatusCode::OK;
    for (name, value) in String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(": "))
    {
        if name.eq_ignore_ascii_case("status") {
            status = value
                .get(..3)
                .and_then(|code| code.parse().ok())
                .unwrap_or(status);
        } else {
            response = response.header(name, value);
        }
    }
    let body = Bytes::copy_from_slice(body);
    response
        .status(status)
        .body(body)
        .unwrap_or_else(|_| Response::new(Bytes::new()))
}
