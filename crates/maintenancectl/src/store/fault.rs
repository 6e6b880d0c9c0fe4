//! Why the store gives no answer, in a line that says what to write or to do.

use std::error::Error;
use std::io::ErrorKind;

use etcd_client::Error as EtcdError;
use rustls::AlertDescription as Alert;
use thiserror::Error;
use tonic::Code;

use crate::exit::{Exit, Failure};
use crate::servers::tls;

/// Why the store gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum StoreFault {
    /// No member answers: each URL with its cause.
    #[error("the store cannot be reached: {}", .0.join("; "))]
    Unreachable(Vec<String>),
    /// The store refuses it, also if it is asked again.
    #[error("the store refuses it: {0}")]
    Denied(String),
    /// It is unknown whether the change was made.
    #[error("cannot tell whether the store has made the change ({0}); look at maintenancectl log")]
    InDoubt(String),
}

impl From<StoreFault> for Failure {
    fn from(fault: StoreFault) -> Self {
        let exit = match fault {
            StoreFault::Unreachable(_) | StoreFault::InDoubt(_) => Exit::Unknown,
            StoreFault::Denied(_) => Exit::Unusable,
        };
        Self { exit, message: fault.to_string() }
    }
}

/// What the store refuses, also if it is asked again. None: another member may know better.
pub(crate) fn denied(error: &EtcdError, user: Option<&str>) -> Option<String> {
    let EtcdError::GRpcStatus(status) = error else { return None };
    let message = status.message();
    let text = match (status.code(), user) {
        (Code::PermissionDenied, Some(user)) => format!(
            "the user {user} may not do it; grant the user a role with permission for all keys \
             below that of the settings"
        ),
        (Code::InvalidArgument, None) if message.contains("user name is empty") => {
            "it wants a user; write user and password_file below [store]".into()
        }
        (Code::InvalidArgument, Some(user)) if message.contains("invalid user ID or password") => {
            format!("it does not know the user {user} with this password; correct password_file")
        }
        (Code::FailedPrecondition, Some(_)) if message.contains("not enabled") => {
            "its authentication is off; leave out user and password_file".into()
        }
        (Code::PermissionDenied, None) => format!("{message}; write user and password_file"),
        (Code::ResourceExhausted, _) if message.contains("space exceeded") => {
            "its quota of space is used up; compact and defragment it, and disarm its alarm".into()
        }
        _ => return None,
    };
    Some(text)
}

/// Whether a new connection, with the certificates and the password as they are now, gets the same
/// refusal.
pub(crate) fn is_lasting(error: &EtcdError) -> bool {
    let EtcdError::GRpcStatus(status) = error else { return false };
    matches!(status.code(), Code::PermissionDenied | Code::ResourceExhausted)
}

/// Whether the member will soon know better: it has no leader at the moment.
pub(crate) fn is_passing(error: &EtcdError) -> bool {
    const PASSING: [&str; 4] = ["no leader", "leader changed", "timed out", "not leader"];
    let EtcdError::GRpcStatus(status) = error else { return false };
    status.message().starts_with("etcdserver: ")
        && PASSING.iter().any(|text| status.message().contains(text))
}

/// Whether the store has ended a lease.
pub(crate) fn is_lost_lease(error: &EtcdError) -> bool {
    match error {
        EtcdError::GRpcStatus(status) => status.code() == Code::NotFound,
        // The client's words for an answer without a time to live.
        EtcdError::LeaseKeepAliveError(text) => text == "lease not found",
        _ => false,
    }
}

/// Why one member gives no answer.
pub(crate) fn cause(error: &(dyn Error + 'static), host: &str) -> String {
    let mut next = Some(error);
    let mut last = error.to_string();
    while let Some(error) = next {
        if let Some(known) = known(error, host) {
            return known;
        }
        // This crate's errors do not name their source.
        let inner: Option<&(dyn Error + 'static)> = match error.downcast_ref::<EtcdError>() {
            Some(EtcdError::GRpcStatus(status)) => Some(status),
            Some(EtcdError::TransportError(error)) => Some(error),
            Some(EtcdError::IoError(error)) => Some(error),
            _ => error.source(),
        };
        last = match error.downcast_ref::<tonic::Status>() {
            Some(status) if !status.message().is_empty() => status.message().to_owned(),
            _ => error.to_string(),
        };
        next = inner;
    }
    format!("gives no answer: {last}")
}

fn known(error: &(dyn Error + 'static), host: &str) -> Option<String> {
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(of_tls(error, host));
        }
        return match error.kind() {
            ErrorKind::ConnectionRefused => {
                Some("refuses connections; start etcd, or correct the port in the URL".into())
            }
            _ if error.to_string().contains("failed to lookup address") => {
                Some(format!("cannot be found: the name {host} does not resolve"))
            }
            _ => None,
        };
    }
    error.downcast_ref::<rustls::Error>().map(|error| of_tls(error, host))
}

fn of_tls(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::AlertReceived(Alert::CertificateExpired) => {
            "says that the certificate of this client has expired; renew the file of cert".into()
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown
            | Alert::HandshakeFailure
            | Alert::AccessDenied,
        ) => {
            "does not accept the certificate of this client, or wants one; write cert and cert_key \
              below [store]"
                .into()
        }
        error => tls::fault(error, host).to_string(),
    }
}
