//! Finds the httpd to build for, compiles `c-shim` and makes the Rust bindings, all with the
//! flags that httpd itself was built with (a mismatch would change the size of its structs).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The httpd and APR symbols that the Rust side uses; bindgen adds the types they need.
const FUNCTIONS: &[&str] = &[
    "ap_add_output_filter",
    "ap_core_translate",
    "ap_custom_response",
    "ap_document_root",
    "ap_run_http_scheme",
    "ap_get_request_note",
    "ap_get_status_line",
    "ap_get_server_banner",
    "ap_getword_conf",
    "ap_hook_child_init",
    "ap_hook_fixups",
    "ap_hook_handler",
    "ap_hook_header_parser",
    "ap_hook_insert_error_filter",
    "ap_hook_post_config",
    "ap_hook_quick_handler",
    "ap_hook_translate_name",
    "ap_location_walk",
    "ap_matches_request_vhost",
    "ap_pass_brigade",
    "ap_register_output_filter",
    "ap_remove_output_filter",
    "ap_run_http_scheme",
    "ap_run_insert_filter",
    "ap_rwrite",
    "ap_server_root_relative",
    "ap_set_content_type",
    "ap_update_vhost_from_headers",
    "apr_is_empty_table",
    "apr_palloc",
    "apr_pool_cleanup_null",
    "apr_pool_cleanup_register",
    "apr_pool_userdata_get",
    "apr_pool_userdata_set",
    "apr_pstrdup",
    "apr_pstrmemdup",
    "apr_shm_baseaddr_get",
    "apr_shm_create",
    "apr_table_addn",
    "apr_table_elts",
    "apr_table_get",
    "apr_table_make",
    "apr_table_mergen",
    "apr_table_setn",
    "apr_table_unset",
    "maintenance_.*",
];
const TYPES: &[&str] =
    &["ap_conf_vector_t", "apr_table_entry_t", "cmd_parms", "command_rec", "module", "request_rec"];
const CONSTANTS: &[&str] = &[
    "ACCESS_CONF",
    "AP_NOTE_LOCATION_WALK",
    "ap_conftree",
    "APLOG_(ERR|WARNING|NOTICE|DEBUG)",
    "APR_(INET|INET6|SUCCESS)",
    "APR_HOOK_(REALLY_FIRST|MIDDLE)",
    "DECLINED|DONE|OK",
    "HTTP_(BAD_REQUEST|INTERNAL_SERVER_ERROR|METHOD_NOT_ALLOWED|NO_CONTENT|NOT_MODIFIED|OK)",
    "MODULE_MAGIC_(COOKIE|NUMBER_MAJOR|NUMBER_MINOR)",
    "M_GET|M_POST",
    "PROXYREQ_(NONE|PROXY|REVERSE)",
    "RSRC_CONF",
];

fn main() {
    refuse_static_musl();
    for name in ["APXS", "HTTPD_INCLUDE_DIR", "PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    for file in
        ["build.rs", "c-shim/architecture.c", "c-shim/shim.h", "c-shim/shim.c", "c-shim/hooks.c"]
    {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut flags = Flags::find();
    if env::var_os("CARGO_FEATURE_PROVOKE_DEFECT").is_some() {
        flags.defines.push("-DMAINTENANCE_PROVOKE_DEFECT".into());
    }
    check_architecture(&flags);
    compile_shim(&flags);
    generate_bindings(&flags);
}

/// The compiler flags of the httpd to build for.
struct Flags {
    includes: Vec<PathBuf>,
    /// `-D` options, as given by apxs and apr-config.
    defines: Vec<String>,
}

impl Flags {
    fn find() -> Self {
        let flags = match env::var_os("HTTPD_INCLUDE_DIR") {
            Some(directory) => Self::of_include_dir(Path::new(&directory)),
            None if is_foreign() && env::var_os("APXS").is_none() => fail(&format!(
                "this machine's httpd is not one for {}: apr.h differs in byte order and sizes. Set \
                 HTTPD_INCLUDE_DIR to a folder with the headers of httpd and of that \
                 architecture's APR, or APXS to that httpd's apxs.",
                variable("TARGET")
            )),
            None => Self::of_apxs(),
        };
        for header in ["httpd.h", "apr.h", "apu.h"] {
            if !flags.includes.iter().any(|directory| directory.join(header).is_file()) {
                fail(&format!(
                    "{header} is in none of {:?}. Install httpd's development files: \
                     'apt-get install apache2-dev' (Debian, Ubuntu), 'dnf install httpd-devel' \
                     (Fedora, RHEL); IBM HTTP Server has them in its own include folder.",
                    flags.includes
                ));
            }
        }
        flags
    }

    /// A folder with httpd's headers, and either APR's in it or, for this machine's architecture, an
    /// apr-1-config beside it or on PATH.
    fn of_include_dir(directory: &Path) -> Self {
        let mut includes = vec![directory.to_owned()];
        let mut defines = ["-DLINUX", "-D_REENTRANT", "-D_GNU_SOURCE"].map(String::from).to_vec();
        if !directory.join("apr.h").is_file() {
            if is_foreign() {
                fail(&format!(
                    "apr.h is not in {}, and this machine's is not one for {}. Copy the headers of \
                     that architecture's APR and APR-Util there (Debian's libapr1-dev and \
                     libaprutil1-dev, Fedora's apr-devel and apr-util-devel).",
                    directory.display(),
                    variable("TARGET")
                ));
            }
            let beside = directory.parent().unwrap_or(directory).join("bin/apr-1-config");
            let config = if beside.is_file() { beside } else { "apr-1-config".into() };
            let words = output(&config, &["--includes", "--cppflags"]).unwrap_or_default();
            sort_words(&words, &mut includes, &mut defines);
        }
        Self { includes, defines }
    }

    fn of_apxs() -> Self {
        let apxs = find_apxs();
        let query = |name: &str| output(&apxs, &["-q", name]).unwrap_or_default();
        let (mut includes, mut defines) = (Vec::new(), Vec::new());
        for name in ["INCLUDEDIR", "APR_INCLUDEDIR", "APU_INCLUDEDIR"] {
            let directory = query(name);
            if !directory.is_empty() {
                includes.push(PathBuf::from(directory));
            }
        }
        sort_words(&query("EXTRA_CPPFLAGS"), &mut includes, &mut defines);
        sort_words(&query("CFLAGS"), &mut includes, &mut defines);
        let apr_config = query("APR_CONFIG");
        if !apr_config.is_empty() {
            let words = output(Path::new(&apr_config), &["--includes", "--cppflags"]);
            sort_words(&words.unwrap_or_default(), &mut includes, &mut defines);
        }
        Self { includes, defines }
    }
}

/// A musl target links everything statically by default. Cargo then succeeds without a module.
fn refuse_static_musl() {
    let is_static =
        variable("CARGO_CFG_TARGET_FEATURE").split(',').any(|word| word == "crt-static");
    if is_static && variable("CARGO_CFG_TARGET_ENV") == "musl" {
        fail(
            "a module cannot be linked statically, which is the default for musl. Set \
             RUSTFLAGS='-C target-feature=-crt-static'.",
        );
    }
}

/// Whether the module is built for another architecture than this machine's.
fn is_foreign() -> bool {
    let architecture = |triple: &str| triple.split('-').next().unwrap_or_default().to_owned();
    architecture(&variable("TARGET")) != architecture(&variable("HOST"))
}

/// A variable that cargo sets for build scripts.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// `$APXS`, else `apxs` or `apxs2` on PATH, else the one of IBM HTTP Server.
fn find_apxs() -> PathBuf {
    if let Some(apxs) = env::var_os("APXS") {
        let apxs = PathBuf::from(apxs);
        if output(&apxs, &["-q", "INCLUDEDIR"]).is_none() {
            fail(&format!("APXS is set to {}, which does not run.", apxs.display()));
        }
        return apxs;
    }
    ["apxs", "apxs2", "/opt/IBM/HTTPServer/bin/apxs"]
        .map(PathBuf::from)
        .into_iter()
        .find(|apxs| output(apxs, &["-q", "INCLUDEDIR"]).is_some())
        .unwrap_or_else(|| {
            fail(
                "apxs, httpd's build tool, was not found. Install it: 'apt-get install \
                 apache2-dev' (Debian, Ubuntu), 'dnf install httpd-devel' (Fedora, RHEL); or \
                 set APXS=/path/to/apxs, or HTTPD_INCLUDE_DIR=/path/to/include.",
            )
        })
}

/// What a command prints on standard output, trimmed; None where it cannot run or fails.
fn output(command: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn sort_words(words: &str, includes: &mut Vec<PathBuf>, defines: &mut Vec<String>) {
    for word in words.split_whitespace() {
        if let Some(directory) = word.strip_prefix("-I") {
            includes.push(directory.into());
        } else if word.starts_with("-D") && !word.starts_with("-D_FORTIFY_SOURCE") {
            defines.push(word.to_owned());
        }
    }
}

/// Stops with a clear message if apr.h describes another architecture than the target's.
fn check_architecture(flags: &Flags) {
    let mut build = cc::Build::new();
    build.file("c-shim/architecture.c").includes(&flags.includes).cargo_metadata(false);
    for define in &flags.defines {
        build.flag(define);
    }
    if let Err(cause) = build.try_compile("maintenance_architecture") {
        fail(&format!(
            "the apr.h in {:?} is not one for {}: use the headers of that architecture's APR. \
             {cause}",
            flags.includes,
            variable("TARGET")
        ));
    }
}

fn compile_shim(flags: &Flags) {
    let mut build = cc::Build::new();
    build
        .files(["c-shim/shim.c", "c-shim/hooks.c"])
        .includes(&flags.includes)
        .warnings(true)
        .extra_warnings(false);
    for define in &flags.defines {
        build.flag(define);
    }
    build.compile("maintenance_shim");
}

fn generate_bindings(flags: &Flags) {
    if let Err(cause) = clang_sys::load() {
        fail(&format!(
            "libclang, which bindgen reads httpd's headers with, was not found: {cause}. \
             Install it: 'apt-get install libclang-dev' (Debian, Ubuntu), 'dnf install \
             clang-devel' (Fedora, RHEL); or set LIBCLANG_PATH to its folder."
        ));
    }
    let mut builder = bindgen::builder()
        .header("c-shim/shim.h")
        .clang_args(flags.includes.iter().map(|directory| format!("-I{}", directory.display())))
        .clang_args(&flags.defines)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .derive_debug(false)
        .generate_comments(false);
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for name in TYPES {
        builder = builder.allowlist_type(name);
    }
    for constant in CONSTANTS {
        builder = builder.allowlist_var(constant);
    }
    let file = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bindings.rs");
    let written = builder.generate().map(|bindings| bindings.write_to_file(&file));
    match written {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => fail(&format!("cannot write {}: {cause}", file.display())),
        Err(cause) => fail(&format!(
            "cannot make bindings from c-shim/shim.h: {cause}. If a header of the compiler's own is \
             missing (stddef.h), install libclang-dev; libclang1 alone is not enough."
        )),
    }
}

/// One clear message, and no backtrace.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(1)
}
