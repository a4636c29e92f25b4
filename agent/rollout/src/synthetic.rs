//! HTTP checks of an Environment: what is asked, what is expected of the answer, and whether that is met.
//!
//! Who asks, and when, is not known here.

use std::{collections::BTreeSet, time::Duration};

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{check::Fault, duration::Interval};

/// The shortest and longest time between two runs.
const PACE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_hours(1));
/// The longest that an answer is waited for.
const LONGEST: Duration = Duration::from_mins(1);
/// More than anybody needs of one Environment.
const MOST: usize = 50;
/// The most memory that a regular expression takes.
const REGEX_BYTES: usize = 1 << 20;

/// A request that is made again and again, and what its answer has to be like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// What strategies, metrics and messages call it.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// `http://` or `https://`, without a user name or password.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Default `GET`.
    #[serde(default)]
    pub method: Method,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub headers: Vec<Header>,
    /// The certificates that the server's has to be signed by, instead of those that everybody trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authority>,
    /// How often. From `5s` to `1h`. Default `1m`.
    #[serde(default = "HttpCheck::default_interval")]
    pub interval: Interval,
    /// How long to wait for the whole answer, at most `1m`. Default `10s`.
    #[serde(default = "HttpCheck::default_timeout")]
    pub timeout: Interval,
    /// What the answer has to be like.
    #[serde(default)]
    pub expect: Expect,
    /// How many runs in a row have to fail before the check does. Default 2.
    #[serde(default = "HttpCheck::default_failures")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: u32,
    /// Whether it sends a new version back that it begins to fail under. Default true.
    #[serde(default = "HttpCheck::default_alarm")]
    pub alarm: bool,
}

/// How it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The whole page.
    #[default]
    Get,
    /// Its headers alone.
    Head,
    /// What can be asked.
    Options,
    /// An empty form.
    Post,
}

/// A header to send: with a `value`, or one from a Secret that is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// Where its value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretKey>,
}

/// A key of a Secret in the Environment's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// The Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Where the certificates of an authority are, as PEM: in a Secret or a ConfigMap of the Environment's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authority {
    /// In a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<AuthorityKey>,
    /// In a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<AuthorityKey>,
}

/// A key with certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorityKey {
    /// The Secret or ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key. Default `ca.crt`.
    #[serde(default = "AuthorityKey::default_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// What an answer has to be like; all that stands there counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// One of these. Default: any from 200 to 299. Redirections are not followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(range(min = 100, max = 599)))]
    pub status: Vec<u16>,
    /// The body has this in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub contains: Option<String>,
    /// A regular expression that fits somewhere in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,
    /// The body is JSON with these values in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub json: Vec<JsonValue>,
    /// The whole answer takes no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Interval>,
    /// The server's certificate is good for so many days more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3650))]
    pub certificate_days: Option<u32>,
}

/// A value in a JSON body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JsonValue {
    /// Where, as a JSON pointer: `/status/db`.
    #[schemars(length(max = 1024))]
    pub pointer: String,
    /// What has to stand there. Left out: anything but null and false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any")]
    pub equals: Option<Value>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
    /// How long it took.
    pub took: Duration,
    /// Days that the server's certificate is good for; `None` without one.
    pub certificate_days: Option<i64>,
}

impl HttpCheck {
    const fn default_interval() -> Interval {
        Interval::seconds(60)
    }

    const fn default_timeout() -> Interval {
        Interval::seconds(10)
    }

    const fn default_failures() -> u32 {
        2
    }

    const fn default_alarm() -> bool {
        true
    }

    fn check(&self, at: &str, faults: &mut Vec<Fault>) {
        let mut add = |field: &str, message: String| {
            faults.push(Fault {
                at: format!("{at}.{field}"),
                message,
            });
        };
        let (shortest, longest) = PACE;
        if !(shortest..=longest).contains(&self.interval.duration()) {
            add("interval", "is not between 5s and 1h".to_owned());
        }
        if self.timeout.duration() > LONGEST || self.timeout.duration().is_zero() {
            add("timeout", "is none, or longer than 1m".to_owned());
        }
        if self.failures == 0 {
            add("failures", "has to be 1 at least".to_owned());
        }
        for header in &self.headers {
            if header.value.is_some() == header.secret.is_some() {
                let message = format!("{} needs either value or secret", header.name);
                add("headers", message);
            }
        }
        if let Some(ca) = &self.ca
            && ca.secret.is_some() == ca.config_map.is_some()
        {
            add("ca", "needs either secret or configMap".to_owned());
        }
        if let Err(error) = self.expect.pattern().transpose() {
            add("expect.matches", error);
        }
        let tls = self.url.starts_with("https://");
        if self.ca.is_some() && !tls {
            add("ca", "only https has a certificate".to_owned());
        }
        if self.expect.certificate_days.is_some() && !tls {
            let message = "only https has a certificate".to_owned();
            add("expect.certificateDays", message);
        }
    }
}

impl AuthorityKey {
    fn default_key() -> String {
        "ca.crt".to_owned()
    }
}

impl Method {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
        }
    }
}

impl Expect {
    /// What is wrong with `answer`, if anything is. Nothing of its body is in it.
    pub fn against(&self, answer: &Answer<'_>) -> Result<(), String> {
        self.status(answer.status)?;
        self.body(answer.body)?;
        if let Some(most) = self.latency.filter(|most| answer.took > most.duration()) {
            let took = answer.took.as_millis();
            return Err(format!("took {took}ms, more than {most}"));
        }
        match (self.certificate_days, answer.certificate_days) {
            (Some(_), None) => Err("showed no certificate".to_owned()),
            (Some(least), Some(days)) if days < i64::from(least) => Err(format!(
                "its certificate is good for {days} days more, less than {least}"
            )),
            (None, _) | (Some(_), Some(_)) => Ok(()),
        }
    }

    fn status(&self, status: u16) -> Result<(), String> {
        let good = match self.status.as_slice() {
            [] => (200..300).contains(&status),
            some => some.contains(&status),
        };
        match good {
            true => Ok(()),
            false => Err(format!("answered {status}")),
        }
    }

    fn body(&self, body: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(body);
        if let Some(wanted) = &self.contains
            && !text.contains(wanted.as_str())
        {
            return Err("the body lacks the text of `contains`".to_owned());
        }
        if let Some(pattern) = self.pattern()
            && !pattern?.is_match(&text)
        {
            return Err("the body does not fit `matches`".to_owned());
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let body: Value =
            serde_json::from_slice(body).map_err(|_| "the body is no JSON".to_owned())?;
        match self.json.iter().find(|wanted| !wanted.stands_in(&body)) {
            Some(missing) => Err(format!(
                "the value at {:?} is not the one expected",
                missing.pointer
            )),
            None => Ok(()),
        }
    }

    fn pattern(&self) -> Option<Result<Regex, String>> {
        let mut pattern = regex::RegexBuilder::new(self.matches.as_ref()?);
        let built = pattern.size_limit(REGEX_BYTES).build();
        Some(built.map_err(|_| "is no regular expression".to_owned()))
    }
}

impl JsonValue {
    fn stands_in(&self, body: &Value) -> bool {
        let found = body.pointer(&self.pointer);
        match (&self.equals, found) {
            (Some(wanted), found) => Some(wanted) == found,
            (None, None | Some(Value::Null | Value::Bool(false))) => false,
            (None, Some(_)) => true,
        }
    }
}

/// Everything that is wrong with the checks of an Environment.
pub fn faults(checks: &[HttpCheck]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let names: BTreeSet<_> = checks.iter().map(|check| &check.name).collect();
    if names.len() != checks.len() {
        faults.push(Fault {
            at: "checks".to_owned(),
            message: "two of them have the same name".to_owned(),
        });
    }
    if checks.len() > MOST {
        faults.push(Fault {
            at: "checks".to_owned(),
            message: format!("there are more than {MOST}"),
        });
    }
    for (place, check) in checks.iter().enumerate() {
        check.check(&format!("checks[{place}]"), &mut faults);
    }
    faults
}

fn any(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer<'_> {
        Answer {
            status,
            body: body.as_bytes(),
            took: Duration::from_millis(120),
            certificate_days: Some(20),
        }
    }

    fn expect(value: Value) -> Expect {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_answer_is_held_against_everything_that_stands_there() {
        let whole = expect(json!({
            "status": [200, 204], "contains": "ok", "matches": "v[0-9]+",
            "json": [{"pointer": "/db", "equals": "ok"}, {"pointer": "/ready"}],
            "latency": "200ms", "certificateDays": 14,
        }));
        let good = r#"{"db": "ok", "ready": true, "version": "v12"}"#;
        assert_eq!(whole.against(&answer(200, good)), Ok(()));
        for (status, body, why) in [
            (503, good, "answered 503"),
            (200, "{}", "the body lacks the text of `contains`"),
            (200, r#"{"db": "ok"}"#, "the body does not fit `matches`"),
            (
                200,
                r#"{"db": "ok v1"}"#,
                "the value at \"/db\" is not the one expected",
            ),
            (
                200,
                r#"{"db": "ok", "v": "v1", "ready": false}"#,
                "the value at \"/ready\" is not the one expected",
            ),
            (200, "ok v1", "the body is no JSON"),
        ] {
            assert_eq!(whole.against(&answer(status, body)), Err(why.to_owned()));
        }
        let mut late = answer(200, good);
        late.took = Duration::from_millis(201);
        assert_eq!(
            whole.against(&late),
            Err("took 201ms, more than 200ms".to_owned())
        );
        let mut old = answer(200, good);
        old.certificate_days = Some(13);
        assert!(whole.against(&old).unwrap_err().contains("13 days"));
        assert_eq!(
            Expect::default().against(&answer(302, "")),
            Err("answered 302".to_owned())
        );
    }

    #[test]
    fn certificates_are_under_the_usual_key_unless_another_is_named() {
        let ca = |value: Value| serde_json::from_value::<Authority>(value);
        let usual = ca(json!({ "configMap": { "name": "trust" } })).unwrap();
        assert_eq!(usual.config_map.unwrap().key, "ca.crt");
        let named = ca(json!({ "secret": { "name": "trust", "key": "root.pem" } })).unwrap();
        assert_eq!(named.secret.unwrap().key, "root.pem");
        assert!(ca(json!({ "file": "/etc/ssl" })).is_err());
    }

    #[test]
    fn all_faults_are_told() {
        let check = |value: Value| serde_json::from_value::<HttpCheck>(value).unwrap();
        let checks = [
            check(
                json!({"name": "a", "url": "https://a.example", "expect": {"certificateDays": 14}}),
            ),
            check(json!({
                "name": "a", "url": "http://a.example", "interval": "1s", "timeout": "2m",
                "headers": [{"name": "x"}], "ca": {}, "expect": {"matches": "(", "certificateDays": 1},
            })),
        ];
        let told: Vec<_> = faults(&checks).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "checks: two of them have the same name",
                "checks[1].interval: is not between 5s and 1h",
                "checks[1].timeout: is none, or longer than 1m",
                "checks[1].headers: x needs either value or secret",
                "checks[1].ca: needs either secret or configMap",
                "checks[1].expect.matches: is no regular expression",
                "checks[1].ca: only https has a certificate",
                "checks[1].expect.certificateDays: only https has a certificate",
            ]
        );
    }
}
