//! `waypost top`: what does the server do right now? Seen live on a terminal.

mod draw;
mod figures;
mod screen;
mod state;

use std::time::Duration;

use crate::desk::{Desk, print};
use crate::failure::Failure;
use figures::Figures;
use state::State;

/// Columns and lines of a frame that is printed where there is no terminal.
const FRAME: (u16, u16) = (80, 24);

/// The shortest and the longest time between two looks.
const EVERY: std::ops::RangeInclusive<u64> = 1..=60;

/// How it is watched.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
    /// Print one frame as text and end.
    #[arg(long)]
    once: bool,
}

/// Watches until it is told to stop.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let every = Duration::from_secs(args.every);
    if !args.once && !desk.json {
        return screen::run(desk, every).await;
    }
    let figures = Figures::ask(desk).await?;
    if desk.json {
        print(&crate::desk::json_text(&figures.json()));
        return Ok(());
    }
    let mut state = State::new(desk.client.place().to_string(), every);
    state.take(figures);
    let size = crossterm::terminal::size().ok().filter(|_| desk.look.columns.is_some()).unwrap_or(FRAME);
    print(&draw::text(&state, size, desk.look.now)?);
    Ok(())
}
