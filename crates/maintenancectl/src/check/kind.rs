//! What kind of file it is.

use std::path::Path;

use clap::ValueEnum;
use maintenance_core::net::network;
use maintenance_core::page::{NameError, PageName};
use serde::Serialize;

use super::finding::display;
use crate::settings::Settings;

/// The kinds of files that the module reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A flag
    Flag,
    /// A page of MaintenancePage, also a template
    Page,
    /// A file of MaintenanceAllow file=
    Allow,
    /// A plugin-cfg.xml of MaintenanceAllow plugin-cfg=
    PluginCfg,
    /// A file of MaintenanceAllow invite=
    Invitations,
    /// The settings of maintenancectl
    Settings,
}

impl Kind {
    /// The kind of a file, where it is certain from the settings, the name or the content. `path`
    /// is None for standard input.
    pub(crate) fn guess(path: Option<&Path>, content: &[u8], settings: &Settings) -> Option<Self> {
        let of_path = path.and_then(|path| by_settings(path, settings).or_else(|| by_name(path)));
        of_path.or_else(|| by_content(content)).or_else(|| {
            // `notice.txt`
            path.and_then(|path| PageName::of(path).ok()).map(|_| Self::Page)
        })
    }
}

fn by_settings(path: &Path, settings: &Settings) -> Option<Kind> {
    let path = std::path::absolute(path).ok()?;
    let Settings { file, flag, allow, invitations, pages, .. } = settings;
    let is = |other: &Option<std::path::PathBuf>| other.as_ref() == Some(&path);
    match () {
        () if is(file) => Some(Kind::Settings),
        () if is(flag) => Some(Kind::Flag),
        () if is(allow) => Some(Kind::Allow),
        () if is(invitations) => Some(Kind::Invitations),
        () if pages.contains(&path) => Some(Kind::Page),
        () => None,
    }
}

fn by_name(path: &Path) -> Option<Kind> {
    if path.file_name().is_some_and(|name| name == "maintenancectl.toml") {
        return Some(Kind::Settings);
    }
    match PageName::of(path) {
        Err(NameError::Language { .. }) => return Some(Kind::Page),
        // A list can be called allow.txt.
        Ok(name) if name.is_template || !path.to_string_lossy().contains(".txt") => {
            return Some(Kind::Page);
        }
        _ => {}
    }
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "flag" | "toml" => Some(Kind::Flag),
        "xml" => Some(Kind::PluginCfg),
        _ => None,
    }
}

fn by_content(content: &[u8]) -> Option<Kind> {
    let text = display(content);
    if text.trim_start().starts_with('<') {
        return match text.contains("<Config") {
            true => Some(Kind::PluginCfg),
            false => text.to_ascii_lowercase().contains("<html").then_some(Kind::Page),
        };
    }
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let mut words = line.split_ascii_whitespace();
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let is_hash =
        |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if network::parse(first).is_ok() {
        Some(Kind::Allow)
    } else if is_hash(second) {
        Some(Kind::Invitations)
    } else if second == "=" || line.starts_with('[') && line.ends_with(']') {
        Some(Kind::Flag)
    } else {
        None
    }
}

/// The name of a page that comes from standard input.
pub(crate) fn page_name(content: &[u8]) -> PageName {
    let text = display(content);
    let ending = match text.trim_start() {
        text if text.starts_with('<') => "html",
        text if text.starts_with('{') && !text.starts_with("{{") && !text.starts_with("{%") => {
            "json"
        }
        _ if text.contains("</") => "html",
        _ => "txt",
    };
    let template = if text.contains("{{") || text.contains("{%") { ".j2" } else { "" };
    let media = |media| PageName { media, language: None, is_template: !template.is_empty() };
    PageName::of(Path::new(&format!("page.{ending}{template}")))
        .unwrap_or_else(|_| media(maintenance_core::negotiate::Media::Text))
}
