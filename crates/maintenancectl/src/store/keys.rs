//! The names of the keys.

/// What the names of all keys begin with.
#[derive(Clone, Debug)]
pub(crate) struct Keys(String);

impl Keys {
    /// # Errors
    /// What to write instead.
    pub(super) fn new(prefix: &str) -> Result<Self, String> {
        let prefix = prefix.trim_end_matches('/');
        match prefix.is_empty() {
            true => Err("key is empty; write key = \"/maintenance/NAME\"".into()),
            false => Ok(Self(prefix.to_owned())),
        }
    }

    /// The content of the flag.
    pub(crate) fn flag(&self) -> String {
        format!("{}/flag", self.0)
    }

    /// Who made the last change.
    pub(crate) fn change(&self) -> String {
        format!("{}/change", self.0)
    }

    /// The last hundred changes.
    pub(crate) fn history(&self) -> String {
        format!("{}/history", self.0)
    }

    /// The server with this name, or what all servers begin with.
    pub(crate) fn node(&self, name: &str) -> String {
        format!("{}/nodes/{name}", self.0)
    }

    /// The report of the server with this name, or what all reports begin with.
    pub(crate) fn report(&self, name: &str) -> String {
        format!("{}/reports/{name}", self.0)
    }
}

/// The name of a server, which is a part of a key.
///
/// # Errors
/// What to write instead.
pub(crate) fn node_name(name: &str) -> Result<&str, String> {
    let is_good = |letter: char| letter.is_alphanumeric() || "-_.:".contains(letter);
    match !name.is_empty() && name.chars().all(is_good) {
        true => Ok(name),
        false => Err(format!(
            "a node cannot be called {name:?}; write letters, digits, \"-\", \"_\", \".\" and \":\""
        )),
    }
}
