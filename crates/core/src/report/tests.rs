//! Reports of servers with many scopes: what is asked for, and how much is shown.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::engine::gates::tests::{context, settings};
use crate::engine::gates::{Gates, Sections};
use crate::flag::Observer;
use crate::stats::Stats;
use crate::stats::tests::new_stats;

static STATS: LazyLock<&Stats> = LazyLock::new(new_stats);

/// The flags of virtual hosts, each with one of its own.
struct Site {
    /// Holds the flags.
    _folder: TempDir,
    now: Timestamp,
    gates: Vec<Gates>,
}

/// Virtual hosts `host0.test` and so on, whose flags have these contents; the other flags are
/// absent.
fn site(count: usize, contents: &[(usize, &str)]) -> &'static Site {
    let folder = TempDir::new().expect("a folder");
    let paths: Vec<_> =
        (0..count).map(|n| folder.path().join(format!("{n}.flag")).display().to_string()).collect();
    let now = Timestamp::now();
    let hour = Duration::from_secs(3600);
    let times = [("EARLIER", now - hour), ("LATER", now + hour)];
    for (number, content) in contents {
        let content = times.iter().fold((*content).to_owned(), |content, (word, time)| {
            content.replace(word, &time.to_string())
        });
        let mut file = File::create(&paths[*number]).expect("a flag");
        file.write_all(content.as_bytes()).expect("written");
        file.set_modified((now - Duration::from_secs(600)).into()).expect("a time");
    }
    let context = context(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..2 {
        for flag in context.flags.iter() {
            flag.look(Observer::Child, now, &move || now, &mut |_| {});
        }
        if contents.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(400)); // what is wrong counts once it is at rest
    }
    let gates = |path: &String| {
        let settings = settings(&format!("MaintenanceFlag {path}"));
        Gates::new(&settings, &Sections::default(), &context).expect("the flag")
    };
    let gates = paths.iter().map(gates).collect();
    Box::leak(Box::new(Site { _folder: folder, now, gates }))
}

fn facts(site: &'static Site) -> Facts<'static> {
    let scope = |(number, gates): (usize, &'static Gates)| ScopeFacts {
        kind: ScopeKind::VirtualHost,
        reachable: true,
        server: format!("host{number}.test:443"),
        location: None,
        addresses: vec!["*:443".into()],
        defined: Some("conf/httpd.conf:7".into()),
        gates: vec![gates.own()],
        number: None,
    };
    let flags = site.gates.iter().flat_map(|gates| gates.own().flags());
    Facts {
        server: "Apache".into(),
        machine: "web1".into(),
        now: site.now,
        check_interval: Duration::ZERO,
        scopes: site.gates.iter().enumerate().map(scope).collect(),
        flags: flags.map(|flag| &**flag).collect(),
        workers: vec![],
        stats: *STATS,
    }
}

fn whole(pieces: Pieces<'_>) -> String {
    pieces.collect::<Result<_, _>>().expect("a document")
}

/// The report for a query string.
fn report(site: &'static Site, query: &str) -> (Query, Report<'static>) {
    let query = Query::parse(query, None).expect(query);
    let report = Report::new(facts(site), query.filter.clone());
    (query, report)
}

fn html(site: &'static Site, query: &str) -> String {
    let (query, report) = report(site, query);
    page(&report, &query, None).expect("a page")
}

fn document(site: &'static Site, query: &str) -> Value {
    let (_, report) = report(site, query);
    serde_json::from_str(&whole(json(&report, None).expect("a document"))).expect("JSON")
}

const OVERDUE: &str = "end = EARLIER\nby = \"anna\"";
const ANNOUNCED: &str = "start = LATER";
const WRONG: &str = "starts = 1\n[";

/// 120 hosts, of which six are not open.
fn some() -> &'static Site {
    site(120, &[(7, ""), (77, OVERDUE), (99, ANNOUNCED), (100, ANNOUNCED), (110, WRONG), (111, "")])
}

/// The query, and of the JSON: the state, the closed and the reachable scopes, how many scopes are
/// listed, and how many flags.
#[test]
fn what_is_asked_for() {
    let site = some();
    for (query, state, counts) in [
        ("", "overdue", [4, 120, 120, 120]),
        ("scope=host77", "overdue", [1, 1, 1, 1]),
        ("scope=HOST7", "overdue", [2, 11, 11, 11]),
        ("scope=host9", "announced", [0, 11, 11, 11]),
        ("scope=host9&state=announced", "announced", [0, 11, 1, 1]),
        ("state=closed", "overdue", [4, 120, 3, 3]),
        ("state=announced", "overdue", [4, 120, 2, 2]),
        ("state=error", "overdue", [4, 120, 1, 1]),
        ("state=open", "overdue", [4, 120, 114, 114]),
        ("state=off", "overdue", [4, 120, 0, 0]),
        ("scope=nobody", "off", [0, 0, 0, 0]),
    ] {
        let document = document(site, &format!("format=json&{query}"));
        let length = |name: &str| document[name].as_array().map_or(usize::MAX, Vec::len);
        let number = |name: &str| document[name].as_u64().map_or(usize::MAX, |n| n as usize);
        assert_eq!(document["state"], state, "{query}");
        let found = [
            number("closed_scopes"),
            number("reachable_scopes"),
            length("scopes"),
            length("flags"),
        ];
        assert_eq!(found, counts, "{query}");
        let is_filtered = !query.is_empty();
        assert_eq!(document.get("filter").is_some(), is_filtered, "{query}");
    }
    let names: Vec<_> = document(site, "format=json&state=closed")["scopes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|scope| scope["server"].as_str().expect("a name").to_owned())
        .collect();
    let expected = ["host7.test:443", "host110.test:443", "host111.test:443"];
    assert_eq!(names, expected, "in the order of the configuration");
}

/// The pieces make the same document as the whole report at once, and none is large.
#[test]
fn pieces_of_a_document() {
    for count in [0, 1, 3, 300] {
        let (_, report) = report(site(count, &[]), "format=json");
        let pieces: Vec<_> = json(&report, None).expect("a document").collect();
        let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.expect("text")).collect();
        assert!(pieces.iter().all(|piece| piece.len() < 2 * pieces::LENGTH), "{count}");
        assert!(count < 300 || pieces.len() > 8, "{}", pieces.len());
        let text = pieces.concat();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        for list in ["flags", "scopes"] {
            assert_eq!(value[list].as_array().map(Vec::len), Some(count), "{list}");
        }
        let indented = |line: &str| !line.trim_start().is_empty() && !line.contains('\t');
        assert!(text.ends_with("\n}\n") && text.lines().all(indented), "{text}");
    }
}

/// The names of the scopes in the rows of the page, in their order.
fn rows(html: &str) -> Vec<&str> {
    let (_, table) = html.split_once("<table role=\"table\" class=\"scopes\"").unwrap_or(("", ""));
    let (table, _) = table.split_once("</table>").unwrap_or(("", ""));
    let rows = table.split("<th role=\"rowheader\" scope=\"row\">").skip(1);
    rows.map(|row| row.split([':', '<']).next().unwrap_or("")).collect()
}

#[test]
fn urgent_scopes_come_first() {
    let site = some();
    let first = ["host77.test", "host110.test", "host7.test", "host111.test", "host99.test"];
    for (query, begin, count, parts) in [
        ("", &first[..], 50, "1 to 50 of 120"),
        ("page=2", &["host45.test", "host46.test"], 50, "51 to 100 of 120"),
        ("page=3", &["host96.test"], 20, "101 to 120 of 120"),
        ("page=9", &["host96.test"], 20, "101 to 120 of 120"),
        ("state=announced", &["host99.test", "host100.test"], 2, ""),
        ("scope=host11", &["host110.test", "host111.test", "host11.test"], 11, ""),
        ("scope=nobody", &[], 0, ""),
    ] {
        let html = html(site, query);
        let rows = rows(&html);
        assert!(rows.starts_with(begin), "{query}: {rows:?}");
        assert_eq!(rows.len(), count, "{query}");
        assert!(html.contains(parts), "{query}: {html}");
        assert_eq!(html.contains("<nav"), !parts.is_empty(), "{query}");
    }
}

/// Each scope says why it is open or closed, and each count leads to its scopes.
#[test]
fn reasons() {
    let html = html(some(), "refresh=5");
    for text in [
        "Closed by <code>",
        ", written 10 min ago</p>",
        "; its end was 1 h ago (anna)</p>",
        "7.flag</code> is absent</p>",
        "99.flag</code> closes in 1 h</p>",
        "; in error</p>",
        "href=\"?state=overdue&amp;refresh=5#scopes\">1 overdue</a>",
        "href=\"?state=error&amp;refresh=5#scopes\">1 in error</a>",
        "href=\"?state=open&amp;refresh=5#scopes\">114 open</a>",
        "href=\"?page=2&amp;refresh=5#scopes\">Next</a>",
        "114 flags in <code>",
        "<input type=\"hidden\" name=\"refresh\" value=\"5\">",
        "and 1 more flag</p>",
    ] {
        let html = html.replace("&#x2f;", "/");
        assert!(html.contains(text), "{text}: {html}");
    }
}

/// The page of a server with thousands of scopes is as long as that of one with a hundred, whatever
/// their flags do.
#[test]
fn no_page_is_long() {
    const MANY: usize = 3000;
    let message = format!("message = \"{}\"\nreason = \"for a long time\"", "word ".repeat(40));
    let contents: Vec<_> = (0..MANY).map(|number| (number, message.as_str())).collect();
    for (what, contents) in [("absent", &[][..]), ("present", &contents)] {
        let site = site(MANY, contents);
        let start = Instant::now();
        for query in ["", "page=60", "scope=host1", "state=closed"] {
            let html = html(site, query);
            assert!(html.len() < 200_000, "{what} {query}: {} bytes", html.len());
        }
        println!("{MANY} {what}: {:?} for four pages", start.elapsed());
        let (_, all) = report(site, "format=prometheus");
        let metrics = whole(metrics(&all));
        assert!(metrics.len() < 8000, "{what}: {metrics}");
        let section = html_section(&all);
        assert_eq!(section.matches("<tr>").count(), 51, "{what}");
        assert!(section.contains("and 2950 more scopes"), "{what}: {section}");
    }
}

/// Each series that there is for a scope or a flag.
fn series(metrics: &str) -> BTreeSet<&str> {
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.rsplit_once(' ').map(|(name, _)| name));
    names.filter(|name| name.contains("server=") || name.contains("flag=")).collect()
}

/// Which series there are depends on the configuration and on the scopes that are asked for, and not
/// on what is closed.
#[test]
fn series_stay() {
    let metrics_of = |site, query: &str| {
        let (_, report) = report(site, &format!("format=prometheus&{query}"));
        whole(metrics(&report))
    };
    let names = |text: &str| -> BTreeSet<String> {
        series(&without_folder(text)).into_iter().map(str::to_owned).collect()
    };
    for (count, query, scopes) in [
        (60, "", 60),
        (500, "", 500),
        (501, "", 0),
        (501, "scope=host50", 2),
        (501, "scope=host7", 11),
    ] {
        let open = metrics_of(site(count, &[]), query);
        let closed = metrics_of(site(count, &[(7, ""), (50, OVERDUE)]), query);
        assert_eq!(names(&open), names(&closed), "{count} {query}");
        let states = open.matches("maintenance_scope_state{").count();
        assert_eq!(states, 7 * scopes, "{count} {query}");
        let omitted = if scopes == 0 { count } else { 0 };
        for kind in ["scopes", "flags"] {
            let line = format!("\nmaintenance_omitted_{kind} {omitted}\n");
            assert!(open.contains(&line), "{count} {query}: {open}");
        }
        let line = "\nmaintenance_scopes{state=\"closed\"} ";
        assert!(open.contains(&format!("{line}0\n")), "{open}");
        let number = if query == "scope=host50" { 0 } else { 1 };
        assert!(closed.contains(&format!("{line}{number}\n")), "{closed}");
    }
}

/// The metrics without the folder of the flags, which is another one in each site.
fn without_folder(text: &str) -> String {
    let cut = |line: &str| match (line.find("flag=\""), line.rfind('/')) {
        (Some(start), Some(end)) if end > start => {
            format!("{}{}", &line[..start + 6], &line[end..])
        }
        _ => line.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}
