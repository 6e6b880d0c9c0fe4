//! Reads other modules' directives from httpd's configuration tree.

use std::ffi::CStr;

use crate::error_log;
use crate::scopes;
use crate::server::{ServerConfig, config, servers};
use crate::sys::bindings::{
    APLOG_WARNING, ap_conftree, ap_directive_t, maintenance_has_cache_quick_handler, server_rec,
};
use maintenance_core::directive::cache_advice::{CacheLines, Line};
use maintenance_core::engine::gates::{Section, SectionId};
use maintenance_core::file::watched::listed;
use maintenance_core::report::StatusLocations;

/// The directives of mod_cache that apply to a server, in order. Sections of other kinds are
/// omitted: when mod_cache runs, none of them applies yet. `<IfModule>` and the like are not in the
/// tree.
///
/// # Safety
/// The configuration must be complete, and the lines must not be used after it is read again.
unsafe fn cache_lines<'a>() -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    // SAFETY: httpd's tree lives as long as the configuration, as the caller guarantees.
    unsafe { add_lines(ap_conftree, None, &mut lines) };
    lines
}

/// # Safety
/// `first` must be null or a part of httpd's tree that lives for `'a`.
unsafe fn add_lines<'a>(
    first: *const ap_directive_t,
    host: Option<&str>,
    lines: &mut Vec<Line<'a>>,
) {
    // SAFETY: the list ends with null; names and arguments are C strings that live as long as the
    // tree.
    unsafe {
        let mut next = first;
        while let Some(directive) = next.as_ref() {
            next = directive.next;
            let name = CStr::from_ptr(directive.directive).to_str().unwrap_or_default();
            if name.eq_ignore_ascii_case("<VirtualHost") {
                let position = position(directive);
                add_lines(directive.first_child, Some(&position), lines);
            } else if name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("Cache")) {
                let words = words(directive);
                lines.push(Line { name, words, host: host.map(str::to_owned) });
            }
        }
    }
}

/// The words after a directive.
///
/// # Safety
/// The directive must be a part of httpd's tree.
unsafe fn words(directive: &ap_directive_t) -> &str {
    match directive.args.is_null() {
        true => "",
        // SAFETY: a C string that lives as long as the tree.
        false => unsafe { CStr::from_ptr(directive.args) }.to_str().unwrap_or_default(),
    }
}

/// The sections with `SetHandler maintenance-status`.
///
/// # Safety
/// The configuration must be complete.
pub(crate) unsafe fn status_locations() -> StatusLocations {
    let mut locations = StatusLocations::default();
    // SAFETY: httpd's tree lives as long as the configuration, as the caller guarantees.
    unsafe { add_handlers(ap_conftree, None, &mut locations) };
    locations
}

/// # Safety
/// As for [`add_lines`].
unsafe fn add_handlers(
    first: *const ap_directive_t,
    section: Option<(&str, &str)>,
    locations: &mut StatusLocations,
) {
    // SAFETY: as in `add_lines`.
    unsafe {
        let mut next = first;
        while let Some(directive) = next.as_ref() {
            next = directive.next;
            let name = CStr::from_ptr(directive.directive).to_str().unwrap_or_default();
            if name.eq_ignore_ascii_case("SetHandler") {
                locations.add(words(directive), section);
            } else if name.starts_with('<') {
                add_handlers(directive.first_child, Some((name, words(directive))), locations);
            }
        }
    }
}

/// File and line, in the format of [`scopes::defined`].
fn position(directive: &ap_directive_t) -> String {
    let file = match directive.filename.is_null() {
        true => "".into(),
        // SAFETY: a C string that lives as long as the tree.
        false => unsafe { CStr::from_ptr(directive.filename) }.to_string_lossy(),
    };
    format!("{file}:{}", directive.line_num)
}

/// Warns if mod_cache runs as a quick handler on servers with locations that have their own flags.
pub(crate) fn warn_of_cache(main: &server_rec) {
    // SAFETY: the configuration is complete, and the lines do not outlive this function.
    let lines = unsafe { cache_lines() };
    if lines.is_empty() {
        return;
    }
    let has_flags = |(_, section): (SectionId, &Section)| !section.settings.own_flags().is_empty();
    let main_has_flags = config(main).is_some_and(|main| main.sections.own().any(has_flags));
    let has_flags = |config: &ServerConfig| {
        let inherits = main_has_flags && config.sections.outer().next().is_some();
        config.settings.is_on() && (inherits || config.sections.own().any(has_flags))
    };
    let advice = CacheLines::new(lines);
    let is_ahead = |server: &&server_rec| {
        let host = (server.is_virtual != 0).then(|| scopes::defined(server)).flatten();
        config(server).is_some_and(has_flags) && advice.answer(host.as_deref())
    };
    let names: Vec<_> = servers(main).filter(is_ahead).map(scopes::name).collect();
    if names.is_empty() {
        return;
    }
    // SAFETY: a constant.
    let remedy = match unsafe { maintenance_has_cache_quick_handler() } != 0 {
        true => "write \"CacheQuickHandler off\"",
        false => "write CacheDisable for the paths that are rewritten",
    };
    let message = format!(
        "mod_cache answers before the <Location> of a request is known, so on {}, requests that \
         RewriteRule [PT] maps to a location with its own MaintenanceFlag can be answered from \
         the cache while the location is closed: {remedy}",
        listed(&names, ", ")
    );
    error_log::write(None, APLOG_WARNING, &message);
}
