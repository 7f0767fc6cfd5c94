//! What is different between two expressions: branches that came, went, moved, or say something else?

use super::words::cut;
use crate::expr::{Branch, Expression};

/// One sentence for each difference. Numbers are those before the change, but for new branches.
pub(super) fn sentences(before: &Expression, after: &Expression) -> Vec<String> {
    let mut all = Vec::new();
    let pairs = pair(&before.matches, &after.matches);
    for (at, branch) in before.matches.iter().enumerate() {
        if !pairs.contains(&Some(at)) {
            all.push(format!("branch {} removed: {}", at + 1, shown(branch)));
        }
    }
    all.extend(moves(&pairs));
    for (at, branch) in after.matches.iter().enumerate() {
        let Some(was) = pairs[at] else {
            all.push(format!("branch {} added: {}", at + 1, shown(branch)));
            continue;
        };
        let old = &before.matches[was];
        if old.condition != branch.condition {
            all.push(format!(
                "branch {}: condition changed from {} to {}",
                was + 1,
                cut(&old.condition),
                cut(&branch.condition)
            ));
        }
        if old.then != branch.then {
            all.push(format!(
                "branch {}: yields {} instead of {}",
                was + 1,
                cut(&branch.then),
                cut(&old.then)
            ));
        }
    }
    if before.otherwise != after.otherwise {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), cut);
        all.push(format!("else: {} → {}", text(&before.otherwise), text(&after.otherwise)));
    }
    all
}

fn shown(branch: &Branch) -> String {
    format!("if {} then {}", cut(&branch.condition), cut(&branch.then))
}

/// Which branch before each one after was: the same, else with the same condition, else yielding the same.
fn pair(before: &[Branch], after: &[Branch]) -> Vec<Option<usize>> {
    let same: [fn(&Branch, &Branch) -> bool; 3] = [
        |left, right| left == right,
        |left, right| left.condition == right.condition,
        |left, right| left.then == right.then,
    ];
    let mut pairs = vec![None; after.len()];
    let mut taken = vec![false; before.len()];
    for same in same {
        for (at, branch) in after.iter().enumerate() {
            if pairs[at].is_some() {
                continue;
            }
            let found = before.iter().enumerate().position(|(was, old)| !taken[was] && same(old, branch));
            if let Some(was) = found {
                taken[was] = true;
                pairs[at] = Some(was);
            }
        }
    }
    pairs
}

/// The branches that did not keep their order, as few as possible.
fn moves(pairs: &[Option<usize>]) -> Vec<String> {
    let order: Vec<usize> = pairs.iter().copied().flatten().collect();
    let stay = rising(&order);
    let moved = order.iter().enumerate().filter(|(_, was)| !stay.contains(was));
    let sentence = |(at, was): (usize, &usize)| {
        let next = order[at + 1..].iter().find(|next| stay.contains(next));
        match next {
            Some(next) => format!("branch {} moved above {}", was + 1, next + 1),
            None => format!("branch {} moved to the end", was + 1),
        }
    };
    moved.map(sentence).collect()
}

/// The longest rising part of a sequence, the smallest numbers of several.
fn rising(order: &[usize]) -> Vec<usize> {
    let mut best: Vec<Vec<usize>> = Vec::with_capacity(order.len());
    for (at, number) in order.iter().enumerate() {
        let before = best[..at].iter().filter(|run| run.last().is_some_and(|last| last < number));
        let mut run = before
            .max_by(|left, right| left.len().cmp(&right.len()).then(right.cmp(left)))
            .cloned()
            .unwrap_or_default();
        run.push(*number);
        best.push(run);
    }
    best.into_iter()
        .max_by(|left, right| left.len().cmp(&right.len()).then(right.cmp(left)))
        .unwrap_or_default()
}
