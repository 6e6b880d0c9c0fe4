//! User names.

use std::fs;

/// The name of a local user, or otherwise the number. Does not use getpwuid(3), which can wait for
/// a directory service and load libraries such as OpenSSL into httpd.
pub fn name(uid: u32) -> String {
    let uid = uid.to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':'); // passwd(5): name, password, user id
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or(uid)
}
