//! Where a command works: the server it asks, the terminal it prints to, the person it may ask.

use std::cell::OnceCell;
use std::io::{BufRead, IsTerminal, Write};

use serde_json::Value;

use crate::args::{Output, Server};
use crate::client::Client;
use crate::failure::Failure;
use crate::house::House;
use crate::paint::{Paint, Table, shown, terminal_width, turns};
use crate::schema::Schema;
use crate::time::Instant;

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) paint: Paint,
    /// Columns of the terminal, if it is one.
    pub(crate) columns: Option<usize>,
    pub(crate) now: Instant,
}

impl Look {
    /// A table as text.
    pub(crate) fn table(&self, table: &Table) -> String {
        table.fitted(self.paint, self.columns)
    }

    /// A point in time of an answer, seen from now; what is none is a dash.
    pub(crate) fn when(&self, value: Option<&Value>) -> String {
        match value.and_then(Value::as_str) {
            Some(text) => Instant::parse(text).map_or_else(|| shown(text), |at| at.from(self.now)),
            None => "-".to_owned(),
        }
    }
}

/// Where a command works.
pub(crate) struct Desk<'a> {
    pub(crate) client: Client,
    pub(crate) look: Look,
    pub(crate) json: bool,
    pub(crate) house: &'a dyn House,
    schema: OnceCell<Schema>,
}

impl<'a> Desk<'a> {
    /// For the server that the arguments name.
    pub(crate) fn new(server: &Server, output: Output, house: &'a dyn House) -> Result<Self, Failure> {
        let place = server.place(house)?;
        if matches!(&place, crate::client::Place::Remote(remote) if remote.is_blind()) {
            warn("--insecure: whoever answers as the server is believed");
        }
        let look = Look { paint: Paint::for_stdout(), columns: terminal_width(), now: Instant::now() };
        Ok(Desk { client: Client::new(place), look, json: output.json, house, schema: OnceCell::new() })
    }

    /// What types of objects there are; asked for once.
    pub(crate) async fn schema(&self) -> Result<&Schema, Failure> {
        if self.schema.get().is_none() {
            let document = self.client.document("/api/schema").await?;
            let _ = self.schema.set(Schema::of(&document)?);
        }
        self.schema.get().ok_or_else(|| Failure::strange("no schema"))
    }

    /// Prints JSON, if that is asked for, or else what `text` makes of it.
    pub(crate) fn show(&self, value: &Value, text: impl FnOnce(&Look) -> String) {
        if self.json { print(&json_text(value)) } else { print(&text(&self.look)) }
    }

    /// Whether a person sits here who can be asked.
    pub(crate) fn has_person(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a yes-or-no question on the terminal; anything but yes is no.
    pub(crate) fn agreed(&self, question: &str) -> bool {
        eprint!("{} [y/N] ", shown(question));
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
    }
}

/// Says something on standard error that is no failure.
pub(crate) fn warn(text: &str) {
    eprintln!("{} {}", Paint::for_stderr().yellow("warning:"), shown(text));
}

/// Prints, and ends quietly if nobody reads any more.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// JSON whose strings cannot steer a terminal.
pub(crate) fn json_text(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Within strings only: the rest of a JSON text has no such characters but line feeds.
        if (c.is_control() && c != '\n') || turns(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
impl Look {
    /// Without colours, at a fixed time, for tests.
    pub(crate) fn plain(columns: Option<usize>) -> Self {
        Look { paint: Paint::plain(), columns, now: Instant(1_795_529_100_000) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // proves: L14
    #[test]
    fn json_cannot_steer_a_terminal_and_stays_the_same() {
        let value = json!({"a\u{9b}": ["\x1b[2J", "\u{7f}\u{202e}", "é漢"]});
        let text = json_text(&value);
        assert!(text.chars().all(|c| !c.is_control() || c == '\n') && !text.contains('\u{202e}'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
