//! The facts that a page can show, and the variables of templates.

use std::collections::BTreeMap;

use minijinja::value::Value;

use crate::flag::ActiveFlag;
use crate::flag::spec::FlagSpec;
use crate::shared::hash;
use crate::text::time::Moment;

/// The name of a server or virtual host, as in `ServerName`. Its hash is made once, and not for each
/// page that names the server.
#[derive(Debug)]
pub struct ServerName {
    name: String,
    hash: u64,
}

impl ServerName {
    /// Stands for a server without a name.
    pub fn none() -> &'static Self {
        static NONE: ServerName = ServerName { name: String::new(), hash: 0 };
        &NONE
    }

    /// This name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { hash: hash::of(&name), name }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Tells it from the names of other servers.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// The facts that a page can show.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The active flag.
    pub closing: &'a ActiveFlag,
    /// The status of the answer.
    pub status: u16,
    /// The number of seconds for the text of the page, which the header field adds a random number
    /// to; None if there is none, or if the page shows `end` instead.
    pub retry_after: Option<u32>,
    /// The name of the server or virtual host.
    pub host: &'a ServerName,
}

/// The variables of a template.
pub(super) const VARIABLES: [&str; 17] = [
    "title",
    "title_lang",
    "message",
    "message_lang",
    "start",
    "start_text",
    "end",
    "end_text",
    "overdue",
    "read_only",
    "turn",
    "turn_text",
    "retry_after",
    "vars",
    "status",
    "host",
    "lang",
];

impl<'a> Facts<'a> {
    pub(super) fn spec(&self) -> &'a FlagSpec {
        self.closing.content.spec()
    }

    /// When the client is admitted, if a share of the clients is.
    pub(super) fn turn(&self) -> Option<Moment> {
        self.closing.waiting.as_ref().and_then(|waiting| waiting.turn)
    }

    /// The variables that have a value, for a page in this language.
    pub(super) fn values(&self, language: Option<&str>) -> BTreeMap<&'static str, Value> {
        let spec = self.spec();
        let (title, title_lang) = spec.title(language).unzip();
        let (message, message_lang) = spec.message(language).unzip();
        let (start, end, turn) = (spec.start(), spec.end(), self.turn());
        let values = [
            ("title", title.map(Value::from)),
            ("title_lang", title_lang.flatten().map(Value::from)),
            ("message", message.map(Value::from)),
            ("message_lang", message_lang.flatten().map(Value::from)),
            ("start", start.map(|start| start.rfc3339().into())),
            ("start_text", start.map(|start| start.text().into())),
            ("end", end.map(|end| end.rfc3339().into())),
            ("end_text", end.map(|end| end.text().into())),
            ("overdue", Some(self.closing.is_overdue.into())),
            ("read_only", Some(self.closing.is_read_only.into())),
            ("turn", turn.map(|turn| turn.rfc3339().into())),
            ("turn_text", turn.map(|turn| turn.text_with_seconds().into())),
            ("retry_after", self.retry_after.map(Value::from)),
            ("vars", Some(Value::from(spec.vars().clone()))),
            ("status", Some(self.status.into())),
            ("host", Some(self.host.as_str().into())),
            ("lang", language.map(Value::from)),
        ];
        debug_assert!(values.iter().map(|(name, _)| name).eq(&VARIABLES));
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
