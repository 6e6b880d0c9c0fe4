//! What is wrong with a `plugin-cfg.xml`.

use thiserror::Error;

/// Why a text is not a plugin-cfg.xml file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PluginCfgError {
    /// The XML is not well-formed.
    #[error("line {line}: {cause}")]
    Xml {
        /// Counted from 1.
        line: u32,
        /// The message of the XML parser.
        cause: String,
    },
    /// The file ends early; the XML is well-formed up to its end.
    #[error("line {line}: the file ends inside <{element}>")]
    Truncated {
        /// Counted from 1.
        line: u32,
        /// The innermost open element.
        element: String,
    },
    /// Entities are never expanded, and therefore not accepted.
    #[error("line {0}: the DOCTYPE declares entities, which are not supported")]
    Entities(u32),
    /// The XML is another document type.
    #[error("the root element is <{0}>, not <Config>")]
    Root(String),
    /// There is no element.
    #[error("is not an XML document")]
    NoDocument,
}

/// An element of a plugin-cfg.xml file that admits nobody.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Odd {
    /// A Transport or a Connector without a host.
    #[error("line {line}: a {element} without a {attribute}")]
    NoHost {
        /// Counted from 1.
        line: u32,
        /// `Transport`
        element: &'static str,
        /// `Hostname`
        attribute: &'static str,
    },
    /// `Hostname="a b"`
    #[error("line {line}: \"{host}\" is neither a host name nor an address")]
    Host {
        /// Counted from 1.
        line: u32,
        /// The value, shortened if it is long.
        host: String,
    },
    /// `Hostname="fe80::1%eth0"`
    #[error("line {line}: \"{host}\" has a zone index, which is meaningful only on one machine")]
    Zone {
        /// Counted from 1.
        line: u32,
        /// The value, shortened if it is long.
        host: String,
    },
    /// There is neither a Transport nor a Connector.
    #[error("the file has no Transport of a Server and no Connector")]
    NoServer,
}
