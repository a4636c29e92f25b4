//! Keeps values of Secrets out of texts.
//!
//! The API server quotes what it refuses. For a Secret that may be the secret, so of such a sentence only the name of
//! the field is passed on.

use kube::core::Status;

/// Said in place of the server's own sentence.
const WITHHELD: &str = "the API server's reason is withheld because it may quote the value";

/// A sentence about a refused Secret that quotes nothing.
pub(crate) fn refusal(message: &str) -> String {
    if message.contains("illegal base64 data") {
        return "a value under data is not base64".to_owned();
    }
    if message.contains("field not declared in schema") || message.contains("unknown field") {
        return format!(
            "{}: field not declared in schema",
            field_in(message).unwrap_or_default()
        );
    }
    match field_in(message) {
        Some(field) => format!("{field} is refused; {WITHHELD}"),
        None => format!("it is refused; {WITHHELD}"),
    }
}

/// `status` with every text replaced that might quote a value.
pub(crate) fn redact(status: &mut Status) {
    status.message = refusal(&status.message);
    for cause in status
        .details
        .iter_mut()
        .flat_map(|details| &mut details.causes)
    {
        cause.message = match cause.reason.as_str() {
            "FieldValueRequired" => "is required".to_owned(),
            "FieldValueDuplicate" => "is there twice".to_owned(),
            "FieldValueTooLong" => "is too long".to_owned(),
            _ if is_immutable(&cause.message) => "field is immutable".to_owned(),
            _ => WITHHELD.to_owned(),
        };
    }
}

/// True if the server says that the field cannot change once it is set.
pub(crate) fn is_immutable(message: &str) -> bool {
    const PHRASES: [&str; 6] = [
        "immutable",
        "may not change",
        "may not be changed",
        "cannot change",
        "cannot be changed",
        // `updates to statefulset spec for fields other than …`, `updates to parameters are forbidden`
        "updates to ",
    ];
    PHRASES.iter().any(|phrase| message.contains(phrase))
}

/// The path in `….: .data.password: expected string, …`, or the name in `unknown field "dataa"`.
pub(crate) fn field_in(message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once("unknown field \"") {
        return Some(rest.split('"').next()?.to_owned());
    }
    let path = message
        .split(": ")
        .find(|part| part.starts_with('.') && !part.contains(' '))?;
    Some(path.trim_start_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_and_not_the_value() {
        let typed = r#"failed to create typed patch object (shop/db; /v1, Kind=Secret): .data.password: expected string, got &value.valueUnstructured{Value:"hunter2"}"#;
        let text = refusal(typed);
        assert!(
            text.starts_with("data.password is refused") && !text.contains("hunter2"),
            "{text}"
        );
        let base64 = "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 3";
        assert_eq!(refusal(base64), "a value under data is not base64");
        assert!(
            !refusal("admission webhook \"x\" denied the request: hunter2").contains("hunter2")
        );
    }
}
