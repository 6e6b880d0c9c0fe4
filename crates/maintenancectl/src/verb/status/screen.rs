//! What the servers do, on one screen for people.

use std::time::Duration;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::report::ScopeState;

use crate::servers::node::{Before, Goal, Node};
use crate::servers::report::{Flag, State};
use crate::servers::site::{Site, list};
use crate::spoken::{distance, said};
use crate::terminal::{BAD, CLOSED, FAINT, GOOD, HEADING, Screen};

/// How many flags, clients and paths are shown.
const LISTED: usize = 5;

/// A line, and its style.
type Line = (Style, String);

/// A row of a table, and its style.
type Row = (Style, Vec<String>);

/// The screen: the state, the flags, the servers, what still runs, who is refused, and what is
/// wrong.
pub(super) fn text(site: &Site, now: Timestamp, zone: &TimeZone, screen: &Screen) -> String {
    let headline = (site.state().map_or(BAD, style), capital(&site.states_text()));
    let flags = flags(site, now, zone).into_iter();
    let exceptions = site.exceptions(Goal::Closed).into_iter().map(|words| format!("  {words}"));
    let rest = flags.chain(exceptions).map(|words| (Style::new(), words));
    let top: Vec<_> = [headline].into_iter().chain(rest).collect();
    let blocks = [
        lines(&top, screen),
        screen.table(&servers(site), 1),
        lines(&running(site), screen),
        screen.table(&refused(site), usize::MAX),
        // These lines say what to do, so they are never cut.
        lines(&problems(site, now), &Screen { width: None, ..*screen }),
    ];
    blocks.into_iter().filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n")
}

fn lines(lines: &[Line], screen: &Screen) -> String {
    let line = |(style, words): &Line| format!("{style}{}{style:#}\n", screen.cut(words, 0));
    lines.iter().map(line).collect()
}

fn style(state: State) -> Style {
    use ScopeState::{Announced, Closed, Off, Open, Overdue, ReadOnly, Reopening};
    match state {
        State::Other | State::Known(Overdue) => BAD,
        State::Known(Off | Open) => GOOD,
        State::Known(Announced | ReadOnly | Reopening | Closed) => CLOSED,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The flags that close or announce, each once with the servers that have it.
fn flags(site: &Site, now: Timestamp, zone: &TimeZone) -> Vec<String> {
    let mut groups: Vec<([String; 2], Vec<&str>)> = vec![];
    for (name, node) in site.nodes() {
        for flag in node.flags() {
            let words = [does(flag, now, zone), why(flag, now, zone)];
            match groups.iter_mut().find(|(known, _)| *known == words) {
                Some((_, names)) => names.push(name),
                None => groups.push((words, vec![name])),
            }
        }
    }
    let (count, more) = (site.nodes().count(), groups.len().saturating_sub(LISTED));
    let mut lines = vec![];
    for ([does, why], names) in groups.into_iter().take(LISTED) {
        lines.push(match names.len() {
            of if of == count => format!("  {does}"),
            _ => format!("  {} on {}", does, list(&names)),
        });
        if !why.is_empty() {
            lines.push(format!("    {why}"));
        }
    }
    if more > 0 {
        lines.push(format!("  and {more} more flags"));
    }
    lines
}

/// What the flag does, since when or from when on.
fn does(flag: &Flag, now: Timestamp, zone: &TimeZone) -> String {
    let (path, said) = (&flag.path, |at: Timestamp| said(at, now, zone));
    let closes = match flag.refuse.as_deref() {
        Some("writes") => "refuses writes",
        _ => "closes the site",
    };
    match (flag.state.as_str(), flag.start, flag.end, flag.modified) {
        ("announced", Some(start), ..) => format!("{path} will close the site {}", said(start)),
        ("reopening", _, Some(end), _) => format!("{path} has been reopening since {}", said(end)),
        (_, Some(start), _, Some(written)) if start >= written => {
            format!("{path} {closes}, from {} on", said(start))
        }
        // Each change of a flag is a new file, so nothing says since when the site is closed.
        (_, _, _, Some(written)) => format!("{path} {closes}; last written {}", said(written)),
        _ => format!("{path} {closes}"),
    }
}

/// Until when, by whom and why.
fn why(flag: &Flag, now: Timestamp, zone: &TimeZone) -> String {
    let open = flag.open_for_all();
    let end = flag.end.filter(|_| open.is_none()).map(|end| {
        let verb = match flag.state.as_str() {
            _ if end > now => "until",
            "reopening" => "since",
            _ => "should have ended",
        };
        format!("{verb} {}", said(end, now, zone))
    });
    let share = flag.share.map(|share| match open {
        None => format!("{share:.0} % of the clients pass"),
        Some(open) => format!(
            "{share:.0} % of the clients pass now, and all of them from {}",
            said(open, now, zone)
        ),
    });
    let by = flag.by().map(|by| format!("by {by}"));
    let first = [end, share, by].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let why: Vec<_> = [&flag.reason, &flag.ticket].into_iter().flatten().cloned().collect();
    match why.is_empty() {
        true => first,
        false => [first, why.join(", ")].join(": "),
    }
}

/// A row for each server.
fn servers(site: &Site) -> Vec<Row> {
    let heading = ["SERVER", "STATE", "RUNNING", "FROM BEFORE", "REFUSED", "MODULE"];
    let of_store = ["COMMAND", "REVISION"];
    let is_fleet = site.nodes().any(|(_, node)| node.told.is_some());
    let heading = heading.iter().chain(of_store.iter().filter(|_| is_fleet));
    let heading = (HEADING, heading.map(|word| (*word).to_owned()).collect());
    let rows = site.servers.iter().map(|server| match &server.node {
        Ok(node) => (style(node.state()), of_node(&server.name, node)),
        Err(_) => (BAD, vec![server.name.clone(), "no report".to_owned()]),
    });
    [heading].into_iter().chain(rows).collect()
}

fn of_node(name: &str, node: &Node) -> Vec<String> {
    let (report, before) = (&node.report, node.before());
    let name = match &report.machine {
        Some(machine) if machine != name => format!("{name} ({machine})"),
        _ => name.to_owned(),
    };
    let count = before.waiting_for(false);
    let before = match before.oldest {
        Some(age) => format!("{count} ({})", seconds(age)),
        None => count.to_string(),
    };
    let running = report.in_flight.tracked.requests.to_string();
    let mut row = vec![
        name,
        node.state_text(),
        running,
        before,
        node.refused().to_string(),
        report.version.clone(),
    ];
    if let Some(told) = &node.told {
        let revision =
            told.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string());
        row.extend([told.command.clone(), revision]);
    }
    row
}

fn seconds(age: u64) -> String {
    distance(Duration::from_secs(age))
}

/// Whether something from before the closing still runs.
fn running(site: &Site) -> Vec<Line> {
    if site.is_open() {
        return vec![];
    }
    let before = site.before();
    if before == Before::default() {
        let text = match site.faults().next() {
            None => "Nothing from before the closing runs any more.",
            Some(_) => "Nothing from before the closing runs any more on those with a report.",
        };
        return vec![(GOOD, text.to_owned())];
    }
    let mut lines = vec![(CLOSED, format!("{}.", capital(&before.text())))];
    let nodes = site.nodes();
    let running =
        nodes.flat_map(|(name, node)| node.report.running.iter().map(move |it| (name, it)));
    let mut running: Vec<_> = running.filter(|(_, it)| it.from_before_closing).collect();
    running.sort_by_key(|(_, it)| std::cmp::Reverse(it.age));
    for (name, it) in running.into_iter().take(LISTED) {
        let path = it.path.as_deref().unwrap_or("path unknown (see ExtendedStatus)");
        lines.push((FAINT, format!("  {} on {name}: {path}", seconds(it.age))));
    }
    lines
}

/// The clients that are refused most.
fn refused(site: &Site) -> Vec<Row> {
    let clients = site.refused();
    if clients.is_empty() {
        return vec![];
    }
    let heading = ["REFUSED MOST", "COUNT", "LAST PATH", "USER-AGENT"];
    let heading = (HEADING, heading.map(str::to_owned).to_vec());
    let row = |client: crate::servers::site::Refused| {
        let count = client.count.to_string();
        (Style::new(), vec![client.address, count, client.path, client.user_agent])
    };
    [heading].into_iter().chain(clients.into_iter().take(LISTED).map(row)).collect()
}

/// What is wrong: servers without a report first.
fn problems(site: &Site, now: Timestamp) -> Vec<Line> {
    let faults = site.faults().map(|(name, fault)| (BAD, format!("{name} {fault}")));
    let warnings = site.warnings(now).into_iter().map(|warning| (CLOSED, warning));
    let others = site.nodes().filter(|(_, node)| node.is_flag_unknown);
    let others: Vec<_> = others.map(|(name, _)| name).collect();
    let flag = format!("the flag in question is not one of {}, so all scopes count", list(&others));
    let flag = (!others.is_empty()).then_some((FAINT, flag));
    faults.chain(warnings).chain(flag).collect()
}
