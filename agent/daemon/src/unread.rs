//! Why a Secret or ConfigMap that a spec names cannot be read, and what to try next.
//!
//! Nothing of what is in it is quoted: an answer that makes no sense may hold a value, and so may the words of whoever
//! could not make sense of it.

use crate::chain;

/// Why `error` kept us from reading a document of the kind that rights call `resource`, in `namespace`.
pub(crate) fn why(error: &kube::Error, resource: &str, namespace: &str) -> String {
    let (why, next) = match error {
        kube::Error::Api(status) if status.code == 403 => (
            status.message.clone(),
            format!("give the agent the right to get {resource} in namespace {namespace}"),
        ),
        kube::Error::Api(status) if status.code == 401 => (
            status.message.clone(),
            "see to the agent's own token or certificate".to_owned(),
        ),
        kube::Error::Api(status) => (status.message.clone(), LATER.to_owned()),
        kube::Error::Service(error) => (chain::text(&**error), LATER.to_owned()),
        kube::Error::HyperError(error) => (chain::text(error), LATER.to_owned()),
        _ => (
            "the answer is not that of a Kubernetes API server".to_owned(),
            "see what stands between it and the agent".to_owned(),
        ),
    };
    format!("cannot be read: {why}; {next}")
}

/// Nobody has to do anything.
const LATER: &str = "it is tried again by itself";

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, message: &str) -> kube::Error {
        let status = Status::failure(message, "Reason").with_code(code);
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn the_servers_sentence_is_told_with_what_to_try_next() {
        let sentence = "secrets \"trust\" is forbidden: User \"agent\" cannot get it";
        assert_eq!(
            why(&refused(403, sentence), "secrets", "shop"),
            format!(
                "cannot be read: {sentence}; give the agent the right to get secrets in namespace shop"
            )
        );
        let told = why(
            &refused(500, "etcdserver: leader changed"),
            "secrets",
            "shop",
        );
        assert!(
            told.contains("leader changed") && told.ends_with(LATER),
            "{told}"
        );
    }

    #[test]
    fn all_causes_are_told() {
        let refused = std::io::Error::other("Connection refused");
        let told = why(&kube::Error::Service(refused.into()), "secrets", "shop");
        assert_eq!(told, format!("cannot be read: Connection refused; {LATER}"));
    }

    #[test]
    fn what_makes_no_sense_is_not_quoted() {
        let garbage = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        assert!(
            garbage.to_string().contains("hunter2"),
            "or this proves nothing"
        );
        let told = why(&kube::Error::SerdeError(garbage), "secrets", "shop");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
