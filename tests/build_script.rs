//! What the build says if it cannot make a module. The build script runs as cargo runs it.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of another architecture than this machine's.
const FOREIGN: &str = if cfg!(target_arch = "s390x") {
    "aarch64-unknown-linux-gnu"
} else {
    "s390x-unknown-linux-gnu"
};

/// The newest build script of the package.
fn build_script() -> PathBuf {
    let builds = Path::new(env!("OUT_DIR")).ancestors().nth(2).expect("the folder of builds");
    let folders = fs::read_dir(builds).expect("builds").map(|entry| entry.expect("one").path());
    let scripts = folders
        .filter(|folder| folder.file_name().is_some_and(|name| is_ours(&name.to_string_lossy())))
        .map(|folder| folder.join("build-script-build"));
    let age = |script: &PathBuf| fs::metadata(script).and_then(|script| script.modified()).ok();
    scripts.filter(|script| script.exists()).max_by_key(age).expect("a build script")
}

fn is_ours(folder: &str) -> bool {
    folder.strip_prefix("mod_maintenance-").is_some_and(|hash| !hash.contains('-'))
}

/// What the build script says, and whether it succeeds, with these variables of the environment.
fn build(variables: &[(&str, &str)]) -> (bool, String) {
    let out = tempfile::tempdir().expect("a folder");
    let host = format!("{ARCH}-unknown-linux-gnu");
    let mut command = Command::new(build_script());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("OUT_DIR", out.path());
    command.env("HOST", &host).env("TARGET", &host).env("OPT_LEVEL", "0").env("DEBUG", "false");
    command.env("RUSTC", "rustc").env("CARGO_CFG_TARGET_ARCH", ARCH);
    command.env("CARGO_CFG_TARGET_FEATURE", "fxsr,sse").env("CARGO_CFG_TARGET_ENV", "gnu");
    command.env_remove("APXS").env_remove("HTTPD_INCLUDE_DIR");
    let output = command.envs(variables.iter().copied()).output().expect("the build script runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn what_cannot_be_built() {
    let headers = tempfile::tempdir().expect("a folder");
    for header in ["httpd.h", "apu.h"] {
        fs::write(headers.path().join(header), "").expect("written");
    }
    let wrong = tempfile::tempdir().expect("a folder");
    for header in ["httpd.h", "apu.h"] {
        fs::write(wrong.path().join(header), "").expect("written");
    }
    let is_big = cfg!(target_endian = "big");
    let other = format!(
        "#define APR_IS_BIGENDIAN {}\n#define APR_SIZEOF_VOIDP {}\n\
         typedef unsigned long apr_size_t;\ntypedef long long apr_int64_t;\n",
        i32::from(!is_big),
        size_of::<usize>()
    );
    fs::write(wrong.path().join("apr.h"), other).expect("written");
    let headers = headers.path().to_str().expect("text");
    let wrong = wrong.path().to_str().expect("text");
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("TARGET", FOREIGN)], "this machine's httpd is not one for FOREIGN"),
        (
            &[("TARGET", FOREIGN), ("HTTPD_INCLUDE_DIR", headers)],
            "apr.h is not in .*, and this machine's is not one for FOREIGN",
        ),
        (&[("HTTPD_INCLUDE_DIR", wrong)], "the apr.h in .* is not one for"),
        (
            &[("CARGO_CFG_TARGET_ENV", "musl"), ("CARGO_CFG_TARGET_FEATURE", "fxsr,crt-static")],
            "cannot be linked statically.*target-feature=-crt-static",
        ),
    ];
    for (variables, expected) in cases {
        let (is_built, said) = build(variables);
        assert!(!is_built, "{variables:?}: {said}");
        let expected = expected.replace("FOREIGN", FOREIGN);
        let pattern = regex::Regex::new(&format!("cargo::error=.*{expected}")).expect("a pattern");
        assert!(pattern.is_match(&said), "{variables:?}: {said}");
    }
    let (is_built, said) = build(&[]);
    assert!(is_built, "{said}");
}
