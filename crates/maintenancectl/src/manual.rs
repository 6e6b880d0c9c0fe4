//! The manual pages. That of the command is made from its arguments; those of the files are written
//! by hand, and tests compare them with the code.

use clap::{Arg, Command};
use roff::{Inline, Roff, bold, italic, roman};

/// maintenance.flag(5)
pub(crate) const FLAG: &str = include_str!("../man/maintenance.flag.5");

/// maintenancectl.toml(5)
pub(crate) const SETTINGS: &str = include_str!("../man/maintenancectl.toml.5");

/// The date of the last change, as in the pages that are written by hand.
const DATE: &str = "2026-11-28";

/// The times that an administrator can say.
const TIMES: [(&str, &str); 7] = [
    ("22:00, 10pm, midnight", "The next such time. A time that has just passed is questioned."),
    ("tomorrow 01:30", "That time of the next day."),
    ("Sat 22:00", "That time of the next such day, which can be today."),
    ("+2h, in 2h, +1h30m, +2d", "From now on; for --end with +, from the start on."),
    ("28 Nov 22:00", "The next such date."),
    ("2026-11-28 22:00", "A time in the machine's zone."),
    ("2026-11-28T22:00:00+01:00, 22:00 UTC", "A time with an offset."),
];

const EXITS: [(&str, &str); 5] = [
    ("0", "Yes, or done."),
    (
        "1",
        "No. The command did nothing: the flag was written by somebody else, for example; or nothing \
         is planned.",
    ),
    (
        "2",
        "The servers differ; or arguments, a file or the file system cannot be used; or somebody \
         else changed the store at the same moment; or a hook failed, after the change was made.",
    ),
    ("3", "The command cannot tell: a server or the store does not answer, for example."),
    ("130", "Ctrl-C ended a wait. What was written before stays."),
];

/// A night, in the order of the steps.
const EXAMPLES: [(&str, &str); 12] = [
    ("maintenancectl check", "Check the settings and the files that they name."),
    (
        "maintenancectl announce --start \"tomorrow 22:00\" --end 23:30 -m \"en=We are moving.\" -m \
         \"de=Wir ziehen um.\"",
        "Announce a closing, which begins by itself.",
    ),
    ("maintenancectl open", "Withdraw the announcement, or open the closed site."),
    (
        "maintenancectl close --end +2h --reason upgrade --wait",
        "Close now, and wait until the application can be stopped.",
    ),
    ("maintenancectl allow 192.0.2.7 --for 2h", "Let a colleague in."),
    ("maintenancectl invite add anna --for 2h", "Let somebody in who has no fixed address."),
    ("maintenancectl status", "See what is closed, what still runs, and who is refused most."),
    ("maintenancectl explain 192.0.2.9", "See why a client is refused."),
    ("maintenancectl extend --by 30m", "Move the planned end."),
    ("maintenancectl open --percent 10", "Let a tenth of the clients in."),
    ("maintenancectl open --over 15m", "Let more and more clients in, and then all."),
    ("maintenancectl status --nagios", "Check the servers from a monitoring system."),
];

const FILES: [(&str, &str); 1] =
    [("/etc/maintenancectl.toml", "The settings, see maintenancectl.toml(5).")];

/// maintenancectl(8)
pub(crate) fn of_command(mut command: Command) -> String {
    command.build();
    let mut page = Roff::new();
    page.control("TH", ["maintenancectl", "8", DATE, "mod_maintenance", "System Administration"]);
    page.control("SH", ["NAME"]);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let name = about.chars().next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    let rest: String = about.chars().skip(1).collect();
    page.text([roman(format!("maintenancectl - {name}{}", rest.trim_end_matches('.')))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("maintenancectl"), roman(" [OPTIONS] COMMAND ...")]);
    page.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut page, &command);
    page.control("SH", ["OPTIONS"]);
    for option in command.get_arguments().filter(|option| !is_builtin(option)) {
        argument(&mut page, option);
    }
    page.control("SH", ["COMMANDS"]);
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        of_verb(&mut page, verb, &format!("maintenancectl {}", verb.get_name()));
    }
    table(&mut page, "TIMES", &TIMES);
    table(&mut page, "EXAMPLES", &EXAMPLES);
    table(&mut page, "EXIT STATUS", &EXITS);
    table(&mut page, "FILES", &FILES);
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("maintenance.flag"),
        roman("(5), "),
        bold("maintenancectl.toml"),
        roman("(5)"),
    ]);
    page.to_roff()
}

fn of_verb(page: &mut Roff, verb: &Command, name: &str) {
    let inner: Vec<_> = verb.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    page.control("SS", [name]);
    if inner.is_empty() {
        let usage = verb.clone().render_usage().to_string();
        page.text([bold(usage.trim_start_matches("Usage: ").to_owned())]);
        page.control("PP", []);
    }
    paragraphs(page, verb);
    for option in verb.get_arguments().filter(|option| !is_builtin(option)) {
        if !option.is_global_set() || !inner.is_empty() {
            argument(page, option);
        }
    }
    for inner in inner {
        of_verb(page, inner, &format!("{name} {}", inner.get_name()));
    }
}

/// `--help` and `--version`, which every page of every program would have.
fn is_builtin(option: &Arg) -> bool {
    option.is_hide_set() || ["help", "version"].contains(&option.get_id().as_str())
}

/// What a command does, a paragraph for each.
fn paragraphs(page: &mut Roff, command: &Command) {
    let text = command.get_long_about().or(command.get_about());
    let text = text.map(ToString::to_string).unwrap_or_default();
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        let end = if paragraph.ends_with('.') { "" } else { "." };
        page.text([roman(format!("{paragraph}{end}"))]);
    }
}

fn argument(page: &mut Roff, option: &Arg) {
    page.control("TP", []);
    let mut names: Vec<Inline> = vec![];
    if let Some(short) = option.get_short() {
        names.extend([bold(format!("-{short}")), roman(", ")]);
    }
    let values = option.get_value_names().unwrap_or_default();
    let values = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    match option.get_long() {
        Some(long) => {
            names.push(bold(format!("--{long}")));
            if option.get_action().takes_values() {
                names.extend([roman(" "), italic(values)]);
            }
        }
        None => names.push(italic(values)),
    }
    page.text(names);
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    page.text([roman(format!("{}.", help.trim_end_matches('.')))]);
    let values = option.get_possible_values();
    let values: Vec<_> = values.iter().filter(|value| !value.is_hide_set()).collect();
    if !values.is_empty() && option.get_action().takes_values() {
        let value = |value: &&clap::builder::PossibleValue| match value.get_help() {
            Some(help) => format!("{} ({help})", value.get_name()),
            None => value.get_name().to_owned(),
        };
        let values: Vec<_> = values.iter().map(value).collect();
        page.text([roman(format!("One of {}.", values.join(", ")))]);
    }
}

fn table(page: &mut Roff, title: &str, rows: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (name, meaning) in rows {
        page.control("TP", []);
        page.text([bold((*name).to_owned())]);
        page.text([roman((*meaning).to_owned())]);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use maintenance_core::flag::spec::KEYS;

    use super::*;
    use crate::cli::Cli;
    use crate::settings::Settings;
    use crate::spoken::{Clock, time};

    /// The names of the paragraphs of a page.
    fn names(page: &str) -> Vec<&str> {
        let lines: Vec<_> = page.lines().collect();
        let pairs = lines.windows(2).filter(|pair| pair[0] == ".TP");
        pairs.filter_map(|pair| pair[1].strip_prefix(".B ")).collect()
    }

    #[test]
    fn all_have_one_date() {
        for (page, name) in [(FLAG, "maintenance.flag 5"), (SETTINGS, "maintenancectl.toml 5")] {
            let title = format!(".TH {name} {DATE} mod_maintenance ");
            assert!(page.starts_with(&title), "{name}");
        }
    }

    #[test]
    fn every_key_of_a_flag() {
        let mut names = names(FLAG);
        names.sort_unstable();
        let mut keys = KEYS.to_vec();
        keys.sort_unstable();
        assert_eq!(names, keys);
    }

    #[test]
    fn every_key_of_the_settings() {
        // The error names all keys.
        let keys = |text: &str| -> Vec<String> {
            let error = Settings::parse(text).expect_err(text);
            let known = error.cause.split("the keys are ").nth(1).expect(&error.cause);
            known.split(", ").map(str::to_owned).collect()
        };
        let mut known = keys("x = 1");
        assert!(known.iter().any(|key| key == "server"), "{known:?}");
        known.retain(|key| !["server", "store"].contains(&key.as_str()));
        known.extend(["[store]".into(), "[[server]]".into()]);
        known.extend(keys("[[server]]\nx = 1"));
        known.extend(keys("[store]\nx = 1"));
        assert_eq!(names(SETTINGS), known);
    }

    #[test]
    fn every_verb_and_option() {
        let page = of_command(Cli::command());
        let mut command = Cli::command();
        command.build();
        let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
        let mut number = 0;
        for verb in verbs {
            number += 1;
            let name = verb.get_name();
            assert!(page.contains(&format!(".SS \"maintenancectl {name}\"\n")), "{name}: {page}");
            for option in verb.get_arguments().filter_map(|option| option.get_long()) {
                let escaped = format!("--{option}").replace('-', "\\-");
                let is_builtin = ["help", "version"].contains(&option);
                assert!(is_builtin || page.contains(&escaped), "{name} --{option}");
            }
        }
        assert!(number >= 8, "{number} verbs");
    }

    #[test]
    fn the_examples_can_be_run() {
        for (example, _) in EXAMPLES {
            let words = example.split('"').enumerate().flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().collect::<Vec<_>>(),
                _ => vec![part],
            });
            assert!(Cli::command().try_get_matches_from(words).is_ok(), "{example}");
        }
    }

    #[test]
    fn the_times_can_be_read() {
        let zone = jiff::tz::TimeZone::UTC;
        let clock = Clock::new("2026-11-20T12:00:00Z".parse().expect("a time"), &zone);
        for text in TIMES.iter().flat_map(|(times, _)| times.split(", ")) {
            assert!(time(text, &clock).is_ok(), "{text}: {:?}", time(text, &clock));
        }
    }
}
