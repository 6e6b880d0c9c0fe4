//! The allowlist: which requests pass while their scope is closed.

mod admission;
mod allowlist;
mod compiled;
mod entry;
pub mod invitations;
pub mod lines;
pub mod list;
pub mod method;
pub mod nodes;
pub mod path;
pub mod plugin_cfg;
mod report;
mod token;

use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::context::DirectiveContext;
use crate::file::watched::{self, FileEvent};
use crate::net::hosts::Resolved;
use crate::shared::slot::Slot;
use crate::shared::table::Key;
pub use admission::{Admission, AllowKind, ClientRequest};
pub use allowlist::Allowlist;
pub use compiled::ScopeList;
use entry::Entry;
pub use report::{AllowEntry, AllowInvitation, AllowNetwork};
pub use token::AllowError;
use token::Token;

/// The `MaintenanceAllow` lines of one scope, and those of the scopes around it that apply there.
#[derive(Clone, Default)]
pub struct AllowRules {
    /// `none` is the first word: the rules of outer scopes do not apply.
    not_inherited: bool,
    /// None without a line.
    lines: Option<Arc<Lines>>,
}

/// The lines of a scope inside those of another one.
#[derive(Clone, Default)]
struct Lines {
    outer: Option<Arc<Self>>,
    own: Arc<ScopeRules>,
    /// All of them, compiled once for all scopes in which they apply.
    compiled: OnceCell<Arc<Allowlist>>,
}

/// The lines of one scope alone. They are compiled once for all scopes inside it.
#[derive(Clone, Default)]
pub struct ScopeRules {
    entries: Arc<Vec<Entry>>,
    list: OnceCell<Arc<ScopeList>>,
}

impl AllowRules {
    /// Adds the words of one `MaintenanceAllow` line.
    ///
    /// # Errors
    /// [`AllowError`] for the first wrong word. The rules must not be used after an error.
    pub fn add(
        &mut self,
        words: &[&str],
        context: &dyn DirectiveContext,
    ) -> Result<(), AllowError> {
        let from: Option<Arc<str>> = context.position().map(Into::into);
        let lines = Arc::make_mut(self.lines.get_or_insert_default());
        let entries = Arc::make_mut(&mut Arc::make_mut(&mut lines.own).entries);
        if entries.is_empty() {
            entries.reserve_exact(words.len()); // most scopes have one line
        }
        for (position, word) in words.iter().enumerate() {
            match (*word, position) {
                ("none", 0) => self.not_inherited = true,
                ("none", _) => return Err(AllowError::NoneNotFirst),
                (word, _) => entries.push(Entry {
                    token: token::parse(word, context)?,
                    word: word.into(),
                    from: from.clone(),
                }),
            }
        }
        Ok(())
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        !self.not_inherited && self.scopes().iter().all(|scope| scope.entries.is_empty())
    }

    /// Merges these rules, those of an inner scope, with the rules `outer` of the scope around it.
    pub fn within(&self, outer: &Self) -> Self {
        if self.not_inherited {
            return self.clone();
        }
        let not_inherited = outer.not_inherited;
        let lines = match (&self.lines, &outer.lines) {
            (Some(inner), Some(outer)) => Some(Arc::new(inner.within(outer))),
            (inner, outer) => inner.as_ref().or(outer.as_ref()).cloned(),
        };
        Self { not_inherited, lines }
    }

    /// The lines of each scope, those of the outermost scope first. Scopes share them.
    pub fn scopes(&self) -> Vec<&ScopeRules> {
        let innermost = self.lines.as_deref();
        let scopes = std::iter::successors(innermost, |lines| lines.outer.as_deref());
        let mut scopes: Vec<_> = scopes.map(|lines| &*lines.own).collect();
        scopes.reverse();
        scopes
    }

    /// The keys of the files' slots in the shared state table.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.scopes().into_iter().flat_map(ScopeRules::keys)
    }

    /// Whether there are invitations.
    pub fn has_invitations(&self) -> bool {
        self.scopes().into_iter().any(ScopeRules::has_invitations)
    }

    /// Compiles the rules for requests. `slot` returns the slot of a file.
    pub fn compile(
        &self,
        resolved: &Resolved,
        slot: impl Fn(Key) -> Option<&'static Slot>,
    ) -> Arc<Allowlist> {
        let Some(lines) = &self.lines else { return Arc::default() };
        let list = |own: &ScopeRules| {
            Arc::clone(
                own.list.get_or_init(|| Arc::new(ScopeList::new(&own.entries, resolved, &slot))),
            )
        };
        let compile = || Arc::new(self.scopes().into_iter().map(list).collect());
        Arc::clone(lines.compiled.get_or_init(compile))
    }
}

impl ScopeRules {
    /// The keys of the files' slots in the shared state table.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.entries.iter().filter_map(|entry| match &entry.token {
            Token::File(file) => Some(watched::key(file.path())),
            Token::PluginCfg(nodes) => Some(watched::key(nodes.file().path())),
            Token::Invite(file) => Some(watched::key(file.path())),
            _ => None,
        })
    }

    /// The names that must be resolved before [`AllowRules::compile`].
    pub fn names(&self) -> impl Iterator<Item = String> {
        let of_files = self.entries.iter().flat_map(|entry| match &entry.token {
            Token::PluginCfg(nodes) => nodes.unknown_names(),
            _ => vec![],
        });
        self.host_names().map(str::to_owned).chain(of_files)
    }

    /// The names of `host=` tokens. They are resolved only when the configuration is read.
    pub fn host_names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.token {
            Token::Host(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn has_invitations(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.token, Token::Invite(_)))
    }

    /// Reports entries of the files that admit nobody, for `httpd -t`.
    pub fn tell_odd(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        for entry in self.entries.iter() {
            if let Token::PluginCfg(nodes) = &entry.token {
                nodes.file().tell_odd(&nodes.odd(), report);
            }
        }
    }
}

impl Lines {
    fn within(&self, outer: &Arc<Self>) -> Self {
        let outer = match &self.outer {
            Some(between) => Arc::new(between.within(outer)),
            None => Arc::clone(outer),
        };
        Self { outer: Some(outer), own: Arc::clone(&self.own), compiled: OnceCell::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::net::IpAddr;
    use std::path::Path;

    use super::*;
    use crate::context::Expr;

    struct Context(tempfile::TempDir);

    impl DirectiveContext for Context {
        fn server_root(&self) -> &Path {
            self.0.path()
        }
        fn compile(&self, expr: &str) -> Result<Expr, String> {
            expr.parse().map(Expr).map_err(|_| "syntax error".into())
        }
    }

    struct Client(&'static str, &'static str);

    impl ClientRequest for Client {
        fn method(&self) -> &[u8] {
            b"GET"
        }
        fn address(&self) -> Option<IpAddr> {
            self.0.parse().ok()
        }
        fn has_env(&self, name: &CStr) -> bool {
            name == c"SET"
        }
        fn satisfies(&self, expr: Expr) -> bool {
            expr == Expr(1)
        }
        fn header(&self, _: &CStr) -> Option<&[u8]> {
            None
        }
        fn target(&self) -> &[u8] {
            self.1.split(" -> ").next().unwrap_or_default().as_bytes()
        }
        fn current_path(&self) -> &[u8] {
            self.1.split(" -> ").last().unwrap_or_default().as_bytes()
        }
        fn request_time_micros(&self) -> i64 {
            0
        }
    }

    fn context() -> Context {
        let context = Context(tempfile::tempdir().expect("a folder"));
        let write = |name: &str, text: &str| {
            std::fs::write(context.server_root().join(name), text).expect("written");
        };
        write("list", "# two\n10.4.0.0/16\n");
        write("bad", "10.0.0.1\n10.0.0.300\n");
        let transport = "<Transport Hostname='10.5.0.1'/><Transport Hostname='node5'/>";
        write("cfg.xml", &format!("<Config>\n<Server>{transport}</Server></Config>"));
        write("bad.xml", "<Config>");
        context
    }

    fn rules_at(context: &Context, words: &[&str]) -> AllowRules {
        let mut rules = AllowRules::default();
        rules.add(words, context).expect("good words");
        rules
    }

    fn rules(words: &[&str]) -> AllowRules {
        rules_at(&context(), words)
    }

    fn compile(rules: &AllowRules) -> Arc<Allowlist> {
        let resolved = [("node1", [10, 1, 0, 1]), ("node5", [10, 5, 0, 2])]
            .map(|(name, address)| (name.to_owned(), vec![IpAddr::from(address)]));
        rules.compile(&resolved.into(), |_| None)
    }

    fn label(allowlist: &Allowlist, address: &'static str, target: &'static str) -> &'static str {
        let admission = allowlist.admit(&Client(address, target), &mut |event| panic!("{event:?}"));
        let verdict = admission.map(crate::engine::gate::Verdict::Allowed);
        let label =
            verdict.as_ref().map_or(crate::engine::gate::BLOCKED, |verdict| verdict.label());
        label.to_str().expect("text")
    }

    #[test]
    fn every_kind_of_token() {
        let all = ["10.0.0.1", "host=node1", "host=gone", "file=list", "plugin-cfg=cfg.xml"];
        let context = context();
        let rules = rules_at(&context, &all);
        let names = || rules.scopes().into_iter().flat_map(ScopeRules::names).collect::<Vec<_>>();
        assert_eq!(names(), ["node1", "gone", "node5"]);
        assert_eq!(rules.keys().count(), 2);
        let allowlist = compile(&rules);
        assert_eq!(names(), ["node1", "gone"], "node5 is known now");
        for (address, expected) in [
            ("10.0.0.1", "allowed:address"),
            ("::ffff:10.0.0.1", "allowed:address"),
            ("10.1.0.1", "allowed:host"),
            ("10.4.200.1", "allowed:file"),
            ("10.5.0.1", "allowed:plugin-cfg"),
            ("10.5.0.2", "allowed:plugin-cfg"),
            ("10.5.0.3", "blocked"),
            ("a local socket", "blocked"),
        ] {
            assert_eq!(label(&allowlist, address, "/"), expected, "{address}");
        }
        for (word, expected) in [
            ("env=SET", "allowed:env"),
            ("env=UNSET", "blocked"),
            ("expr=1", "allowed:expr"),
            ("expr=0", "blocked"),
            ("path=/probe", "allowed:path"),
            ("path=/other", "blocked"),
        ] {
            let allowlist = compile(&self::rules(&[word]));
            assert_eq!(label(&allowlist, "10.9.9.9", "/probe/x"), expected, "{word}");
            assert_eq!(label(&allowlist, "a local socket", "/probe/x"), expected, "{word}");
        }
    }

    /// Both the path as it was sent and the path after a rewrite must be exempt.
    #[test]
    fn paths_that_a_request_was_taken_to() {
        let allowlist = compile(&rules(&["path=/probe", "path=/static"]));
        for (way, expected) in [
            ("/probe/x -> /probe/y", "allowed:path"),
            ("/probe/x -> /static/y", "allowed:path"),
            ("/probe/x -> /app", "blocked"),
            ("/app -> /probe/x", "blocked"),
            ("/probe/x -> /probe/../app", "blocked"),
            ("/probe/x -> /probe/%2e%2e/app", "blocked"),
            ("/probe/x -> /probe?/../app", "blocked"),
            ("/probe/x -> probe", "blocked"),
            ("/probe/x -> ", "blocked"),
        ] {
            assert_eq!(label(&allowlist, "10.9.9.9", way), expected, "{way}");
        }
        let allowlist = compile(&rules(&["path=/probe", "env=SET"]));
        assert_eq!(label(&allowlist, "10.9.9.9", "/probe -> /app"), "allowed:env");
    }

    #[test]
    fn inner_rules_add_to_outer_ones_unless_none_comes_first() {
        let outer = rules(&["10.0.0.1"]);
        for (inner, address, passes) in [
            (&["10.0.0.2"][..], "10.0.0.1", true),
            (&["10.0.0.2"], "10.0.0.2", true),
            (&["10.0.0.2"], "10.0.0.3", false),
            (&["none"], "10.0.0.1", false),
            (&["none", "10.0.0.2"], "10.0.0.1", false),
            (&["none", "10.0.0.2"], "10.0.0.2", true),
            (&[], "10.0.0.1", true),
            (&["0.0.0.0/0"], "::1", false),
            (&["::/0"], "10.0.0.3", false),
            (&["::/0"], "::1", true),
        ] {
            let merged = compile(&rules(inner).within(&outer));
            assert_eq!(label(&merged, address, "/") != "blocked", passes, "{inner:?} {address}");
        }
        let innermost = rules(&["10.0.0.2"]).within(&rules(&["none"]).within(&outer));
        assert_eq!(label(&compile(&innermost), "10.0.0.1", "/"), "blocked", "two scopes up");
        assert_eq!(label(&compile(&AllowRules::default()), "127.0.0.1", "/"), "blocked");
    }

    #[test]
    fn words_that_admit_nobody() {
        for (words, message) in [
            (&[""][..], "an empty word admits nobody"),
            (
                &["10.0.0.300"],
                "\"10.0.0.300\" is neither an address nor a network; an IPv4 address has four \
                 numbers from 0 to 255",
            ),
            (
                &["node1.example.com"],
                "\"node1.example.com\" is neither an address nor a network; write \
                 host=node1.example.com",
            ),
            (&["path=probe"], "\"path=probe\" does not begin with /; write path=/probe"),
            (&["expr=x"], "\"expr=x\" is not a valid expression: syntax error"),
            (&["10.0.0.1", "none"], "\"none\" must be the first word"),
            (
                &["10.0.0.1/8"],
                "\"10.0.0.1/8\" has bits set to the right of its prefix; its network is 10.0.0.0/8",
            ),
        ] {
            let error = AllowRules::default().add(words, &context()).expect_err("wrong words");
            assert_eq!(error.to_string(), message, "{words:?}");
        }
        for (word, end) in [
            (
                "file=gone",
                "/gone\" cannot be read: No such file or directory (os error 2); to admit nobody, create \
                 the file with one comment line",
            ),
            ("file=", "\" is not a regular file"),
            ("file=bad", "; an IPv4 address has four numbers from 0 to 255"),
            ("plugin-cfg=bad.xml", "/bad.xml\" line 1: the file ends inside <Config>"),
            ("plugin-cfg=list", "/list\" is not an XML document"),
        ] {
            let error = AllowRules::default().add(&[word], &context()).expect_err("wrong words");
            assert!(error.to_string().ends_with(end), "{word}: {error}");
        }
    }
}
