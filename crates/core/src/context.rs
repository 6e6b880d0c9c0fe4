//! The context of a directive: what httpd knows about its position, and the services httpd provides
//! for it.

use std::path::Path;

use crate::file::kept::Keeper;

/// The context of a directive, from the outermost to the innermost.
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
    /// The contexts in which a directive is allowed if this is the innermost one, for messages.
    pub(crate) const fn places(self) -> &'static str {
        match self {
            Self::Server => "outside of all sections",
            Self::VirtualHost => "outside of all sections or in <VirtualHost>",
            Self::Location => {
                "outside of all sections, in <VirtualHost>, <Location> or <LocationMatch>"
            }
        }
    }

    /// The name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Server => "server config",
            Self::VirtualHost => "<VirtualHost>",
            Self::Location => "<Location>",
        }
    }
}

/// An expression compiled by httpd. The number has a meaning only for httpd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expr(pub usize);

/// What httpd knows about a directive's position, and the services httpd provides for it.
pub trait DirectiveContext {
    /// The context of the directive.
    ///
    /// # Errors
    /// The name of the section, if the module's directives are not allowed in it.
    fn scope(&self) -> Result<Scope, String> {
        Ok(Scope::Server)
    }

    /// The folder to which relative paths refer.
    fn server_root(&self) -> &Path;

    /// File and line of the directive, if known.
    fn position(&self) -> Option<String> {
        None
    }

    /// Compiles an httpd expression (`ap_expr`).
    ///
    /// # Errors
    /// The message of httpd's expression parser.
    fn compile(&self, expr: &str) -> Result<Expr, String>;

    /// How to run work that leaves thread-local data behind.
    fn scratch(&self) -> Scratch {
        here
    }

    /// The store that keeps the contents of files over restarts.
    fn keeper(&self) -> Option<&'static dyn Keeper> {
        None
    }
}

/// Runs work, in its own thread if necessary.
pub type Scratch = fn(&mut (dyn FnMut() + Send));

/// Runs work in this thread.
pub fn here(work: &mut (dyn FnMut() + Send)) {
    work();
}
