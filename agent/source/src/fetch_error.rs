//! Why talking to a Git server failed, in a closed set of reasons.
//!
//! The text is made here once, from what libraries and servers said: cleared of control characters and of anything
//! between `://` and `@`, cut to a readable length. It has no source, since a source would carry the raw text along.

use std::time::Duration;

/// A failed [`look`](crate::Mirror::look) or [`fetch`](crate::Mirror::fetch).
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct FetchError {
    reason: Reason,
    text: String,
    retry_after: Option<Duration>,
}

/// What kind of failure it was. The variant's name is the word in conditions, events and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The server does not know who we are, or does not believe it.
    AuthenticationFailed,
    /// The server knows who we are and says no.
    AccessDenied,
    /// The credentials cannot be used with this address.
    CredentialsUnusable,
    /// The ssh host key is unknown or has changed.
    HostKeyRefused,
    /// There is no repository at the address.
    RepositoryNotFound,
    /// The commit is no longer offered.
    RevisionGone,
    /// The TLS handshake failed; most often the certificate is not trusted.
    TlsFailed,
    /// No connection came about.
    Unreachable,
    /// The connection broke in the middle.
    Interrupted,
    /// The server reports a fault of its own.
    ServerFailed,
    /// The server asks for fewer requests.
    RateLimited,
    /// It took longer than the limit.
    Timeout,
    /// It would be larger than the limit.
    TooLarge,
    /// The server points to another place, which is never followed.
    Redirected,
    /// What answers is no Git server that we understand.
    NotGit,
    /// A Git feature we do not have, such as SHA-256 ids.
    Unsupported,
    /// What was received does not hold together.
    Corrupt,
    /// The mirror's disk failed.
    Storage,
    /// We were told to stop.
    Stopped,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::AccessDenied => "AccessDenied",
            Self::CredentialsUnusable => "CredentialsUnusable",
            Self::HostKeyRefused => "HostKeyRefused",
            Self::RepositoryNotFound => "RepositoryNotFound",
            Self::RevisionGone => "RevisionGone",
            Self::TlsFailed => "TlsFailed",
            Self::Unreachable => "Unreachable",
            Self::Interrupted => "Interrupted",
            Self::ServerFailed => "ServerFailed",
            Self::RateLimited => "RateLimited",
            Self::Timeout => "Timeout",
            Self::TooLarge => "TooLarge",
            Self::Redirected => "Redirected",
            Self::NotGit => "NotGit",
            Self::Unsupported => "Unsupported",
            Self::Corrupt => "Corrupt",
            Self::Storage => "Storage",
            Self::Stopped => "Stopped",
        }
    }

    /// What to try next.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::AuthenticationFailed => {
                "check that the Secret in spec.source.credentials holds a valid, unexpired credential"
            }
            Self::AccessDenied => "give the credential read access to the repository",
            Self::CredentialsUnusable => {
                "https needs username + password or bearerToken; ssh needs identity + known_hosts"
            }
            Self::HostKeyRefused => {
                "compare the server's key with its operator's; if it is right, put the output of `ssh-keyscan HOST` into known_hosts"
            }
            Self::RepositoryNotFound => {
                "check the address; many servers also say this when the credential may not see the repository"
            }
            Self::RevisionGone => "the branch was rewritten meanwhile; it is looked at again",
            Self::TlsFailed => {
                "put the certificate of the issuing authority into the Secret as ca.crt"
            }
            Self::Unreachable => "check the host name, the port, DNS and network policies",
            Self::TooLarge => "keep big binary files out of the config repository",
            Self::Redirected => "write the final address into spec.source.url",
            Self::NotGit => "check the address; a login page or a proxy may be answering",
            Self::Storage => "check the space and the rights of the cache directory",
            Self::Interrupted
            | Self::ServerFailed
            | Self::RateLimited
            | Self::Timeout
            | Self::Unsupported
            | Self::Corrupt
            | Self::Stopped => return None,
        })
    }

    /// Whether the same call may succeed with other credentials. Many servers say that a repository is not there when it
    /// may not be seen, and the certificates to trust are part of the credentials.
    pub fn is_about_credentials(self) -> bool {
        matches!(
            self,
            Self::AuthenticationFailed
                | Self::AccessDenied
                | Self::CredentialsUnusable
                | Self::HostKeyRefused
                | Self::RepositoryNotFound
                | Self::TlsFailed
        )
    }

    /// Whether the same call may succeed later with nothing changed by a person.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::RevisionGone
            | Self::Unreachable
            | Self::Interrupted
            | Self::ServerFailed
            | Self::RateLimited
            | Self::Timeout
            | Self::Corrupt
            | Self::Storage
            | Self::Stopped => true,
            Self::AuthenticationFailed
            | Self::AccessDenied
            | Self::CredentialsUnusable
            | Self::HostKeyRefused
            | Self::RepositoryNotFound
            | Self::TlsFailed
            | Self::TooLarge
            | Self::Redirected
            | Self::NotGit
            | Self::Unsupported => false,
        }
    }
}

impl FetchError {
    pub(crate) fn new(reason: Reason, text: impl AsRef<str>) -> Self {
        Self {
            reason,
            text: plain(text.as_ref()),
            retry_after: None,
        }
    }

    #[must_use]
    pub(crate) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The kind of failure.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the same call may succeed later with nothing changed by a person. The others are worth a slow retry.
    pub fn is_retryable(&self) -> bool {
        self.reason.is_retryable()
    }

    /// What to try next.
    pub fn hint(&self) -> Option<&'static str> {
        self.reason.hint()
    }

    /// How long the server asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// One line fit for a terminal, a log and a status, whatever the other side sent.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 400;
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<String> = visible.split_whitespace().map(without_userinfo).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn without_userinfo(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_escapes_and_user_info() {
        let raw = "\u{1b}[31mfatal\r\nhttps://bob:hunter2@example.com/a.git\tgone\0";
        assert_eq!(plain(raw), "[31mfatal https://example.com/a.git gone");
        assert_eq!(plain(&"é".repeat(500)).chars().count(), 401);
    }

    #[test]
    fn only_the_user_info_goes() {
        assert_eq!(plain("ssh://h/a@b x@y"), "ssh://h/a@b x@y");
        assert_eq!(plain("(https://u@h)"), "(https://h)");
    }
}
