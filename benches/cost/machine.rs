//! On what, and with which versions.

use std::fs;
use std::process::Command;

/// The processor and the kernel.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let mut names = processors.lines().filter_map(|line| line.strip_prefix("model name"));
    let name = names.next().unwrap_or("unknown").trim_matches([' ', '\t', ':']).to_owned();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{name}, {count} processors, Linux {}", kernel.trim())
}

/// The servers' versions, as they say them.
pub fn servers() -> Vec<String> {
    let commands = [
        ("/usr/sbin/apache2", "httpd", "Apache/"),
        ("/usr/sbin/nginx", "nginx", "nginx/"),
        ("/usr/sbin/haproxy", "HAProxy", "version "),
    ];
    let version = |(program, name, prefix): (&str, &str, &str)| {
        let output = Command::new(program).arg("-v").output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let version = said.split_once(prefix)?.1.split(['-', ' ', '\n']).next()?;
        Some(format!("{name} {version}"))
    };
    commands.into_iter().filter_map(version).collect()
}
