//! How does text look on a terminal? Colours only where somebody can see them, tables aligned.

use std::io::IsTerminal;

/// Puts colours on text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Colours if standard output is a terminal and `NO_COLOR` is not set.
    pub(crate) fn for_stdout() -> Self {
        Paint { on: std::io::stdout().is_terminal() && colours_wanted() }
    }

    /// The same for standard error.
    pub(crate) fn for_stderr() -> Self {
        Paint { on: std::io::stderr().is_terminal() && colours_wanted() }
    }

    /// Important.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Less important.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Good.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Bad.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// Not good, not bad.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// A name.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text in aligned columns, the heads dimmed.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Table { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; what a peer may have written must have gone through [`shown`].
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.heads.len(), "as many cells as heads");
        self.rows.push(cells);
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each with its line end.
    pub(crate) fn print(&self, paint: Paint) -> String {
        let widths: Vec<usize> = (0..self.heads.len()).map(|i| self.width(i)).collect();
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        let mut out = paint.dim(&line(&heads, &widths));
        out.push('\n');
        for row in &self.rows {
            out.push_str(&line(row, &widths));
            out.push('\n');
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
        cells.chain([width(self.heads[column])]).max().unwrap_or(0)
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, &wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))))
        .collect();
    padded.join("  ").trim_end().to_owned()
}

/// Columns that a text takes, escape sequences not counted.
fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut in_escape = false;
    for c in text.chars() {
        match c {
            '\x1b' => in_escape = true,
            'm' if in_escape => in_escape = false,
            _ if !in_escape => columns += 1,
            _ => {}
        }
    }
    columns
}

/// A text from outside on one line, its control characters made visible.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_with_colours() {
        let paint = Paint { on: true };
        let mut table = Table::new(&["who", "where"]);
        table.row(vec![paint.green("ben"), "here".to_owned()]);
        table.row(vec!["dorothea".to_owned(), "there".to_owned()]);
        let plain = table.print(Paint { on: false });
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "who       where");
        assert_eq!(lines[1], "\x1b[32mben\x1b[0m       here");
        assert_eq!(lines[2], "dorothea  there");
    }

    #[test]
    fn escape_sequences_of_a_peer_do_not_reach_the_terminal() {
        assert_eq!(shown("550 \x1b[2Jno\r\nway"), "550 \u{fffd}[2Jno\u{fffd} way");
    }
}
