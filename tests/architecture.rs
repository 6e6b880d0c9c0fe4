//! The rules of the source tree: there are no import cycles, `unsafe` is only in the module, and
//! the map in CONTRIBUTING.md names the existing files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The path of a module from the root of its crate.
type Module = Vec<String>;

/// The references of a source file to other modules, except in tests.
#[derive(Default)]
struct Source {
    /// The modules that it declares and that are files of their own.
    children: Vec<Module>,
    /// The paths in the file, each with the module that contains it.
    paths: Vec<(Module, Vec<String>)>,
}

impl Source {
    fn read(&mut self, module: &Module, tokens: TokenStream) {
        use TokenTree::{Group, Ident, Punct};
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let [first, others @ ..] = rest {
            rest = match (first, others) {
                (Punct(hash), [Group(attribute), item @ ..])
                    if hash.as_char() == '#' && is_test(attribute) =>
                {
                    after_item(item)
                }
                (Ident(word), [Ident(name), Punct(_), others @ ..]) if word == "mod" => {
                    self.children.push(join(module, name));
                    others
                }
                (Ident(word), [Ident(name), Group(body), others @ ..]) if word == "mod" => {
                    self.read(&join(module, name), body.stream());
                    others
                }
                (Ident(word), [Group(_), others @ ..]) if word == "pub" => others,
                (Ident(_), _) if path_goes_on(others).is_some() => self.path(module, &[], rest),
                (Group(group), _) => {
                    self.read(module, group.stream());
                    others
                }
                _ => others,
            }
        }
    }

    /// Reads a path, or several paths with a common prefix. Returns the remaining tokens.
    fn path<'t>(
        &mut self,
        module: &Module,
        start: &[String],
        mut rest: &'t [TokenTree],
    ) -> &'t [TokenTree] {
        let (mut path, mut goes_on) = (start.to_vec(), true);
        while goes_on && let [TokenTree::Ident(name), others @ ..] = rest {
            path.push(name.to_string());
            let after = path_goes_on(others);
            (rest, goes_on) = (after.unwrap_or(others), after.is_some());
        }
        if goes_on && let [TokenTree::Group(group), others @ ..] = rest {
            let tokens: Vec<_> = group.stream().into_iter().collect();
            let mut inner = &tokens[..];
            while let [first, others @ ..] = inner {
                inner = match first {
                    TokenTree::Ident(_) => self.path(module, &path, inner),
                    _ => others,
                };
            }
            rest = others;
        }
        self.paths.push((module.clone(), path));
        rest
    }
}

fn join(module: &Module, name: &impl ToString) -> Module {
    module.iter().cloned().chain([name.to_string()]).collect()
}

/// The tokens after `::`.
fn path_goes_on(tokens: &[TokenTree]) -> Option<&[TokenTree]> {
    let is_colon = |token: &TokenTree| token.to_string() == ":";
    tokens.split_at_checked(2).filter(|(two, _)| two.iter().all(is_colon)).map(|(_, rest)| rest)
}

/// Whether the attribute is `[cfg(test)]` or `[cfg(all(test, ...))]`.
fn is_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

fn after_item(tokens: &[TokenTree]) -> &[TokenTree] {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => token.to_string() == ";",
    };
    let end = tokens.iter().position(is_end).map_or(tokens.len(), |end| end + 1);
    &tokens[end..]
}

/// The imports of each file of a crate, which begins with the file `root`. `text` returns the text of
/// a file.
fn imports(root: &str, text: impl Fn(&str) -> String) -> BTreeMap<String, BTreeSet<String>> {
    let file = |module: &Module| match module.is_empty() {
        true => root.to_owned(),
        false => module.join("/") + ".rs",
    };
    let mut sources = BTreeMap::new();
    let mut modules = vec![Module::new()];
    while let Some(module) = modules.pop() {
        let mut source = Source::default();
        source.read(&module, text(&file(&module)).parse().expect("tokens"));
        modules.extend(source.children.clone());
        sources.insert(module, source);
    }
    let target = |(module, path): &(Module, Vec<String>)| {
        let mut at = module.clone();
        let mut names = path.iter().peekable();
        match path[0].as_str() {
            "crate" => at.clear(),
            "self" | "super" => {}
            name if sources.contains_key(&join(module, &name)) => {}
            _ => return None,
        }
        while let Some(word) = names.next_if(|name| ["crate", "self", "super"].contains(&&***name))
        {
            if word == "super" {
                at.pop();
            }
        }
        names.for_each(|name| at.push(name.clone()));
        while !sources.contains_key(&at) {
            at.pop(); // an item of the file, or a module in it
        }
        Some(file(&at))
    };
    let of = |(module, source): (&Module, &Source)| {
        let mut targets: BTreeSet<_> = source.paths.iter().filter_map(target).collect();
        targets.remove(&file(module));
        (file(module), targets)
    };
    sources.iter().map(of).collect()
}

/// The groups of files that import each other, directly or indirectly.
fn cycles(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<&str>> {
    let reach = |from| {
        let (mut found, mut next) = (BTreeSet::<&str>::new(), vec![from]);
        while let Some(file) = next.pop() {
            next.extend(imports[file].iter().map(String::as_str).filter(|to| found.insert(*to)));
        }
        found
    };
    let reached: BTreeMap<_, _> =
        imports.keys().map(|file| (file.as_str(), reach(file.as_str()))).collect();
    let of = |file| reached[file].iter().copied().filter(|to| reached[to].contains(file)).collect();
    reached.keys().map(|file| of(*file)).filter(|cycle: &Vec<_>| !cycle.is_empty()).collect()
}

fn has_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "unsafe",
        TokenTree::Group(group) => has_unsafe(group.stream()),
        _ => false,
    })
}

/// The map of the source tree: the fenced block in which every line begins with a path.
fn map(markdown: &str) -> Option<Vec<&str>> {
    let blocks = markdown.split("\n```").skip(1).step_by(2);
    let lines = blocks.map(|block| block.lines().skip(1).collect::<Vec<_>>());
    let is_path =
        |line: &&str| line.split(' ').next().is_some_and(|word| word.contains(['/', '.']));
    lines.into_iter().find(|lines| !lines.is_empty() && lines.iter().all(is_path))
}

/// The paths in a line of the map: everything before two spaces.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split("  ").next().unwrap_or(line).split([' ', ',']).filter(|word| !word.is_empty())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("entry").path());
    let files = |path: PathBuf| match path.is_dir() {
        true => rust_files(&path),
        false => vec![path],
    };
    entries.flat_map(files).filter(|path| path.extension() == Some("rs".as_ref())).collect()
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let mut found = String::new();
    for (folder, first) in
        [("src", "lib.rs"), ("crates/core/src", "lib.rs"), ("crates/maintenancectl/src", "main.rs")]
    {
        let text = |file: &str| fs::read_to_string(root().join(folder).join(file)).expect(file);
        let imports = imports(first, text);
        for cycle in cycles(&imports) {
            found += &format!("\nin {folder}:\n");
            for file in &cycle {
                let others = cycle.iter().filter(|other| imports[*file].contains(**other));
                let others: Vec<_> = others.copied().collect();
                found += &format!("  {file} imports {}\n", others.join(", "));
            }
        }
    }
    assert!(found.is_empty(), "import cycles:{found}");
}

#[test]
fn unsafe_code_is_in_the_skin_alone() {
    for file in ["crates", "tests", "tools"].iter().flat_map(|name| rust_files(&root().join(name)))
    {
        // Defects that the sanitizers must find.
        if file.starts_with(root().join("tests/sanitize")) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("text");
        assert!(!has_unsafe(text.parse().expect("tokens")), "unsafe code in {}", file.display());
    }
}

#[test]
fn the_map_names_what_is_there() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let map = map(&text).expect("a fenced block in CONTRIBUTING.md whose lines begin with paths");
    assert!(map.len() <= 15, "{} lines are too many for a map", map.len());
    for path in map.iter().flat_map(|line| paths(line)) {
        assert!(root().join(path).exists(), "CONTRIBUTING.md names {path}, which does not exist");
    }
}

#[test]
fn cycles_are_found() {
    let both: &[&str] = &["a.rs a/b.rs"];
    // lib.rs declares a and c, a declares b.
    for (a, b, c, expected) in [
        ("use crate::c::X;", "use crate::c::{self, X};", "", &[][..]),
        ("use b::X;", "", "use crate::a;", &[]),
        ("use self::b::X;", "use super::X;", "", both),
        ("use {std::mem, b::{c::X, Y as Z}};", "use crate::{c, a::{X, Y}};", "", both),
        ("fn f() { b::f() }", "use super::*;", "", both),
        ("fn f() { println!(\"{}\", b::f()) }", "fn f(x: &crate::a::X) {}", "", both),
        ("use b::X;", "impl crate::c::X { fn f() { super::f() } }", "", both),
        ("use b::X;", "mod inner { use super::super::X; }", "", both),
        ("use b::X;", "mod inner { use super::X; }", "", &[]),
        ("use b::X;", "pub(super) struct X { pub(in crate::a) x: u8 }", "", &[]),
        ("use b::X;", "#[cfg(test)] mod tests { use crate::a::X; }", "", &[]),
        ("use b::X;", "#[cfg(all(test, loom))] use super::X;", "", &[]),
        ("use b::X;", "#[cfg(not(test))] use super::X;", "", both),
        (
            "#[cfg(test)] mod tests; use b::X;",
            "// use super::X;\nconst X: &str = \"super::X\";",
            "",
            &[],
        ),
        ("use crate::c::X;", "use super::X;", "fn f() -> crate::a::b::X {}", &["a.rs a/b.rs c.rs"]),
        ("use crate::X;", "", "", &[]),
    ] {
        let text = |file: &str| match file {
            "lib.rs" => "pub mod a; mod c;".to_owned(),
            "a.rs" => format!("mod b; {a}"),
            "a/b.rs" => b.to_owned(),
            "c.rs" => c.to_owned(),
            _ => panic!("{file} is a test"),
        };
        let imports = imports("lib.rs", text);
        let found: Vec<_> = cycles(&imports).iter().map(|cycle| cycle.join(" ")).collect();
        assert_eq!(found, expected, "a: {a}, b: {b}, c: {c}");
    }
}

#[test]
fn unsafe_code_is_found() {
    for (text, expected) in [
        ("fn f() { g(|| unsafe { h() }) }", true),
        ("unsafe impl Sync for X {}", true),
        ("#![forbid(unsafe_code)] // unsafe\nconst X: &str = \"unsafe\";", false),
    ] {
        assert_eq!(has_unsafe(text.parse().expect("tokens")), expected, "{text}");
    }
}

#[test]
fn the_map_is_found() {
    let text = "# X\n\n```sh\ncargo test src/\n```\n\n```\nsrc/  the skin\na.rs, b.rs  two\n```\n\n```\nc/\n```\n";
    let map = map(text).expect("a map");
    let paths: Vec<_> = map.iter().flat_map(|line| paths(line)).collect();
    assert_eq!(paths, ["src/", "a.rs", "b.rs"]);
}
