//! What httpd tells a directive about the place where the directive stands, and does for it.

use std::path::Path;

use crate::file::kept::Keeper;

/// Where a directive stands (httpd's documentation says "context"), from the outside inwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Outside of all sections: server config.
    Server,
    /// In `<VirtualHost>`.
    VirtualHost,
    /// In `<Location>` or `<LocationMatch>`.
    Location,
}

impl Scope {
    /// The places that a directive may stand in, if this is the innermost one.
    pub(crate) const fn places(self) -> &'static str {
        match self {
            Self::Server => "outside of all sections",
            Self::VirtualHost => "outside of all sections or in <VirtualHost>",
            Self::Location => {
                "outside of all sections, in <VirtualHost>, <Location> or <LocationMatch>"
            }
        }
    }

    /// As in a message.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Server => "server config",
            Self::VirtualHost => "<VirtualHost>",
            Self::Location => "<Location>",
        }
    }
}

/// An expression that httpd has compiled; only httpd knows what the number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expr(pub usize);

/// What httpd tells a directive, and does for it.
pub trait DirectiveContext {
    /// Where the directive stands.
    ///
    /// # Errors
    /// The name of the section, if the module's directives may not stand in it.
    fn scope(&self) -> Result<Scope, String> {
        Ok(Scope::Server)
    }

    /// The folder that relative paths start from.
    fn server_root(&self) -> &Path;

    /// File and line of the directive, if they are known.
    fn position(&self) -> Option<String> {
        None
    }

    /// Compiles an expression of httpd's (`ap_expr`).
    ///
    /// # Errors
    /// The message of httpd's parser.
    fn compile(&self, expr: &str) -> Result<Expr, String>;

    /// Runs work that leaves something behind in its thread.
    fn scratch(&self) -> Scratch {
        here
    }

    /// Keeps the contents of files over restarts.
    fn keeper(&self) -> Option<&'static dyn Keeper> {
        None
    }
}

/// Runs work, in a thread of its own if that matters.
pub type Scratch = fn(&mut (dyn FnMut() + Send));

/// Runs work in this thread.
pub fn here(work: &mut (dyn FnMut() + Send)) {
    work();
}
