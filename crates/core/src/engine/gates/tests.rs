use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::cache::{MAX_MADE, MAX_MADE_BY_ALL};
use super::*;
use crate::allow::Admission;
use crate::context::{DirectiveContext, Expr};
use crate::directive::DIRECTIVES;
use crate::engine::gate::{Blocked, Verdict, strictest};
use crate::flag;
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
        let flag = Flag::new(path, slot, Duration::ZERO, TimeZone::UTC);
        Arc::new(flag.numbered(number))
    };
    let flags = flags.iter().enumerate().map(flag).collect();
    let (server_root, (resolved, refusals, combinations)) = ("/root".into(), Default::default());
    let (slots, notices, nobody) = Default::default();
    Arc::new(ServerContext {
        server_root,
        slots,
        resolved,
        flags,
        refusals,
        notices,
        combinations,
        nobody,
    })
}

fn flags(gate: &Gate) -> Vec<&str> {
    let names = gate.flags().iter().filter_map(|flag| flag.path().file_name()?.to_str());
    names.collect()
}

#[test]
fn scopes_add_up() {
    let context = context(&["maintenance.flag", "a", "b"]);
    let sections = Sections::from_iter([
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
    let sections = Sections::from_iter([
        (1, section("MaintenanceFlag a")),
        (2, section("MaintenanceAllow none")),
        (3, section("MaintenanceRetryAfter off")),
    ]);
    let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
    let shares = |number: SectionId| gates.of(&number).map(|gate| gate.shares_with(gates.own()));
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
    let sections = Sections::from_iter([(1, section("MaintenanceFlag gone"))]);
    let new =
        |sections| Gates::new(&Settings::default(), sections, &context(&["maintenance.flag"]));
    assert!(new(&sections).is_none() && new(&Sections::default()).is_some());
}

/// Threads that make the same gates at the same time get the same gates.
#[test]
fn made_by_several_threads() {
    let context = context(&["maintenance.flag"]);
    let sections = (0..8).map(|number| (number, section("MaintenanceStatus 503"))).collect();
    let gates = Gates::new(&Settings::default(), &sections, &context).expect("all flags");
    const PATHS: [&[SectionId]; 4] = [&[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]];
    let made = std::thread::scope(|scope| {
        let ask =
            || PATHS.map(|path| gates.of(&In(path)).map(|gate| std::ptr::from_ref(gate) as usize));
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
    let sections = Sections::from_iter([(1, section("MaintenanceFlag a"))]);
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
    let sections = Sections::from_iter([(1, section("MaintenanceFlag a"))]);
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

/// What virtual hosts have in common exists once, however many there are, and what each of them has
/// is small.
#[test]
fn thousands_of_hosts() {
    const HOSTS: usize = 2000;
    let flags: Vec<_> = (0..HOSTS).map(|number| format!("flag{number}")).collect();
    let names: Vec<_> = flags.iter().map(String::as_str).chain(["maintenance.flag", "a"]).collect();
    let context = context(&names);
    let sections = Sections::from_iter([(1, section("MaintenanceFlag a"))]);
    for (main, own, allowlists, lists, refusals) in [
        ("", "", 1, 0, 1),
        ("MaintenanceAllow 10.0.0.1", "", 1, 1, 1),
        ("MaintenanceAllow 10.0.0.1\nMaintenanceStatus 503", "", 1, 1, 1),
        ("", "MaintenanceAllow 10.0.0.1", HOSTS, HOSTS, 1),
        ("MaintenanceAllow 10.0.0.1", "MaintenanceAllow 10.0.0.2", HOSTS, HOSTS + 1, 1),
        ("MaintenanceAllow 10.0.0.1", "MaintenanceAllow none", HOSTS, HOSTS, 1),
        ("MaintenanceStatus 503", "MaintenanceRetryAfter off\nMaintenanceStatus 500", 1, 0, 1),
    ] {
        let main = settings(main);
        let host = |flag: &String| {
            let own = settings(&format!("MaintenanceFlag {flag}\n{own}"));
            let sections = Sections::default().within(&sections);
            Gates::new(&own.within(&main), &sections, &context).expect("all flags")
        };
        let hosts: Vec<_> = flags.iter().map(host).collect();
        let case = format!("{own} in {}", main.shape_refusals());
        let distinct = |of: &mut dyn Iterator<Item = usize>| of.collect::<BTreeSet<_>>().len();
        let gates = || hosts.iter().map(Gates::own);
        let of_gates = gates().map(|gate| gate.parts());
        let found = distinct(&mut of_gates.clone().map(|(it, _)| Arc::as_ptr(it).addr()));
        assert_eq!(found, allowlists, "allowlists: {case}");
        let mut all =
            of_gates.clone().flat_map(|(it, _)| it.lists()).map(|it| Arc::as_ptr(it).addr());
        assert_eq!(distinct(&mut all), lists, "lists of scopes: {case}");
        let found = distinct(&mut of_gates.map(|(_, it)| Arc::as_ptr(it).addr()));
        assert_eq!(found, refusals, "refusals: {case}");
        // The gates of the main server's sections are made when a request needs them.
        assert_eq!(hosts.iter().flat_map(Gates::all).count(), HOSTS, "{case}");
        assert_eq!(hosts[7].inside(1).count(), 1, "{case}");
        assert_eq!(hosts.iter().flat_map(Gates::all).count(), HOSTS + 1, "{case}");
    }
    for (what, size, most) in [
        ("settings", size_of::<Settings>(), 40),
        ("gates", size_of::<Gates>(), 192),
        ("gate", size_of::<Gate>(), 48),
        ("flag", size_of::<Flag<'_>>(), 192),
        ("lines", size_of::<crate::allow::ScopeList>(), 48),
    ] {
        assert!(size <= most, "{what}: {size}");
    }
}
