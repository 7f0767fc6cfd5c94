//! The table: what each relay did in each case, and how ours compares with the others.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::compare::{Case, Run};
use crate::peers::PeerKind;

/// A markdown table of all runs, and the ratios of runs of the same round.
pub(crate) fn table(runs: &[Run]) -> String {
    let mut text = String::new();
    let cases: BTreeSet<Case> = runs.iter().map(|run| run.case).collect();
    let peers: BTreeSet<PeerKind> = runs.iter().map(|run| run.peer).collect();
    line(
        &mut text,
        "| case | relay | messages/s (least to most) | CPU per message | dot to 250, p50 / p99 | end to end, p50 / p99 | memory (PSS) |",
    );
    line(&mut text, "|---|---|---|---|---|---|---|");
    for case in &cases {
        for peer in &peers {
            row(&mut text, &of(runs, *case, *peer));
        }
    }
    line(&mut text, "\n| case | Waypost compared with | messages/s (least to most) | CPU per message |");
    line(&mut text, "|---|---|---|---|");
    for case in &cases {
        for peer in peers.iter().filter(|peer| **peer != PeerKind::Waypost) {
            ratio(&mut text, &of(runs, *case, PeerKind::Waypost), &of(runs, *case, *peer));
        }
    }
    text
}

/// Our runs against those of another relay, each in the round that both did.
fn ratio(text: &mut String, ours: &[&Run], theirs: &[&Run]) {
    let Some(first) = theirs.first() else { return };
    let pairs = || ours.iter().filter_map(|a| Some((a, theirs.iter().find(|b| b.round == a.round)?)));
    let rates = spread(pairs().filter_map(|(a, b)| Some(a.rate? / b.rate?)).collect());
    let costs = spread(pairs().map(|(a, b)| a.cpu_ms_per_message / b.cpu_ms_per_message).collect());
    let peer = format!("{:?}", first.peer).to_lowercase();
    line(text, &format!("| {} | {peer} | {rates} | {costs} |", name(first.case)));
}

fn of(runs: &[Run], case: Case, peer: PeerKind) -> Vec<&Run> {
    runs.iter().filter(|run| run.case == case && run.peer == peer).collect()
}

fn row(text: &mut String, runs: &[&Run]) {
    let Some(first) = runs.first() else { return };
    let median_of = |value: fn(&Run) -> f64| median(runs.iter().map(|run| value(run)).collect());
    let rates: Vec<f64> = runs.iter().filter_map(|run| run.rate).collect();
    let rate = if rates.len() == runs.len() { spread_whole(rates) } else { "incomplete".to_owned() };
    let (p50, p99) = (median_of(|run| run.end_to_end_ms.p50), median_of(|run| run.end_to_end_ms.p99));
    let end_to_end = if p99 > 0.0 { format!("{p50:.1} / {p99:.1} ms") } else { "-".to_owned() };
    let columns = format!(
        "| {} | {} | {rate} | {:.3} ms | {:.2} / {:.1} ms | {end_to_end} | {:.0} MB |",
        name(first.case),
        format!("{:?}", first.peer).to_lowercase(),
        median_of(|run| run.cpu_ms_per_message),
        median_of(|run| run.dot_ms.p50),
        median_of(|run| run.dot_ms.p99),
        median_of(|run| run.proportional_bytes as f64 / 1e6),
    );
    line(text, &columns);
}

fn name(case: Case) -> &'static str {
    match case {
        Case::Relay => "relay",
        Case::Recipients => "50 recipients",
        Case::Accept => "accept, sink down",
        Case::Tls => "TLS, connections kept",
        Case::Handshakes => "TLS, a handshake each",
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: Vec<f64>) -> String {
    let (least, most) = ends(&values);
    if values.is_empty() {
        "-".to_owned()
    } else {
        format!("**{:.2}** ({least:.2} to {most:.2})", median(values))
    }
}

fn spread_whole(values: Vec<f64>) -> String {
    let (least, most) = ends(&values);
    format!("**{:.0}** ({least:.0} to {most:.0})", median(values))
}

fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| (least.min(*v), most.max(*v)))
}

#[cfg(test)]
mod tests {
    use super::{median, spread};

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(spread(vec![2.0, 3.0, 2.5]), "**2.50** (2.00 to 3.00)");
        assert_eq!(spread(Vec::new()), "-");
    }
}
