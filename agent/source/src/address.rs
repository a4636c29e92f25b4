//! Where a repository is: `https://`, `ssh://` or `user@host:path`, and `file://` for development.
//!
//! Addresses are printed in logs and statuses and become arguments of `ssh`, so nothing secret and nothing that
//! looks like an option gets in.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use reqwest::Url;

/// The checked address of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoUrl {
    text: String,
    place: Place,
}

/// The address taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// Over TLS; `http://` only ever to this machine.
    Http { encrypted: bool },
    /// Over ssh.
    Ssh(SshPlace),
    /// On this machine's disk.
    File(PathBuf),
}

/// What `ssh` needs to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SshPlace {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
}

/// Why an address is refused. The address itself is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// A password or token stands in the address.
    #[error("the repository address holds a user name or password; put it in a Secret")]
    Password,
    /// A character that has no business in an address.
    #[error("the repository address has a space, a control character or a backslash")]
    Character,
    /// The scheme is none of ours.
    #[error(
        "the repository address must start with https://, ssh:// or file://, or be user@host:path"
    )]
    Scheme,
    /// Plain http to another machine.
    #[error("http:// is refused because nothing protects the commits on the way; use https://")]
    Insecure,
    /// The host is missing or odd.
    #[error("the host in the repository address is missing or malformed")]
    Host,
    /// The path is missing or odd.
    #[error("the path in the repository address is missing or malformed: {0}")]
    Path(&'static str),
    /// `?query` or `#fragment`.
    #[error("the repository address has a ?query or a #fragment; leave it out")]
    Query,
}

impl RepoUrl {
    /// Reads and checks an address.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(AddressError::Character);
        }
        match text.split_once("://") {
            Some(("https" | "http", _)) => http(text),
            Some(("ssh", _)) => ssh(text),
            Some(("file", rest)) => file(rest),
            Some(_) => Err(AddressError::Scheme),
            None => scp(text),
        }
    }

    /// The address, safe to print.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the repository lies on this machine's disk and can be watched instead of polled.
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

fn http(text: &str) -> Result<RepoUrl, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Host)?;
    if url.password().is_some() || !url.username().is_empty() {
        return Err(AddressError::Password);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Query);
    }
    let host = url.host_str().filter(|host| host_is_sound(host));
    let host = host.ok_or(AddressError::Host)?;
    let encrypted = url.scheme() == "https";
    if !encrypted && !is_this_machine(host) {
        return Err(AddressError::Insecure);
    }
    let text = url.as_str().trim_end_matches('/').to_owned();
    if url.path().trim_matches('/').is_empty() {
        return Err(AddressError::Path("it is empty"));
    }
    Ok(RepoUrl {
        text,
        place: Place::Http { encrypted },
    })
}

fn ssh(text: &str) -> Result<RepoUrl, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Host)?;
    if url.password().is_some() {
        return Err(AddressError::Password);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Query);
    }
    let path = decode(url.path()).ok_or(AddressError::Path("its escapes are not UTF-8 text"))?;
    // As git has it: `/~user/x` is below a home directory.
    let path = path
        .strip_prefix('/')
        .filter(|rest| rest.starts_with('~'))
        .unwrap_or(&path);
    let user = match url.username() {
        "" => "git",
        user => user,
    };
    ssh_place(user, url.host_str().unwrap_or_default(), url.port(), path)
}

/// `user@host:path`, the short form.
fn scp(text: &str) -> Result<RepoUrl, AddressError> {
    let (host, path) = text.split_once(':').ok_or(AddressError::Scheme)?;
    if host.contains('/') {
        return Err(AddressError::Scheme);
    }
    let (user, host) = host.rsplit_once('@').ok_or(AddressError::Scheme)?;
    if path.starts_with("//") {
        return Err(AddressError::Scheme);
    }
    ssh_place(user, host, None, path)
}

fn ssh_place(
    user: &str,
    host: &str,
    port: Option<u16>,
    path: &str,
) -> Result<RepoUrl, AddressError> {
    let word = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(word) {
        return Err(AddressError::Host);
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if !host_is_sound(host) {
        return Err(AddressError::Host);
    }
    if path.trim_matches('/').is_empty() {
        return Err(AddressError::Path("it is empty"));
    }
    if path.starts_with('-') || path.contains(char::is_control) {
        return Err(AddressError::Path(
            "it starts with a dash or has a control character",
        ));
    }
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let port_text = port.map(|port| format!(":{port}")).unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    // A relative path starts at the login directory, which only the short form can say.
    let text = match (path.starts_with(['/', '~']), port) {
        (true, _) | (false, Some(_)) => format!("ssh://{user}@{shown}{port_text}{slash}{path}"),
        (false, None) => format!("{user}@{shown}:{path}"),
    };
    let place = SshPlace {
        user: user.into(),
        host: host.into(),
        port,
        path: path.into(),
    };
    Ok(RepoUrl {
        text,
        place: Place::Ssh(place),
    })
}

fn file(rest: &str) -> Result<RepoUrl, AddressError> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(AddressError::Path(
            "file:// needs an absolute path, as in file:///srv/config",
        ));
    }
    let path = decode(path).ok_or(AddressError::Path("its escapes are not UTF-8 text"))?;
    if path.contains(char::is_control) {
        return Err(AddressError::Character);
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err(AddressError::Path("it is empty"));
    }
    Ok(RepoUrl {
        text: format!("file://{path}"),
        place: Place::File(PathBuf::from(path)),
    })
}

fn host_is_sound(host: &str) -> bool {
    !host.is_empty()
        && !host.starts_with('-')
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c))
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Undoes `%2F` and its like.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |b: u8| char::from(b).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RepoUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
