//! The table: what each store did in each case, and how ours compares with the other.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Case, Run, StoreKind};

/// A markdown table of all runs, and the ratios of runs of the same round.
pub(crate) fn table(runs: &[Run]) -> String {
    let mut text = String::new();
    let cases: BTreeSet<Case> = runs.iter().map(|run| run.case).collect();
    let peers: BTreeSet<StoreKind> = runs.iter().map(|run| run.peer).collect();
    line(&mut text, "| case | store | value (least to most) | CPU | memory (PSS) |\n|---|---|---|---|---|");
    for case in &cases {
        for peer in &peers {
            row(&mut text, &of(runs, *case, *peer));
        }
    }
    line(&mut text, "\n| case | Waypost is better than Dovecot by (least to most) |\n|---|---|");
    for case in &cases {
        let (ours, theirs) = (of(runs, *case, StoreKind::Waypost), of(runs, *case, StoreKind::Dovecot));
        let pairs = ours.iter().filter_map(|a| Some((a, theirs.iter().find(|b| b.round == a.round)?)));
        let ratio = |a: &Run, b: &Run| if case.is_rate() { a.value / b.value } else { b.value / a.value };
        let ratios: Vec<f64> = pairs.map(|(a, b)| ratio(a, b)).collect();
        if !ratios.is_empty() {
            line(
                &mut text,
                &format!("| {} | {} |", name(*case), spread(ratios, |ratio| format!("{ratio:.2}"))),
            );
        }
    }
    text
}

fn of(runs: &[Run], case: Case, peer: StoreKind) -> Vec<&Run> {
    runs.iter().filter(|run| run.case == case && run.peer == peer).collect()
}

fn row(text: &mut String, runs: &[&Run]) {
    let Some(first) = runs.first() else { return };
    let shown = |value: f64| match first.case {
        Case::Append1 | Case::Append10 | Case::Lmtp => format!("{value:.0}/s"),
        Case::Fetch | Case::Search => format!("{:.1} ms", value * 1000.0),
        Case::Idle => format!("{:.1} KB", value / 1000.0),
    };
    let values = spread(runs.iter().map(|run| run.value).collect(), shown);
    let cpu = median(runs.iter().map(|run| run.cpu_ms).collect());
    let memory = median(runs.iter().map(|run| run.proportional_bytes as f64).collect()) / 1e6;
    let peer = format!("{:?}", first.peer).to_lowercase();
    line(text, &format!("| {} | {peer} | {values} | {cpu:.0} ms | {memory:.0} MB |", name(first.case)));
}

fn name(case: Case) -> &'static str {
    match case {
        Case::Append1 => "APPEND, 1 session",
        Case::Append10 => "APPEND, 10 sessions",
        Case::Lmtp => "LMTP until delivered",
        Case::Fetch => "SELECT, FETCH 1:* (FLAGS ENVELOPE)",
        Case::Search => "SEARCH TEXT",
        Case::Idle => "memory of an idle session",
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes everything");
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: Vec<f64>, shown: impl Fn(f64) -> String) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("**{}** ({} to {})", shown(median(values)), shown(least), shown(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_better_where_it_is_time() {
        let run = |peer, case, value| Run { peer, case, round: 1, value, cpu_ms: 1.0, proportional_bytes: 1 };
        let runs = [
            run(StoreKind::Waypost, Case::Search, 0.5),
            run(StoreKind::Dovecot, Case::Search, 5.0),
            run(StoreKind::Waypost, Case::Lmtp, 300.0),
            run(StoreKind::Dovecot, Case::Lmtp, 100.0),
        ];
        let table = table(&runs);
        assert!(table.contains("| SEARCH TEXT | **10.00**"), "{table}");
        assert!(table.contains("| LMTP until delivered | **3.00**"), "{table}");
    }
}
