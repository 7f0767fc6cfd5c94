//! One frame: rates, the queue, why mail waits, next hops, the last failures.

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline, Wrap};
use serde_json::Value;

use super::state::{SERIES, State};
use crate::failure::Failure;
use crate::next_hops::is_down;
use crate::paint::shown;
use crate::render::{counted, number};
use crate::time::{Instant, span};

/// Whether colours are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    pub(super) colours: bool,
}

impl Theme {
    fn of(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn dim(self) -> Style {
        if self.colours { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }
}

/// A frame as text.
pub(super) fn text(state: &State, (columns, lines): (u16, u16), now: Instant) -> Result<String, Failure> {
    let cannot = |why: String| Failure::failed(format!("cannot draw: {why}"));
    let mut terminal =
        Terminal::new(TestBackend::new(columns, lines)).map_err(|error| cannot(error.to_string()))?;
    terminal
        .draw(|frame| draw(frame, state, Theme { colours: false }, now))
        .map_err(|error| cannot(error.to_string()))?;
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let cells = (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        cells.trim_end().to_owned() + "\n"
    };
    Ok((0..lines).map(line).collect())
}

/// Draws it.
pub(super) fn draw(frame: &mut Frame, state: &State, theme: Theme, now: Instant) {
    let room = frame.area();
    // A sentence mostly takes two lines.
    let causes = u16::try_from(2 * state.figures.causes.len()).unwrap_or(u16::MAX).clamp(3, 8) + 1;
    let down = state.figures.next_hops.iter().filter(|hop| is_down(hop)).count();
    let down = u16::try_from(2 * down).unwrap_or(u16::MAX).clamp(1, 6) + 1;
    let [head, rates, queue, why, hops, failures, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(4),
        Constraint::Length(1),
        Constraint::Max(causes),
        Constraint::Max(down),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(room);
    frame.render_widget(header(state, theme, now), head);
    for (i, _) in SERIES.iter().enumerate() {
        let line = Rect { y: rates.y + u16::try_from(i).unwrap_or(0), height: 1, ..rates };
        if line.y < rates.y + rates.height {
            rate(frame, line, state, theme, i);
        }
    }
    frame.render_widget(queue_line(state, theme, now), queue);
    section(frame, why, theme, "Why mail waits", causes_lines(state, theme));
    section(frame, hops, theme, &hops_title(state), hops_lines(state, theme, now));
    section(frame, failures, theme, "Last failures", failure_lines(state, theme, now));
    frame.render_widget(keys_line(state, theme), keys);
}

fn header(state: &State, theme: Theme, now: Instant) -> Paragraph<'static> {
    let mut spans = vec![
        Span::styled("waypost top", Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(format!("  {}  {} UTC", shown(&state.place), now.clock())),
    ];
    for pause in &state.figures.pauses {
        let what = pause.get("what").and_then(Value::as_str).unwrap_or("something");
        spans.push(Span::styled(format!("  paused: {}", shown(what)), theme.of(Color::Yellow)));
    }
    if let Some(trouble) = &state.trouble {
        spans.push(Span::styled(format!("  {}", shown(trouble)), theme.of(Color::Red)));
    }
    Paragraph::new(Line::from(spans))
}

fn rate(frame: &mut Frame, line: Rect, state: &State, theme: Theme, i: usize) {
    let (name, colour) = match i {
        0 => ("accepted", Color::Cyan),
        1 => ("delivered", Color::Green),
        2 => ("deferred", Color::Yellow),
        _ => ("failed", Color::Red),
    };
    let [words, graph] = Layout::horizontal([Constraint::Length(38), Constraint::Min(0)]).areas(line);
    let minutes = state.minutes(i);
    // The last point is the minute that has not ended yet.
    let last = minutes.iter().rev().nth(1).or(minutes.last()).copied();
    let per_minute = last.map_or_else(|| "-".to_owned(), number);
    let per_second = state.rate(i).map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
    let words_text = format!("{name:<9} {per_second:>8}/s  {per_minute:>10}/min  ");
    frame.render_widget(Paragraph::new(Span::styled(words_text, theme.of(colour))), words);
    let width = usize::from(graph.width);
    let latest: Vec<u64> = minutes[minutes.len().saturating_sub(width)..].to_vec();
    frame.render_widget(Sparkline::default().data(latest).style(theme.of(colour)), graph);
}

fn queue_line(state: &State, theme: Theme, now: Instant) -> Paragraph<'static> {
    let queue = state.figures.statistics.get("queue").cloned().unwrap_or_default();
    let count = |name: &str| queue.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut spans = vec![Span::styled("queue     ", Style::new().add_modifier(Modifier::BOLD))];
    if queue.is_null() {
        return Paragraph::new(Line::from(vec![spans.remove(0), Span::raw("-")]));
    }
    let waiting =
        format!("{} in {}", counted(count("recipients"), "recipient"), counted(count("messages"), "message"));
    spans.push(Span::raw(waiting));
    let oldest =
        queue.get("oldest").and_then(|at| at.as_i64().map(Instant).or_else(|| Instant::parse(at.as_str()?)));
    if let Some(at) = oldest {
        spans.push(Span::raw(format!(", the oldest for {}", span(now.0.saturating_sub(at.0).max(0)))));
    }
    if count("held") > 0 {
        spans.push(Span::styled(format!(", {} held", number(count("held"))), theme.of(Color::Yellow)));
    }
    Paragraph::new(Line::from(spans))
}

fn section(frame: &mut Frame, area: Rect, theme: Theme, title: &str, lines: Vec<Line<'static>>) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(theme.dim())
        .title(Span::styled(format!(" {title} "), Style::new().add_modifier(Modifier::BOLD)));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn causes_lines(state: &State, theme: Theme) -> Vec<Line<'static>> {
    let line = |cause: &Value| {
        let text = |name: &str| cause.get(name).and_then(Value::as_str);
        let recipients = cause.get("recipients").and_then(Value::as_u64).unwrap_or_default();
        Line::from(vec![
            Span::styled(format!("{:>9}  ", number(recipients)), theme.of(Color::Yellow)),
            Span::raw(shown(text("sentence").unwrap_or_default())),
        ])
    };
    let lines: Vec<Line> = state.figures.causes.iter().map(line).collect();
    if lines.is_empty() { vec![Line::styled("  nothing waits", theme.of(Color::Green))] } else { lines }
}

fn hops_title(state: &State) -> String {
    let down = state.figures.next_hops.iter().filter(|hop| is_down(hop)).count();
    let all = state.figures.next_hops.len();
    if down == 0 { "Next hops".to_owned() } else { format!("Next hops: {down} of {all} down") }
}

fn hops_lines(state: &State, theme: Theme, now: Instant) -> Vec<Line<'static>> {
    let mut down: Vec<&Value> = state.figures.next_hops.iter().filter(|hop| is_down(hop)).collect();
    if down.is_empty() {
        return vec![Line::styled("  nothing is down", theme.of(Color::Green))];
    }
    down.truncate(20);
    let line = |hop: &Value| {
        let text = |name: &str| hop.get(name).and_then(Value::as_str).map(shown);
        let since = hop.get("since").and_then(Value::as_str).and_then(Instant::parse);
        let since =
            since.map_or_else(String::new, |at| format!(" for {}", span(now.0.saturating_sub(at.0).max(0))));
        let name = text("name").unwrap_or_default();
        Line::from(vec![
            Span::styled("  down ", theme.of(Color::Red)),
            Span::raw(format!("{name}{since}: {}", text("why").unwrap_or_default())),
        ])
    };
    down.into_iter().map(line).collect()
}

fn failure_lines(state: &State, theme: Theme, now: Instant) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for message in &state.figures.failures {
        let recipients = message.get("recipients").and_then(Value::as_array);
        for recipient in recipients.into_iter().flatten() {
            let text = |name: &str| recipient.get(name).and_then(Value::as_str).map(shown);
            if text("state").is_some_and(|state| state != "failed" && state != "bounced") {
                continue;
            }
            let last =
                recipient.get("attempts").and_then(Value::as_array).and_then(|attempts| attempts.last());
            let of = |name: &str| last.and_then(|last| last.get(name)?.as_str());
            let at = of("at")
                .and_then(Instant::parse)
                .map_or_else(|| "        ".to_owned(), |at| format!("{:>10}", at.from(now)));
            lines.push(Line::from(vec![
                Span::styled(format!("{at}  "), theme.dim()),
                Span::styled(text("address").unwrap_or_default(), theme.of(Color::Red)),
                Span::raw(format!("  {}", of("reply").map(shown).unwrap_or_default())),
            ]));
        }
    }
    if lines.is_empty() {
        let words = if state.figures.missing.is_empty() { "  none" } else { "" };
        lines.push(Line::styled(words, theme.of(Color::Green)));
        lines.extend(
            state
                .figures
                .missing
                .iter()
                .map(|missing| Line::styled(format!("  {}", shown(missing)), theme.dim())),
        );
    }
    lines
}

fn keys_line(state: &State, theme: Theme) -> Paragraph<'static> {
    let every = state.every.as_secs();
    let still = if state.still { "space goes on (stands still)" } else { "space stand still" };
    Paragraph::new(Span::styled(format!("q quit   r look now   {still}   +/- every {every} s"), theme.dim()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::top::figures::Figures;

    fn busy() -> State {
        let now = 1_795_529_100_000_i64;
        let series: Vec<Value> = (0..60).map(|i| json!([now - (60 - i) * 60_000, i % 9])).collect();
        let mut state = State::new("waypost-data/admin.sock".to_owned(), Duration::from_secs(2));
        let cause = json!({"sentence": "relay smarthost is down since 14:05 after 21 connect timeouts\x1b[2J",
            "recipients": 1204, "nextTrial": "2026-11-24T14:06:00Z"});
        let hop = json!({"name": "relay smarthost", "state": "down", "since": "2026-11-24T14:00:00Z", "why": "timeout"});
        let failure = json!({"recipients": [{"address": "x@y.example", "state": "failed", "attempts": [
            {"at": "2026-11-24T14:04:00Z", "reply": "550 no such user"}]}]});
        state.take(Figures {
            at: Instant(now),
            statistics: json!({"series": {"accepted": series}, "queue": {"recipients": 1300, "messages": 1204,
                "oldest": "2026-11-24T11:05:00Z", "held": 12}}),
            causes: vec![cause; 3],
            next_hops: vec![hop, json!({"name": "other", "state": "up"})],
            failures: vec![failure],
            pauses: vec![json!({"what": "the next hop other"})],
            missing: Vec::new(),
        });
        state
    }

    #[test]
    fn a_frame_fits_80_by_24_and_says_what_matters() {
        let told = text(&busy(), (80, 24), Instant(1_795_529_100_000)).unwrap();
        assert_eq!(told.lines().count(), 24);
        for expected in [
            "waypost top  waypost-data/admin.sock  14:05:00 UTC  paused: the next hop other",
            "accepted ",
            "1,300 recipients in 1,204 messages, the oldest for 3 h, 12 held",
            "1,204  relay smarthost is down since 14:05 after 21 connect timeouts\u{fffd}[2J",
            "Next hops: 1 of 2 down",
            "down relay smarthost for 5 min: timeout",
            "60 s ago  x@y.example  550 no such user",
            "q quit",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn every_size_can_be_drawn() {
        for state in [busy(), State::new(String::new(), Duration::from_secs(1))] {
            for columns in [1, 2, 20, 80, 300] {
                for lines in [1, 2, 5, 24, 100] {
                    text(&state, (columns, lines), Instant(0)).unwrap();
                }
            }
        }
    }
}
