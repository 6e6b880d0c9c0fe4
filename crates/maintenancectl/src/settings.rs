//! The settings of the command: `/etc/maintenancectl.toml`, or the file of `--config`.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use maintenance_core::text::{duration, spelling};
use serde::{Deserialize, Deserializer, de::Error as _};
use ureq::http::Uri;

use crate::exit::Failure;

/// The settings of a machine. It need not exist.
const DEFAULT: &str = "/etc/maintenancectl.toml";

/// What a file of settings says. Relative paths are relative to its folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The file itself, if there is one.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// The flag that `close` and others write.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) flag: Option<PathBuf>,
    /// The allow file of `allow`.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) allow: Option<PathBuf>,
    /// The file of `invite`.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) invitations: Option<PathBuf>,
    /// The URL of the site, for the links of `invite`.
    pub(crate) url: Option<String>,
    /// From whom the mail of `notice` comes.
    pub(crate) mail_from: Option<String>,
    /// To whom the mail of `notice` goes.
    #[serde(default)]
    pub(crate) mail_to: Vec<String>,
    /// The pages that `preview` renders, as in MaintenancePage.
    #[serde(default)]
    pub(crate) pages: Vec<PathBuf>,
    /// The programs that are told of changes.
    #[serde(default, rename = "hook")]
    pub(crate) hooks: Vec<PathBuf>,
    /// How long such a program may run.
    #[serde(default, deserialize_with = "duration_of")]
    pub(crate) hook_timeout: Option<Duration>,
    /// How long to wait for the answer of a server.
    #[serde(default, deserialize_with = "duration_of")]
    pub(crate) timeout: Option<Duration>,
    /// Where the flag of a fleet is kept.
    pub(crate) store: Option<Store>,
    /// The servers.
    #[serde(default, rename = "server")]
    pub(crate) servers: Vec<Server>,
}

/// A store, `[store]`.
#[cfg_attr(
    not(feature = "etcd"),
    allow(dead_code, reason = "the settings are checked all the same")
)]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// The URLs of the members of the etcd cluster.
    pub(crate) endpoints: Vec<String>,
    /// What the names of all keys begin with.
    pub(crate) key: String,
    /// What this machine is called; its host name if there is no name.
    pub(crate) node: Option<String>,
    /// The user of the store.
    pub(crate) user: Option<String>,
    /// A file with the user's password.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) password_file: Option<PathBuf>,
    /// A file with the certificate that signs those of the members, instead of the system's.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificate of this client.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) cert: Option<PathBuf>,
    /// The key of the certificate.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) cert_key: Option<PathBuf>,
    /// How long to wait for the store.
    #[serde(default, deserialize_with = "duration_of")]
    pub(crate) timeout: Option<Duration>,
}

/// A server, `[[server]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// What the server is called; its host if there is no name.
    pub(crate) name: Option<String>,
    /// The URL of its status page.
    pub(crate) status: String,
    /// A file with the certificate that signs that of the server, instead of the system's.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) ca: Option<PathBuf>,
    /// The user of basic authentication.
    pub(crate) user: Option<String>,
    /// A file with the user's password.
    #[serde(default, deserialize_with = "path_of")]
    pub(crate) password_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the file, or else the default one if there is one.
    ///
    /// # Errors
    /// The file cannot be read or used.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let path = file.unwrap_or(Path::new(DEFAULT));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                let message = format!("cannot read the settings {}: {error}", path.display());
                return Err(Failure::unusable(message));
            }
        };
        let settings = Self::parse(&text).map_err(|Wrong { span, cause }| {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            Failure::unusable(format!("{}:{line}:{column}: {cause}", path.display()))
        })?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let settings = Self { file: Some(absolute), ..settings };
        Ok(settings.within(path.parent().unwrap_or(Path::new("/"))))
    }

    /// The settings in a text.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let cause = error.message().lines().collect::<Vec<_>>().join(", ");
            Wrong { cause: instead(&cause, text.get(span.start..).unwrap_or_default()), span }
        })
    }

    /// The host of the site's URL, or an empty text.
    pub(crate) fn host(&self) -> String {
        let url = self.url.as_deref().and_then(|url| url.parse::<Uri>().ok());
        url.as_ref().and_then(Uri::host).unwrap_or_default().to_owned()
    }

    /// The file itself, and those that it names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        // There is no flag while the site is open.
        let flag = self.flag.iter().filter(|flag| flag.exists());
        let files = self.file.iter().chain(flag).chain(&self.allow).chain(&self.invitations);
        files.chain(&self.pages).cloned().collect()
    }

    fn within(mut self, folder: &Path) -> Self {
        let paths = [&mut self.flag, &mut self.allow, &mut self.invitations];
        let of_servers =
            self.servers.iter_mut().flat_map(|server| [&mut server.ca, &mut server.password_file]);
        let of_store = self.store.iter_mut().flat_map(|store| {
            [&mut store.password_file, &mut store.ca, &mut store.cert, &mut store.cert_key]
        });
        let paths = paths.into_iter().chain(of_servers).chain(of_store).flatten();
        let paths = paths.chain(&mut self.pages).chain(&mut self.hooks);
        paths.for_each(|path| *path = folder.join(&*path));
        self
    }
}

/// What is wrong with the settings.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The place, in bytes.
    pub(crate) span: Range<usize>,
    /// What is wrong, and what to write instead.
    pub(crate) cause: String,
}

/// What to write instead, where the parser names what it expects in its own words. `rest` begins
/// with what is wrong.
fn instead(cause: &str, rest: &str) -> String {
    if rest.starts_with("[server]") || rest.starts_with("server]") {
        return "a server is one of several; write [[server]], in two pairs of brackets".into();
    }
    if cause == "missing field `status`" {
        return "this server has no status page; write status = \
                \"http://web1.example.com/maintenance-status\""
            .into();
    }
    let quoted: Vec<_> = cause.split('`').skip(1).step_by(2).collect();
    match (cause.starts_with("unknown field "), &quoted[..]) {
        (true, [unknown, known @ ..]) => {
            let more = match spelling::meant(&unknown.to_lowercase(), known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("the keys are {}", known.join(", ")),
            };
            format!("unknown key \"{unknown}\"; {more}")
        }
        _ => cause.to_owned(),
    }
}

/// A password: the first line of a file, which must not be empty.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn password(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read password_file = \"{shown}\": {error}"))?;
    let line = text.lines().next().unwrap_or_default();
    match line.is_empty() {
        true => Err(format!("password_file = \"{shown}\" has no password in its first line")),
        false => Ok(line.to_owned()),
    }
}

fn duration_of<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Seconds(u32),
        Text(String),
    }
    let duration = match Value::deserialize(value)? {
        Value::Seconds(seconds) => Duration::from_secs(seconds.into()),
        Value::Text(text) => duration::parse(&text).map_err(D::Error::custom)?,
    };
    match duration.is_zero() {
        true => Err(D::Error::custom("0 leaves no time at all; write 5s")),
        false => Ok(Some(duration)),
    }
}

/// A path. An empty one would be the folder of the settings.
fn path_of<'de, D: Deserializer<'de>>(value: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(value)?;
    match path.as_os_str().is_empty() {
        true => Err(D::Error::custom("the path is empty; name a file")),
        false => Ok(Some(path)),
    }
}
