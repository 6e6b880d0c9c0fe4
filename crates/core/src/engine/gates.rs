//! The gates of one server: the server's own, and those of its `<Location>` sections.

mod sections;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use once_cell::sync::OnceCell;

use crate::directive::Settings;
use crate::engine::gate::{Gate, ServerContext};
use crate::engine::notice::NoticeService;
pub use sections::{Section, SectionId, SectionPath, Sections};

/// The gates of one server.
pub struct Gates {
    settings: Settings,
    sections: Sections,
    context: Arc<ServerContext>,
    own: Gate,
    cache: GateCache,
    /// Whether a request needs the server's own gate alone, and nothing is done before it decides.
    is_plain: bool,
    has_invitations: bool,
    notice: Option<NoticeService>,
}

/// How many gates a server keeps in addition to those of single sections. Bounded, because clients
/// choose in which combinations of sections their requests are.
const MAX_MADE: usize = 256;

/// How many such gates all servers together keep.
const MAX_MADE_BY_ALL: usize = 1024;

/// Gates by the keys of their section paths, in a list that threads can append to while others read
/// it.
#[derive(Default)]
struct GateCache(OnceCell<Box<Node>>);

struct Node {
    key: u64,
    innermost: Option<SectionId>,
    gate: Gate,
    more: GateCache,
}

impl Gates {
    /// The gates of a server with these settings, merged with those of the main server. None if
    /// `context` lacks one of the flags.
    pub fn new(
        settings: &Settings,
        sections: &Sections,
        context: &Arc<ServerContext>,
    ) -> Option<Self> {
        let settings = settings.of_server(&context.server_root);
        let mut flags = sections.values().flat_map(|section| section.settings.own_flags());
        if !flags.all(|flag| context.flags.contains_key(flag)) {
            return None;
        }
        let own = Gate::new(&settings, context)?;
        let (sections, context) = (sections.clone(), Arc::clone(context));
        let cache = GateCache::default();
        let (is_plain, has_invitations) = (false, false);
        let notice = None;
        let mut gates =
            Self { settings, sections, context, own, cache, is_plain, has_invitations, notice };
        for number in gates.sections.keys() {
            gates.of(number);
        }
        let has_invitations = gates.all().any(|gate| gate.allowlist().has_invitations());
        gates.has_invitations = has_invitations;
        gates.notice = gates.settings.notice().map(|path| {
            let flags = gates.all().flat_map(|gate| gate.flags().iter().cloned());
            NoticeService::new(path.clone(), flags, &gates.context.notices)
        });
        let is_plain = !gates.has_invitations && gates.notice.is_none();
        gates.is_plain = gates.sections.is_empty() && is_plain;
        Some(gates)
    }

    /// The gate of a request that is in no section.
    pub fn own(&self) -> &Gate {
        &self.own
    }

    /// Whether a request needs the server's own gate alone, and nothing is done before it decides.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether the server or one of its sections has invitations.
    pub fn has_invitations(&self) -> bool {
        self.has_invitations
    }

    /// The public notice, if the server has one.
    pub fn notice(&self) -> Option<&NoticeService> {
        self.notice.as_ref()
    }

    /// Whether the server has sections.
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The sections.
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// The gate of a request in these sections, or in none. `keep` holds a gate that is made for
    /// this request only.
    #[inline(always)]
    pub fn of_request<'g>(
        &'g self,
        path: Option<&impl SectionPath>,
        keep: impl FnOnce(Gate) -> &'g Gate,
    ) -> &'g Gate {
        match path {
            Some(path) => self.of(path).unwrap_or_else(|| keep(self.make(path))),
            None => &self.own,
        }
    }

    /// The gate for requests in these sections. The gate of a combination is made at its first
    /// request. None if there are too many already.
    pub fn of(&self, path: &impl SectionPath) -> Option<&Gate> {
        let key = path.key();
        let mut made = &self.cache;
        for _ in 0..MAX_MADE + self.sections.len() {
            let node = match made.0.get() {
                Some(node) => node,
                None if self.may_make(path) => made.0.get_or_init(|| Box::new(self.node(path))),
                None => return None,
            };
            if node.key == key {
                return Some(&node.gate);
            }
            made = &node.more;
        }
        None
    }

    /// A single section always gets a gate. Each combination counts towards the limit.
    fn may_make(&self, path: &impl SectionPath) -> bool {
        path.innermost().is_some_and(|number| number.key() == path.key())
            || self.context.combinations.fetch_add(1, Ordering::Relaxed) < MAX_MADE_BY_ALL
    }

    fn node(&self, path: &impl SectionPath) -> Node {
        let (key, innermost) = (path.key(), path.innermost());
        Node { key, innermost, gate: self.make(path), more: GateCache::default() }
    }

    /// Makes the gate for requests in these sections.
    pub fn make(&self, path: &impl SectionPath) -> Gate {
        let numbers = path.numbers();
        let sections = numbers.iter().filter_map(|number| self.sections.get(number));
        let inner =
            sections.fold(Settings::default(), |outer, inner| inner.settings.within(&outer));
        self.own.for_location(&inner, &inner.within(&self.settings), &self.context)
    }

    /// All gates that have been made so far.
    pub fn all(&self) -> impl Iterator<Item = &Gate> {
        std::iter::once(&self.own).chain(self.nodes().map(|node| &node.gate))
    }

    /// All gates made so far whose innermost section is `innermost`, beginning with the section's
    /// own.
    pub fn inside(&self, innermost: SectionId) -> impl Iterator<Item = &Gate> {
        let nodes = self.nodes().filter(move |node| node.innermost == Some(innermost));
        nodes.map(|node| &node.gate)
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let first = self.cache.0.get().map(|node| &**node);
        std::iter::successors(first, |node| node.more.0.get().map(|node| &**node))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::allow::Admission;
    use crate::context::{DirectiveContext, Expr};
    use crate::directive::DIRECTIVES;
    use crate::engine::gate::{Blocked, Verdict, strictest};
    use crate::flag::{self, Flag};
    use crate::shared::hash;
    use crate::shared::slot::new_state_table;

    struct Root;

    impl DirectiveContext for Root {
        fn server_root(&self) -> &Path {
            Path::new("/root")
        }
        fn compile(&self, _: &str) -> Result<Expr, String> {
            Err("no expressions here".into())
        }
    }

    /// A request in the sections with these numbers.
    pub(crate) struct In(pub(crate) &'static [SectionId]);

    impl SectionPath for In {
        fn key(&self) -> u64 {
            self.0.iter().fold(0, |key, number| hash::of((key, number.key()))).max(1)
        }
        fn numbers(&self) -> Vec<SectionId> {
            self.0.to_vec()
        }
        fn innermost(&self) -> Option<SectionId> {
            self.0.last().copied()
        }
    }

    pub(crate) fn section(lines: &str) -> Section {
        Section { name: lines.into(), settings: settings(lines) }
    }

    pub(crate) fn settings(lines: &str) -> Settings {
        let mut settings = Settings::default();
        for line in lines.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().expect("a name").as_bytes();
            let directive = DIRECTIVES.iter().find(|known| known.name.to_bytes() == name);
            let words: Vec<_> = words.map(OsStr::new).collect();
            directive.expect(line).apply(&mut settings, &words, &Root).expect(line);
        }
        settings
    }

    /// A context with these flags. Relative paths begin at `/root`.
    pub(crate) fn context(flags: &[&str]) -> Arc<ServerContext> {
        let table: &'static _ = Box::leak(new_state_table());
        let flag = |(number, name): (usize, &&str)| {
            let path = PathBuf::from("/root").join(name);
            let slot = table.claim(&[flag::key(&path)]).expect("a slot")[0];
            let flag = Flag::new(path.clone(), slot, Duration::ZERO, TimeZone::UTC);
            (path, Arc::new(flag.numbered(number)))
        };
        let flags = flags.iter().enumerate().map(flag).collect();
        let (server_root, (resolved, refusals, combinations)) =
            ("/root".into(), Default::default());
        let (slots, notices) = (Default::default(), Default::default());
        Arc::new(ServerContext {
            server_root,
            slots,
            resolved,
            flags,
            refusals,
            notices,
            combinations,
        })
    }

    fn flags(gate: &Gate) -> Vec<&str> {
        let names = gate.flags().iter().filter_map(|flag| flag.path().file_name()?.to_str());
        names.collect()
    }

    #[test]
    fn scopes_add_up() {
        let context = context(&["maintenance.flag", "a", "b"]);
        let sections = Sections::from([
            (1, section("MaintenanceFlag a")),
            (2, section("MaintenanceFlag b a\nMaintenanceAllow 10.0.0.1")),
            (3, section("MaintenanceStatus 503")),
        ]);
        let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
        assert_eq!(gates.all().count(), 4, "one for each section is made ahead");
        for (path, expected) in [
            (&[1][..], &["maintenance.flag", "a"][..]),
            (&[2], &["maintenance.flag", "b", "a"]),
            (&[3], &["maintenance.flag"]),
            (&[1, 3], &["maintenance.flag", "a"]),
            (&[1, 2], &["maintenance.flag", "b", "a"]),
            (&[2, 1], &["maintenance.flag", "b", "a"]),
        ] {
            let path: &'static [SectionId] = path.to_vec().leak();
            let gate = gates.of(&In(path)).expect("made");
            assert_eq!(flags(gate), expected, "{path:?}");
            assert!(
                gates.of(&In(path)).is_some_and(|again| std::ptr::eq(gate, again)),
                "{path:?} is made once"
            );
        }
        assert_eq!(flags(gates.own()), ["maintenance.flag"]);
    }

    #[test]
    fn what_is_not_said_is_shared() {
        let context = context(&["maintenance.flag", "a"]);
        let sections = Sections::from([
            (1, section("MaintenanceFlag a")),
            (2, section("MaintenanceAllow none")),
            (3, section("MaintenanceRetryAfter off")),
        ]);
        let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
        let shares =
            |number: SectionId| gates.of(&number).map(|gate| gate.shares_with(gates.own()));
        assert_eq!([1, 2, 3].map(shares), [(true, true), (false, true), (true, false)].map(Some));
    }

    /// The strictest verdict of a request's gates applies.
    #[test]
    fn the_strictest_verdict() {
        let context = context(&["maintenance.flag"]);
        let gates = [(); 3].map(|()| Gate::new(&Settings::default(), &context).expect("a gate"));
        let [first, others @ ..] = [&gates[0], &gates[1], &gates[2]];
        let verdict = |word: char| match word {
            'o' => Verdict::Open,
            'a' => Verdict::Allowed(Admission::Env(c"A")),
            _ => Verdict::Blocked(Blocked::default()),
        };
        for (verdicts, number, label) in [
            ("o", 0, c"open"),
            ("b", 0, c"blocked"),
            ("oo", 0, c"open"),
            ("oa", 1, c"allowed:env"),
            ("ao", 0, c"allowed:env"),
            ("ab", 1, c"blocked"),
            ("ba", 0, c"blocked"),
            ("aa", 0, c"allowed:env"),
            ("bb", 0, c"blocked"),
            ("oab", 2, c"blocked"),
            ("oba", 1, c"blocked"),
            ("obb", 1, c"blocked"),
            ("ooa", 2, c"allowed:env"),
        ] {
            let decide = |gate: &Gate| {
                let number = gates.iter().position(|other| std::ptr::eq(gate, other));
                verdict(verdicts.chars().nth(number.expect("one of them")).expect("a word"))
            };
            let found = strictest(first, &others[..verdicts.len() - 1], decide);
            assert_eq!((found.0, found.2.label()), (number, label), "{verdicts}");
            assert!(std::ptr::eq(found.1, &raw const gates[number]), "{verdicts}");
        }
    }

    #[test]
    fn a_missing_flag_makes_no_gates() {
        let sections = Sections::from([(1, section("MaintenanceFlag gone"))]);
        let new =
            |sections| Gates::new(&Settings::default(), sections, &context(&["maintenance.flag"]));
        assert!(new(&sections).is_none() && new(&Sections::new()).is_some());
    }

    /// Threads that make the same gates at the same time get the same gates.
    #[test]
    fn made_by_several_threads() {
        let context = context(&["maintenance.flag"]);
        let sections = (0..8).map(|number| (number, section("MaintenanceStatus 503"))).collect();
        let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
        const PATHS: [&[SectionId]; 4] = [&[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]];
        let made = std::thread::scope(|scope| {
            let ask = || {
                PATHS.map(|path| gates.of(&In(path)).map(|gate| std::ptr::from_ref(gate) as usize))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().expect("gates")).collect::<Vec<_>>()
        });
        assert!(made.iter().all(|other| *other == made[0]));
        assert_eq!(gates.all().count(), 1 + 8 + PATHS.len());
    }

    /// Clients cannot fill the memory with combinations of sections.
    #[test]
    fn not_more_than_so_many() {
        let context = context(&["maintenance.flag", "a"]);
        let sections = Sections::from([(1, section("MaintenanceFlag a"))]);
        let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
        let paths = (1..=MAX_MADE + 2).map(|length| In(vec![1; length].leak()));
        for (number, path) in paths.enumerate() {
            assert_eq!(gates.of(&path).is_some(), number < MAX_MADE, "{number}");
            assert_eq!(flags(&gates.make(&path)), ["maintenance.flag", "a"]);
        }
        assert_eq!(gates.all().count(), 2 + MAX_MADE);
        assert!(gates.of(&In(&[1])).is_some(), "those that were made stay");
    }

    /// Clients cannot fill the memory with combinations of sections of many virtual hosts either.
    #[test]
    fn not_more_than_so_many_by_all() {
        let context = context(&["maintenance.flag", "a"]);
        let sections = Sections::from([(1, section("MaintenanceFlag a"))]);
        let hosts = 2 * MAX_MADE_BY_ALL / MAX_MADE;
        let made = (0..hosts).map(|_| {
            let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
            for length in 2..=MAX_MADE {
                gates.of(&In(vec![1; length].leak()));
            }
            assert!(gates.of(&1).is_some(), "a section alone has one");
            gates.all().count()
        });
        let made: Vec<_> = made.collect();
        assert_eq!(made.iter().sum::<usize>(), 2 * hosts + MAX_MADE_BY_ALL, "{made:?}");
    }
}
