//! Which certificates are trusted, and what is wrong with one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::CertificateError;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::body::shown;
use super::fault::Fault;

/// TLS that trusts the certificates in a file, or those that the system trusts.
///
/// # Errors
/// The file cannot be used, or the system trusts nobody.
pub(super) fn config(ca: Option<&Path>) -> Result<TlsConfig, String> {
    let roots = match ca {
        Some(path) => of_file(path)?,
        None => of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots));
    Ok(config.unversioned_rustls_crypto_provider(provider).build())
}

fn of_file(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| format!("cannot read ca = \"{shown}\": {error}"))?;
    let mut roots = vec![];
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(root)) => roots.push(root),
            Ok(_) => {}
            Err(_) => return Err(format!("ca = \"{shown}\" is not a PEM file")),
        }
    }
    match roots.is_empty() {
        true => Err(format!("ca = \"{shown}\" has no certificate; write a PEM file with one")),
        false => Ok(roots),
    }
}

fn of_system() -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|root| Certificate::from_der(root).to_owned());
    let roots: Vec<_> = roots.collect();
    match roots.is_empty() {
        true => {
            Err("this machine trusts no certificate at all; install ca-certificates, or write \
             ca = \"FILE\" in the settings"
                .into())
        }
        false => Ok(roots),
    }
}

/// What is wrong with TLS.
pub(crate) fn fault(error: &rustls::Error, host: &str) -> Fault {
    use CertificateError as Wrong;
    match error {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            Wrong::NotValidForName => name_fault(host, &[]),
            Wrong::NotValidForNameContext { presented, .. } => name_fault(host, presented),
            Wrong::Expired => Fault::CertificateExpired(String::new()),
            Wrong::ExpiredContext { not_after, .. } => {
                let second = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
                let day = Timestamp::from_second(second).map(|at| at.strftime("%F").to_string());
                Fault::CertificateExpired(day.map(|day| format!(" on {day}")).unwrap_or_default())
            }
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => Fault::CertificateEarly,
            // A certificate that signs itself is one that nobody else has signed.
            Wrong::UnknownIssuer | Wrong::BadSignature => Fault::CertificateIssuer,
            Wrong::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Fault::CertificateIssuer
            }
            other => Fault::Tls(shown(&other.to_string())),
        },
        rustls::Error::InvalidMessage(_) => Fault::NoTls,
        other => Fault::Tls(shown(&other.to_string())),
    }
}

/// `presented` has names such as `DnsName("www.example.com")` and `IpAddress(127.0.0.1)`.
fn name_fault(host: &str, presented: &[String]) -> Fault {
    const LISTED: usize = 5;
    let name = |name: &String| {
        name.split(['"', '(', ')']).rfind(|it| it.len() > 1).unwrap_or(name).to_owned()
    };
    let mut names: Vec<_> = presented.iter().take(LISTED).map(name).collect();
    if presented.len() > LISTED {
        names.push("others".into());
    }
    let names = if names.is_empty() { "nobody".to_owned() } else { shown(&names.join(", ")) };
    Fault::CertificateName { host: host.to_owned(), names }
}
