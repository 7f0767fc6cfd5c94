//! Asks for a password without showing it, or reads it from standard input.

use std::io::{IsTerminal, Write};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::args::bounded_reader;
use crate::failure::Failure;

/// Bytes of a password at most.
const PASSWORD_BYTES_MAX: usize = 1024;

/// The new password: the first line of standard input, or asked for twice on a terminal.
pub(crate) fn new(from_stdin: bool) -> Result<String, Failure> {
    let password = if from_stdin {
        let text = bounded_reader(std::io::stdin().lock(), PASSWORD_BYTES_MAX);
        let text = text.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
        text.lines().next().unwrap_or_default().to_owned()
    } else if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        let first = asked("New password: ")?;
        if asked("Once more: ")? != first {
            return Err(Failure::failed("these were two different passwords; nothing was done"));
        }
        first
    } else {
        return Err(Failure::usage("nobody is here to be asked for the password; give it with --stdin"));
    };
    if password.is_empty() { Err(Failure::failed("there is no empty password")) } else { Ok(password) }
}

/// Puts the terminal back, whatever happens.
struct Raw;

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

fn asked(question: &str) -> Result<String, Failure> {
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot ask for the password: {error}"));
    eprint!("{question}");
    std::io::stderr().flush().map_err(cannot)?;
    enable_raw_mode().map_err(cannot)?;
    let raw = Raw;
    let mut text = String::new();
    let typed = loop {
        let Event::Key(key) = read().map_err(cannot)? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match key.code {
            KeyCode::Enter => break Some(text),
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => break None,
            KeyCode::Esc => break None,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if text.len() < PASSWORD_BYTES_MAX => text.push(c),
            _ => {}
        }
    };
    drop(raw);
    eprintln!();
    typed.ok_or_else(|| Failure::failed("nothing was done"))
}
