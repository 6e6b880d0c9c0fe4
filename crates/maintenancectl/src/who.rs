//! Who runs the command.

use std::env;

use maintenance_core::text::user;

/// The person behind the command, also behind sudo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// For `by`.
    pub(crate) name: String,
    /// Whose files count as the person's own.
    uids: Vec<u32>,
}

impl Person {
    /// The user who called sudo, or else the user of the process.
    pub(crate) fn current() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let of_env = |name| env::var(name).ok().filter(|value| !value.is_empty());
        // Everybody can set the variable, so it counts for root alone.
        let sudo = of_env("SUDO_USER").filter(|_| uid == 0);
        let sudo_uid = of_env("SUDO_UID").filter(|_| uid == 0).and_then(|uid| uid.parse().ok());
        let name = sudo.unwrap_or_else(|| match user::name(uid) {
            // Users of a directory service are not in /etc/passwd.
            number if number == uid.to_string() => of_env("USER").unwrap_or(number),
            name => name,
        });
        Self { name, uids: [Some(uid), sudo_uid].into_iter().flatten().collect() }
    }

    /// Whether a file without `by` counts as the person's own: root writes files for everybody.
    pub(crate) fn owns(&self, uid: u32) -> bool {
        uid == 0 || self.uids.contains(&uid)
    }

    /// Whether the person has the rights of root.
    pub(crate) fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }
}
