//! A Git server over TLS: `git http-backend`, run as CGI for each request, with faults to order.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use source::RepoUrl;

/// Between two bytes of a slow server.
const SLOWLY: Duration = Duration::from_millis(20);

/// One request, as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) connection: usize,
}

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) enum Manner {
    #[default]
    Honest,
    /// This status with these headers, for every request.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// Cuts the answer to a `POST` after this many bytes.
    Truncate(usize),
    /// One byte of the answer each 20 ms.
    Drip,
    /// Accepts the request and never answers.
    Hang,
    /// Pretends not to know version 2.
    Version0,
    /// Sends what is given as the answer to a `POST` of version 2.
    Replay(Vec<u8>),
}

pub(crate) struct Remote {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
    pub(crate) authority: String,
    scheme: &'static str,
}

struct State {
    root: PathBuf,
    tls: Option<Arc<ServerConfig>>,
    /// The only `Authorization` let in, if any is needed.
    ticket: Mutex<Option<String>>,
    manner: Mutex<Manner>,
    /// Requests whose path starts with the first are sent to the second.
    renamed: Mutex<Option<(String, String)>>,
    seen: Mutex<Vec<Seen>>,
    over: AtomicBool,
}

impl Remote {
    /// Serves the repositories below `root` over TLS, with a certificate made for this run.
    pub(crate) fn https(root: PathBuf) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let names = vec!["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(root, Some(Arc::new(config)), made.cert.pem())
    }

    pub(crate) fn http(root: PathBuf) -> Self {
        Self::start(root, None, String::new())
    }

    fn start(root: PathBuf, tls: Option<Arc<ServerConfig>>, authority: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(State {
            root,
            tls,
            ticket: Mutex::default(),
            manner: Mutex::default(),
            renamed: Mutex::default(),
            seen: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = state.clone();
        let thread = thread::spawn(move || accept(&listener, &shared));
        Self {
            address,
            state,
            thread: Some(thread),
            authority,
            scheme,
        }
    }

    pub(crate) fn url(&self) -> RepoUrl {
        RepoUrl::parse(&self.at("config.git")).unwrap()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}://{}/{path}", self.scheme, self.address)
    }

    pub(crate) fn admit(&self, authorization: &str) {
        *self.state.ticket.lock().unwrap() = Some(authorization.to_owned());
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        *self.state.renamed.lock().unwrap() = Some((from.to_owned(), to.to_owned()));
    }

    /// The requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for (number, stream) in listener.incoming().enumerate() {
        if state.over.load(Ordering::SeqCst) {
            return;
        }
        let (stream, state) = (stream.unwrap(), state.clone());
        // A client that goes away in the middle is its own affair.
        thread::spawn(move || connection(stream, number, &state));
    }
}

fn connection(stream: TcpStream, number: usize, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let other = stream.try_clone()?;
    let out = match &state.tls {
        Some(config) => {
            let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            converse(StreamOwned::new(session, stream), number, state)
        }
        None => converse(stream, number, state),
    };
    let _ = other.shutdown(Shutdown::Both);
    out
}

fn converse(stream: impl Read + Write, number: usize, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream)? {
        let seen = Seen {
            line: request.line.clone(),
            authorization: request.header("authorization").map(str::to_owned),
            connection: number,
        };
        let authorization = seen.authorization.clone();
        state.seen.lock().unwrap().push(seen);
        let manner = state.manner.lock().unwrap().clone();
        let ticket = state.ticket.lock().unwrap().clone();
        let renamed = state.renamed.lock().unwrap().clone();
        let renamed = renamed.filter(|(from, _)| request.line.contains(&format!(" {from}")));
        let answer = match &manner {
            _ if renamed.is_some() => answer(301, &[("Location", renamed.unwrap().1)], b""),
            Manner::Answer(status, headers, body) => answer(*status, headers, body.as_bytes()),
            Manner::Hang => {
                // Until the client has had enough.
                io::copy(&mut stream, &mut io::sink())?;
                return Ok(());
            }
            _ if ticket.is_some() && ticket != authorization => answer(
                401,
                &[("WWW-Authenticate", "Basic realm=\"git\"".into())],
                b"who?",
            ),
            Manner::Replay(body) if request.line.starts_with("POST") => answer(
                200,
                &[(
                    "Content-Type",
                    "application/x-git-upload-pack-result".into(),
                )],
                body,
            ),
            _ => backend(&request, state, &manner)?,
        };
        if !deliver(stream.get_mut(), answer, &request, &manner)? {
            return Ok(());
        }
    }
    Ok(())
}

fn deliver(
    stream: &mut impl Write,
    mut answer: Vec<u8>,
    request: &Request,
    manner: &Manner,
) -> io::Result<bool> {
    match manner {
        Manner::Truncate(most) if request.line.starts_with("POST") => {
            let head = answer
                .windows(4)
                .position(|end| end == b"\r\n\r\n")
                .unwrap()
                + 4;
            answer.truncate(head + most);
            stream.write_all(&answer)?;
            stream.flush()?;
            return Ok(false);
        }
        Manner::Drip => {
            for byte in answer {
                stream.write_all(&[byte])?;
                stream.flush()?;
                thread::sleep(SLOWLY); // sleeps because being slow is what is tested
            }
            return Ok(true);
        }
        _ => {}
    }
    stream.write_all(&answer)?;
    stream.flush()?;
    Ok(true)
}

fn answer(status: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write!(
        out,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n",
        body.len()
    )
    .unwrap();
    for (name, value) in headers {
        write!(out, "{name}: {value}\r\n").unwrap();
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

fn backend(request: &Request, state: &State, manner: &Manner) -> io::Result<Vec<u8>> {
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let protocol = match manner {
        Manner::Version0 => "",
        _ => request.header("git-protocol").unwrap_or_default(),
    };
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", &state.root)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env(
            "CONTENT_TYPE",
            request.header("content-type").unwrap_or_default(),
        )
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("GIT_PROTOCOL", protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = thread::spawn(move || stdin.write_all(&body));
    let out = child.wait_with_output()?;
    let _ = writer.join().unwrap();
    let head = out
        .stdout
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout[..head]).into_owned();
    let mut status = 200;
    let mut headers = Vec::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "Status" => status = value[..3].parse().unwrap(),
            name => headers.push((name, value.to_owned())),
        }
    }
    Ok(answer(status, &headers, &out.stdout[head + 4..]))
}

struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let mut request = Self {
            line: lines[0].clone(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length = request
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap());
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body)?;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
