//! Lists of configured flags, for the error log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The longest list of names, unless a single name is longer. httpd truncates lines at 8192 bytes.
const LONGEST: usize = 7000;

/// The length of what httpd puts before a list, such as the time.
const PREFIX: usize = 100;

/// How long all lists together may be, with their prefixes. A server with thousands of flags would otherwise fill its
/// error log with their names at each restart.
const MOST: usize = 32 * 1024;

/// The flags in lists, one for each folder, or several for a folder with many flags. The last list
/// may give the number of omitted flags.
pub fn lists<'a>(flags: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut folders: BTreeMap<PathBuf, Vec<&Path>> = BTreeMap::new();
    for flag in flags {
        folders.entry(flag.parent().unwrap_or(flag).to_owned()).or_default().push(flag);
    }
    let (mut lists, mut more, mut all) = (Vec::new(), 0, 0);
    for flags in folders.values() {
        let mut list = String::new();
        for flag in flags {
            let name = flag.display().to_string();
            if !list.is_empty() && list.len() + name.len() > LONGEST {
                lists.push(std::mem::take(&mut list));
            }
            all += name.len() + if list.is_empty() { PREFIX } else { 0 };
            if all > MOST {
                more += 1;
                continue;
            }
            if !list.is_empty() {
                list += ", ";
            }
            list += &name;
        }
        if !list.is_empty() {
            lists.push(list);
        }
    }
    match more {
        0 => {}
        1 => lists.push("1 more flag".into()),
        _ => lists.push(format!("{more} more flags")),
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(flags: &[String]) -> Vec<String> {
        lists(flags.iter().map(Path::new))
    }

    #[test]
    fn by_folder() {
        let flags = ["/b/x", "/a/y", "/a/x", "/z"].map(String::from);
        assert_eq!(named(&flags), ["/z", "/a/y, /a/x", "/b/x"]);
        assert_eq!(named(&[]), Vec::<String>::new());
    }

    #[test]
    fn many() {
        let flags: Vec<_> = (0..200).map(|n| format!("/folder/{}{n:03}", "x".repeat(80))).collect();
        let lists = named(&flags);
        assert!(lists.len() == 3 && lists.iter().all(|list| list.len() <= LONGEST + 2));
        assert_eq!(lists.join(", "), flags.join(", "));
        // Each folder has a list of its own, as long as there is room for its flag.
        let room = MOST / (PREFIX + 100);
        let folders: Vec<_> = (0..room + 80).map(|n| format!("/{n:094}/flag")).collect();
        let lists = named(&folders);
        assert_eq!(lists.len(), room + 1);
        assert_eq!(lists.last().map(String::as_str), Some("80 more flags"));
        assert_eq!(named(&folders[..=room]).last().map(String::as_str), Some("1 more flag"));
        let long = ["x", "y"].map(|end| format!("/{}/{end}", "z".repeat(4000)));
        assert_eq!(named(&long), long, "each in a line of its own");
    }
}
