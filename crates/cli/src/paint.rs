//! How does text look on a terminal? Colours only where somebody can see them, tables aligned and fitted.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthChar;

/// A column is never made narrower than this to fit a terminal.
const COLUMN_WIDTH_MIN: usize = 8;

/// Puts colours on text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours if standard output is a terminal and `NO_COLOR` is not set.
    pub fn for_stdout() -> Self {
        Paint { on: std::io::stdout().is_terminal() && colours_wanted() }
    }

    /// The same for standard error.
    pub fn for_stderr() -> Self {
        Paint { on: std::io::stderr().is_terminal() && colours_wanted() }
    }

    /// No colours.
    pub const fn plain() -> Self {
        Paint { on: false }
    }

    /// Important.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Less important.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Good.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Bad.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// Not good, not bad.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// A name.
    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal that standard output is, if it is one.
pub fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns)).filter(|&columns| columns > 0)
}

/// Text in aligned columns, the heads dimmed.
#[derive(Clone, Debug)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub fn new(heads: &[&str]) -> Self {
        Table { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; what a peer may have written must have gone through [`shown`].
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.heads.len(), "as many cells as heads");
        self.rows.push(cells);
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each with its line end; not wider than the terminal, if there is one.
    pub fn print(&self, paint: Paint) -> String {
        self.fitted(paint, terminal_width())
    }

    /// The lines, not wider than `columns`: what is too long is cut and ends in `…`.
    pub fn fitted(&self, paint: Paint, columns: Option<usize>) -> String {
        let natural: Vec<usize> = (0..self.heads.len()).map(|i| self.width(i)).collect();
        let widths = match columns {
            Some(columns) => fit(&natural, columns),
            None => natural,
        };
        let mut out = paint.dim(&line(&self.heads, &widths));
        out.push('\n');
        for row in &self.rows {
            out.push_str(&line(row, &widths));
            out.push('\n');
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
        cells.chain([width(&self.heads[column])]).max().unwrap_or(0)
    }
}

/// Takes columns from the widest until all fit, or none can give any more. The first column mostly says what a row is
/// called by, and is wanted whole: it gives last.
fn fit(natural: &[usize], columns: usize) -> Vec<usize> {
    let between = 2 * natural.len().saturating_sub(1);
    let mut widths = natural.to_vec();
    let mut over = (widths.iter().sum::<usize>() + between).saturating_sub(columns);
    while over > 0 {
        let rest = widths.iter_mut().skip(1).max_by_key(|width| **width);
        let widest = match rest.filter(|width| **width > COLUMN_WIDTH_MIN) {
            Some(widest) => Some(widest),
            None => widths.first_mut().filter(|width| **width > COLUMN_WIDTH_MIN),
        };
        let Some(widest) = widest else { break };
        *widest -= 1;
        over -= 1;
    }
    widths
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, &wide)| {
            let cell = cut(cell, wide);
            let pad = " ".repeat(wide.saturating_sub(width(&cell)));
            cell + &pad
        })
        .collect();
    padded.join("  ").trim_end().to_owned()
}

/// Columns that a text takes, escape sequences not counted.
pub fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut in_escape = false;
    for c in text.chars() {
        match c {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if !in_escape => columns += c.width().unwrap_or(0),
            _ => {}
        }
    }
    columns
}

/// A text of at most `columns`, ended by `…` if something was left out. Colours that were opened are closed.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let (mut used, mut in_escape, mut coloured) = (0, false, false);
    for c in text.chars() {
        if c == '\x1b' || in_escape {
            in_escape = c != 'm';
            coloured = true;
            out.push(c);
            continue;
        }
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    if coloured {
        out.push_str("\x1b[0m");
    }
    out
}

/// A text from outside on one line: what could steer a terminal or turn the order of letters is made visible.
pub fn shown(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => ' ',
            c if c.is_control() || turns(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same for a text of several lines.
pub fn shown_lines(text: &str) -> String {
    text.lines().map(|line| shown(line.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// Characters that change the direction of text or end a line without being control characters.
pub(crate) const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_with_colours_and_wide_letters() {
        let paint = Paint { on: true };
        let mut table = Table::new(&["who", "where"]);
        table.row(vec![paint.green("ben"), "here".to_owned()]);
        table.row(vec!["dorothea".to_owned(), "there".to_owned()]);
        table.row(vec!["漢字".to_owned(), "far".to_owned()]);
        let plain = table.fitted(Paint::plain(), None);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "who       where");
        assert_eq!(lines[1], "\x1b[32mben\x1b[0m       here");
        assert_eq!(lines[2], "dorothea  there");
        assert_eq!(lines[3], "漢字      far");
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let mut table = Table::new(&["ID", "WHY"]);
        table.row(vec!["a1".to_owned(), "connection refused by the relay in the cellar".to_owned()]);
        for columns in [20, 30, 40] {
            let text = table.fitted(Paint::plain(), Some(columns));
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}: {text}");
            assert!(text.contains('…'), "{text}");
        }
        assert!(!table.fitted(Paint::plain(), Some(100)).contains('…'));
        assert_eq!(fit(&[16, 20, 40], 60), [16, 20, 20]);
        assert_eq!(fit(&[16, 20, 40], 40), [16, 10, 10]);
        assert_eq!(fit(&[16, 20, 40], 30), [10, 8, 8]);
    }

    #[test]
    fn a_cut_closes_the_colours_that_it_opened() {
        let red = Paint { on: true }.red("connection refused");
        let cut = cut(&red, 10);
        assert_eq!(cut, "\x1b[31mconnectio…\x1b[0m");
        assert_eq!(width(&cut), 10);
    }

    // proves: L14
    #[test]
    fn escape_sequences_of_a_peer_do_not_reach_the_terminal() {
        assert_eq!(shown("550 \x1b[2Jno\r\nway"), "550 \u{fffd}[2Jno\u{fffd} way");
        assert_eq!(shown("gpj.\u{202e}exe \u{9b}31m"), "gpj.\u{fffd}exe \u{fffd}31m");
        assert_eq!(shown_lines("a\x07\r\nb"), "a\u{fffd}\nb");
    }
}
