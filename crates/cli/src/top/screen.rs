//! The live view: looks, draws, listens to keys, and leaves the terminal as it was.

use std::io::IsTerminal;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant as Tick, sleep_until};

use super::EVERY;
use super::draw::{Theme, draw};
use super::figures::Figures;
use super::state::State;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::time::Instant;

/// How often keys are looked for.
const KEYS_EVERY: Duration = Duration::from_millis(50);

/// Puts the terminal back, also if this task panics; the hook that ratatui sets does so before the words of a panic.
struct Screen(DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What somebody wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Nothing,
    Quit,
    LookNow,
    Draw,
}

/// Watches until a key or a signal says that it is enough.
pub(super) async fn run(desk: &Desk<'_>, every: Duration) -> Result<(), Failure> {
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return Err(Failure::usage("this is no terminal").hint("waypost top --once prints one frame"));
    }
    let theme = Theme { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
    let mut state = State::new(desk.client.place().to_string(), every);
    // If there is no server, that is said on the terminal as it is.
    state.take(Figures::ask(desk).await?);
    let terminal =
        ratatui::try_init().map_err(|error| Failure::failed(format!("cannot use the terminal: {error}")))?;
    let mut screen = Screen(terminal);
    watch(desk, &mut screen.0, &mut state, theme).await
}

async fn watch(
    desk: &Desk<'_>,
    terminal: &mut DefaultTerminal,
    state: &mut State,
    theme: Theme,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("the terminal is gone: {error}"));
    let mut ends = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangs_up = signal(SignalKind::hangup()).map_err(failed)?;
    let mut interrupts = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut look_at = Tick::now() + state.every;
    let mut asked = None;
    loop {
        terminal.draw(|frame| draw(frame, state, theme, Instant::now())).map_err(failed)?;
        let keys_at = Tick::now() + KEYS_EVERY;
        let due = Tick::now() >= look_at && !state.still;
        if due && asked.is_none() {
            asked = Some(Box::pin(Figures::ask(desk)));
        }
        let answer = async {
            match &mut asked {
                Some(asked) => asked.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = ends.recv() => return Ok(()),
            _ = hangs_up.recv() => return Ok(()),
            _ = interrupts.recv() => return Ok(()),
            () = sleep_until(keys_at) => match keys(state).map_err(failed)? {
                Wish::Quit => return Ok(()),
                Wish::LookNow => look_at = Tick::now(),
                Wish::Draw | Wish::Nothing => {}
            },
            figures = answer => {
                asked = None;
                look_at = Tick::now() + state.every;
                match figures {
                    Ok(figures) => state.take(figures),
                    Err(failure) => state.trouble = Some(failure.text),
                }
            }
        }
    }
}

/// What was typed since the last time.
fn keys(state: &mut State) -> std::io::Result<Wish> {
    let mut wish = Wish::Nothing;
    while crossterm::event::poll(Duration::ZERO)? {
        match crossterm::event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(Wish::Quit),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(Wish::Quit),
                KeyCode::Char('r') => wish = Wish::LookNow,
                KeyCode::Char(' ') => state.still = !state.still,
                KeyCode::Char('+') => change(state, 1),
                KeyCode::Char('-') => change(state, -1),
                _ => {}
            },
            Event::Resize(..) => wish = Wish::Draw,
            _ => {}
        }
    }
    Ok(wish)
}

fn change(state: &mut State, by: i64) {
    let seconds = state.every.as_secs().saturating_add_signed(by);
    state.every = Duration::from_secs(seconds.clamp(*EVERY.start(), *EVERY.end()));
}
