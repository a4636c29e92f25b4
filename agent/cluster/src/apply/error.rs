//! Why an object was not applied, as a type.

use crate::CallError;

/// Why an object was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Other managers own fields with other values, and force was not asked for.
    #[error("{}", conflict(.0))]
    Conflict(Vec<FieldConflict>),
    /// The object is not valid; each fault names its field.
    #[error("{}", faults(.0))]
    Invalid(Vec<FieldFault>),
    /// It would change fields that cannot change; it can only be deleted and made anew.
    #[error("{} cannot be changed once set: {message}", field.as_deref().unwrap_or("a field"))]
    Immutable {
        /// Which, with commas between several: `spec.selector`; `spec` where the server says no more.
        field: Option<String>,
        /// The server's sentence.
        message: String,
    },
    /// Its namespace does not exist.
    #[error("namespace {0:?} does not exist")]
    NamespaceMissing(String),
    /// Its namespace is being deleted.
    #[error("namespace {0:?} is being deleted")]
    NamespaceTerminating(String),
    /// A webhook, a policy or an admission plugin said no.
    #[error("{by} refuses it: {message}")]
    AdmissionDenied {
        /// `admission webhook "x"`, `policy "x"`, `PodSecurity`.
        by: String,
        /// In its own words.
        message: String,
    },
    /// An admission webhook did not answer.
    #[error("admission webhook {webhook:?} does not answer: {message}")]
    AdmissionFailed {
        /// Which.
        webhook: String,
        /// What happened.
        message: String,
    },
    /// The object is larger than the API server or etcd takes.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// It would use more than the namespace may.
    #[error("{0}")]
    QuotaExceeded(String),
    /// Somebody else changed it in the same moment.
    #[error("it is being changed by somebody else at the same moment")]
    Contended,
    /// It is not about this object.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// `spec.replicas`
    pub field: String,
    /// `kubectl-edit`
    pub manager: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// `spec.replicas`; empty where the server names none.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl ApplyError {
    /// True if the same object may be accepted later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            // Each of these ends by something else that happens in the cluster.
            Self::NamespaceMissing(_)
            | Self::NamespaceTerminating(_)
            | Self::AdmissionFailed { .. }
            | Self::QuotaExceeded(_)
            | Self::Contended => true,
            Self::Conflict(_)
            | Self::Invalid(_)
            | Self::Immutable { .. }
            | Self::AdmissionDenied { .. }
            | Self::TooLarge(_) => false,
        }
    }
}

fn conflict(fields: &[FieldConflict]) -> String {
    let texts = fields
        .iter()
        .map(|FieldConflict { field, manager }| format!("{field} is owned by {manager:?}"));
    texts.collect::<Vec<_>>().join("; ")
}

fn faults(faults: &[FieldFault]) -> String {
    let text = |FieldFault { field, message }: &FieldFault| match field.is_empty() {
        true => message.clone(),
        false => format!("{field}: {message}"),
    };
    faults.iter().map(text).collect::<Vec<_>>().join("; ")
}
