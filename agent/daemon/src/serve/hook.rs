//! What a webhook may say: "look now", signed.
//!
//! Nothing in the body decides what is deployed; at most it narrows down which of the configured repos to
//! look at.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::Secret;

/// Headers with an HMAC-SHA256 of the body in hex: GitHub and Gitea, then Gitea's own, then the generic one.
const SIGNED: [&str; 3] = ["x-hub-signature-256", "x-gitea-signature", "x-signature"];
/// GitLab sends the secret itself.
const TOKEN: &str = "x-gitlab-token";

/// True if the sender knows the secret. Takes the same time whichever byte is wrong.
pub(super) fn is_signed(headers: &HeaderMap, body: &[u8], secret: &Secret) -> bool {
    let signatures = SIGNED.iter().filter_map(|name| headers.get(*name));
    for signature in signatures {
        let hex = signature.as_bytes();
        let hex = hex.strip_prefix(b"sha256=").unwrap_or(hex);
        if unhex(hex).is_some_and(|claimed| mac(secret, body).verify_slice(&claimed).is_ok()) {
            return true;
        }
    }
    // Comparing MACs of both sides hides where the texts differ, and how long the secret is.
    headers.get(TOKEN).is_some_and(|token| {
        let expected = mac(secret, secret.bytes()).finalize().into_bytes();
        mac(secret, token.as_bytes())
            .verify_slice(&expected)
            .is_ok()
    })
}

/// The repository addresses a push event names; none for a body that says nothing of the kind.
pub(super) fn addresses(body: &[u8]) -> Vec<String> {
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(body) else {
        return Vec::new();
    };
    let repo = event.get("repository").or_else(|| event.get("project"));
    let keys = [
        "clone_url",
        "ssh_url",
        "git_url",
        "html_url",
        "git_http_url",
        "git_ssh_url",
        "url",
    ];
    let found = keys.iter().filter_map(|key| repo?.get(key)?.as_str());
    found.map(str::to_owned).collect()
}

fn mac(secret: &Secret, body: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.bytes());
    mac.expect("a key of any length is accepted because HMAC hashes long ones")
        .chain_update(body)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation on validating deliveries.
    const BODY: &[u8] = b"Hello, World!";
    const HEX: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> Secret {
        Secret::new(b"It's a Secret to Everybody\n".to_vec())
    }

    fn signed(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn accepts_the_documented_example_and_no_other_body() {
        let headers = signed(SIGNED[0], &format!("sha256={HEX}"));
        assert!(is_signed(&headers, BODY, &secret()));
        assert!(!is_signed(&headers, b"Hello, World?", &secret()));
    }

    #[test]
    fn refuses_missing_short_and_odd_signatures() {
        assert!(!is_signed(&HeaderMap::new(), BODY, &secret()));
        for odd in ["", "sha256=", "sha256=7", "zz", &HEX[..62], "sha1=757107ea"] {
            assert!(
                !is_signed(&signed(SIGNED[0], odd), BODY, &secret()),
                "{odd}"
            );
        }
    }

    #[test]
    fn accepts_a_token_that_is_the_secret() {
        assert!(is_signed(
            &signed(TOKEN, "It's a Secret to Everybody"),
            BODY,
            &secret()
        ));
        assert!(!is_signed(
            &signed(TOKEN, "It's a Secret to Everybody "),
            BODY,
            &secret()
        ));
    }
}
