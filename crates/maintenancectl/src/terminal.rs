//! What the terminal can show: its width, its characters, and colours. Output that is no terminal
//! gets no colours and is not cut.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Good: the site is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// A maintenance is going on.
pub(crate) const CLOSED: Style = AnsiColor::Yellow.on_default().bold();
/// Something is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// The terminal of standard output, or a file in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// In columns. None: lines are not cut.
    pub(crate) width: Option<usize>,
    /// Whether more than ASCII can be shown.
    pub(crate) is_utf8: bool,
    /// Whether it is a terminal.
    pub(crate) is_terminal: bool,
}

impl Screen {
    /// Finds out what standard output can show.
    pub(crate) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size_of(io::stdout()).filter(|_| is_terminal);
        let width = size.map(|(width, _)| usize::from(width.0)).filter(|width| *width > 0);
        Self { width, is_utf8: is_utf8(&|name| env::var(name).ok()), is_terminal }
    }

    /// Writes a text. Colours are left out if the terminal has none, or NO_COLOR is set.
    ///
    /// # Errors
    /// The text cannot be written.
    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        let mut out = anstream::stdout();
        out.write_all(self.fit(text).as_bytes())?;
        out.flush()
    }

    /// The text in characters that can be shown.
    pub(crate) fn fit<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_utf8 || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let mut fitting = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '…' => fitting.push_str("..."),
                '–' | '—' => fitting.push('-'),
                '„' | '“' | '”' => fitting.push('"'),
                '‘' | '’' => fitting.push('\''),
                letter if letter.is_ascii() => fitting.push(letter),
                _ => fitting.push('?'),
            }
        }
        Cow::Owned(fitting)
    }

    const fn ellipsis(&self) -> &'static str {
        if self.is_utf8 { "…" } else { "..." }
    }

    /// The text, cut to the width less `indent` columns.
    pub(crate) fn cut(&self, text: &str, indent: usize) -> String {
        match self.width {
            Some(width) => cut(text, width.saturating_sub(indent), self.ellipsis()),
            None => text.to_owned(),
        }
    }

    /// Rows as a table, each row with its style for the cell in the column `styled`. Columns are as
    /// wide as their widest cell, and the last one is cut.
    pub(crate) fn table(&self, rows: &[(Style, Vec<String>)], styled: usize) -> String {
        let columns = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let width_of = |column: usize| {
            let cells = rows.iter().filter_map(|(_, cells)| cells.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width_of).collect();
        let mut table = String::new();
        for (style, cells) in rows {
            let mut used = 0;
            for (number, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let gap = if number == 0 { 0 } else { 2 };
                let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(used + gap));
                if room == 0 {
                    break;
                }
                let cell = cut(cell, room, self.ellipsis());
                let is_last = number + 1 == cells.len();
                let width = if is_last { cell.width() } else { (*width).min(room) };
                let padding = width.saturating_sub(cell.width());
                let gap = " ".repeat(gap);
                let padding = " ".repeat(padding);
                table += &match number == styled || *style == HEADING {
                    true => format!("{gap}{style}{cell}{style:#}{padding}"),
                    false => format!("{gap}{cell}{padding}"),
                };
                used += gap.len() + width;
            }
            table.push('\n');
        }
        table
    }
}

/// Writes a line about the command itself to standard error.
pub(crate) fn warn(line: &str) {
    note!("maintenancectl: {line}");
}

/// The text, or as much of it as fits in this many columns, with an ellipsis.
fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut used = 0;
    let fits = |letter: &char| {
        used += letter.width().unwrap_or(0);
        used <= room
    };
    let start: String = text.chars().take_while(fits).collect();
    match ellipsis.width() <= width {
        true => start + ellipsis,
        false => String::new(),
    }
}

/// Whether the locale is one with UTF-8; see setlocale(3).
pub(crate) fn is_utf8(variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable);
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: Option<usize>, is_utf8: bool) -> Screen {
        Screen { width, is_utf8, is_terminal: false }
    }

    #[test]
    fn locales() {
        for (variables, expected) in [
            (&[][..], false),
            (&[("LANG", "C")], false),
            (&[("LANG", "C.UTF-8")], true),
            (&[("LANG", "de_DE.utf8")], true),
            (&[("LC_ALL", "C"), ("LANG", "C.UTF-8")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "en_US.UTF-8"), ("LANG", "C")], true),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_utf8(&variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn letters_and_widths() {
        for (text, ascii) in [("plain", "plain"), ("a…", "a..."), ("für „x“", "f?r \"x\"")] {
            assert_eq!(screen(None, false).fit(text), ascii);
            assert_eq!(screen(None, true).fit(text), text);
        }
        for (text, width, expected, ascii) in [
            ("abcdef", 6, "abcdef", "abcdef"),
            ("abcdef", 5, "abcd…", "ab..."),
            ("日本語", 6, "日本語", "日本語"),
            ("日本語", 5, "日本…", "日..."),
            ("abcdef", 1, "…", ""),
            ("abcdef", 0, "", ""),
        ] {
            assert_eq!(cut(text, width, "…"), expected);
            assert_eq!(cut(text, width, "..."), ascii);
        }
    }

    #[test]
    fn tables() {
        let row = |cells: &[&str]| {
            (Style::new(), cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
        };
        let rows = [row(&["web1", "closed", "a long text"]), row(&["日本", "open", "x"])];
        let table = |width| screen(width, true).table(&rows, 9);
        assert_eq!(table(None), "web1  closed  a long text\n日本  open    x\n");
        assert_eq!(table(Some(18)), "web1  closed  a l…\n日本  open    x\n");
        assert_eq!(table(Some(8)), "web1  c…\n日本  o…\n");
    }
}
