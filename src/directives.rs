//! httpd's command table, made from the core's directives, and the function that handles their
//! lines.

use std::ffi::{CStr, CString, OsStr, c_char, c_void};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use crate::location::Section;
use crate::server::{ServerConfig, server_root};
use crate::sys::bindings::{
    ACCESS_CONF, RSRC_CONF, ap_getword_conf, apr_pool_t, apr_pstrmemdup, cmd_func,
    cmd_how_RAW_ARGS, cmd_parms, command_rec, maintenance_compile,
};
use crate::sys::config_vector::config_slot;
use crate::sys::guard::guard;
use crate::sys::kept_contents;
use crate::sys::scratch_thread;
use maintenance_core::context::{DirectiveContext, Expr, Scope, Scratch};
use maintenance_core::directive::{DIRECTIVES, Directive};
use maintenance_core::file::kept::Keeper;

/// httpd's command table of a module, which ends with an entry without a name.
#[repr(transparent)]
pub(crate) struct Commands([command_rec; DIRECTIVES.len() + 1]);

// SAFETY: the table and what it points to never change.
unsafe impl Sync for Commands {}

pub(crate) static COMMANDS: Commands = Commands({
    // SAFETY: all zero is a valid command_rec (pointers, an optional function, integers).
    let mut commands: [command_rec; DIRECTIVES.len() + 1] = unsafe { mem::zeroed() };
    let (mut free, mut rest): (&mut [command_rec], &[Directive]) = (&mut commands, &DIRECTIVES);
    // Iterators are not available in constants. The last entry stays zero.
    while let ([command, later @ ..], [directive, others @ ..]) = (free, rest) {
        *command = command_rec {
            name: directive.name.as_ptr(),
            func: cmd_func { raw_args: Some(apply) },
            cmd_data: ptr::from_ref(directive).cast_mut().cast(),
            // Allowed in every section; `Directive::apply` checks the section.
            req_override: RSRC_CONF | ACCESS_CONF,
            // All words at once: ITERATE does not tell which word is the first, and TAKE_ARGV
            // silently drops the 65th.
            args_how: cmd_how_RAW_ARGS,
            errmsg: directive.usage.as_ptr(),
        };
        (free, rest) = (later, others);
    }
    commands
});

/// Called by httpd for each line with one of the directives. Returns null if the line is correct,
/// otherwise the message that httpd prints after file and line.
unsafe extern "C" fn apply(
    parms: *mut cmd_parms,
    section: *mut c_void,
    arguments: *const c_char,
) -> *const c_char {
    guard(
        // SAFETY: httpd's own pointers, valid until this function returns; null or what
        // `create_section` in `module` made; a C string.
        || unsafe { apply_line(&*parms, section.cast::<Section<'_>>().as_ref(), arguments) },
        c"internal error in mod_maintenance, see the message above".as_ptr(),
    )
}

/// # Safety
/// See [`apply`].
unsafe fn apply_line(
    parms: &cmd_parms,
    section: Option<&Section<'_>>,
    arguments: *const c_char,
) -> *const c_char {
    // SAFETY: `cmd_data` of the table above, so a static Directive; the configuration that
    // `create` or `merge` made for this server, which this thread alone uses; live pools.
    let (directive, config, root, words) = unsafe {
        (
            parms.info.cast::<Directive>().as_ref(),
            config_slot((*parms.server).module_config).cast::<ServerConfig>().as_mut(),
            server_root(parms.temp_pool),
            split(parms.temp_pool, arguments),
        )
    };
    let (Some(directive), Some(config)) = (directive, config) else {
        return c"no configuration for this server".as_ptr();
    };
    let line = Line { parms, root: root.unwrap_or_else(|| PathBuf::from("/")) };
    let settings = match (parms.path.is_null(), section.and_then(Section::number)) {
        (true, _) => &mut config.settings,
        (false, Some(number)) => {
            let section = config.sections.edit(number);
            section.name = line.section_name();
            &mut section.settings
        }
        (false, None) => return c"no configuration for this section".as_ptr(),
    };
    match directive.apply(settings, &words, &line) {
        Ok(()) => ptr::null(),
        Err(error) => {
            let message = error.to_string();
            // SAFETY: a live pool; the text is copied.
            unsafe { apr_pstrmemdup(parms.pool, message.as_ptr().cast(), message.len()) }
        }
    }
}

/// A line of the configuration that is being read.
struct Line<'a> {
    parms: &'a cmd_parms,
    root: PathBuf,
}

impl Line<'_> {
    /// The section around the line as written.
    fn section_name(&self) -> String {
        // SAFETY: httpd's tree of the configuration, which lives as long as the line is read; its
        // texts are C strings.
        unsafe {
            let directive = self.parms.directive.as_ref();
            let Some(section) = directive.and_then(|directive| directive.parent.as_ref()) else {
                return String::new();
            };
            let [name, words] = [section.directive, section.args]
                .map(|text| CStr::from_ptr(text).to_string_lossy());
            format!("{name} {}", words.trim())
        }
    }
}

impl DirectiveContext for Line<'_> {
    fn server_root(&self) -> &Path {
        &self.root
    }

    fn scope(&self) -> Result<Scope, String> {
        // SAFETY: httpd's tree of the configuration, which lives as long as the line is read, and
        // the server of the line. A directive that is in no section of the tree has no parent.
        let (section, is_virtual) = unsafe {
            let directive = self.parms.directive.as_ref();
            let section = directive.and_then(|directive| directive.parent.as_ref());
            let name = section.map(|section| CStr::from_ptr(section.directive));
            (name.map(CStr::to_bytes), (*self.parms.server).is_virtual != 0)
        };
        let is = |name: &[u8]| section.is_some_and(|section| section.eq_ignore_ascii_case(name));
        match section {
            _ if is(b"<Location") || is(b"<LocationMatch") => Ok(Scope::Location),
            Some(name) if !self.parms.path.is_null() || !is(b"<VirtualHost") => {
                Err(format!("{}>", String::from_utf8_lossy(name)))
            }
            _ if is_virtual => Ok(Scope::VirtualHost),
            _ => Ok(Scope::Server),
        }
    }

    fn position(&self) -> Option<String> {
        // SAFETY: null or httpd's tree of the configuration, which lives as long as the line is
        // read; null or a C string.
        unsafe {
            let directive = self.parms.directive.as_ref()?;
            let file =
                (!directive.filename.is_null()).then(|| CStr::from_ptr(directive.filename))?;
            Some(format!("{}:{}", file.to_string_lossy(), directive.line_num))
        }
    }

    fn scratch(&self) -> Scratch {
        scratch_thread::scratch
    }

    fn keeper(&self) -> Option<&'static dyn Keeper> {
        // SAFETY: the server of the line, and the process that reads it, whose pool outlives all.
        unsafe { kept_contents::keeper((*(*self.parms.server).process).pool) }
    }

    fn compile(&self, expr: &str) -> Result<Expr, String> {
        let text = CString::new(expr).map_err(|error| error.to_string())?;
        let mut error = ptr::null();
        // SAFETY: httpd's own parameters of this line. The result lives in the configuration's
        // pool. The text is copied there too, because the parser keeps references to it.
        unsafe {
            let text = apr_pstrmemdup(self.parms.pool, text.as_ptr(), text.count_bytes());
            let compiled = maintenance_compile(self.parms, text, &mut error);
            match error.is_null() {
                true if !compiled.is_null() => Ok(Expr(compiled.expose_provenance())),
                true => Err("the parser gives no reason".into()),
                false => Err(CStr::from_ptr(error).to_string_lossy().into_owned()),
            }
        }
    }
}

/// The words of a line, unquoted by httpd. They live as long as the pool.
///
/// # Safety
/// `pool` must live for `'p`, and `arguments` must be a C string.
unsafe fn split<'p>(pool: *mut apr_pool_t, mut arguments: *const c_char) -> Vec<&'p OsStr> {
    let mut words = Vec::new();
    // SAFETY: ap_getword_conf advances `arguments` to the next word or to the closing NUL, and
    // returns a C string from the pool.
    unsafe {
        while *arguments != 0 {
            let word = ap_getword_conf(pool, &mut arguments);
            words.push(OsStr::from_bytes(CStr::from_ptr(word).to_bytes()));
        }
    }
    words
}
