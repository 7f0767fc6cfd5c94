//! What may have been meant by a name that is not known?

/// `did you mean relay?`, if a candidate is near.
pub(crate) fn did_you_mean<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    closest(name, candidates).map(|near| format!("did you mean {near}?"))
}

/// The candidate that is nearest, if it is near: about one slip in three letters.
pub(crate) fn closest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    const NAME_BYTES_MAX: usize = 64;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let near = candidates.filter(|candidate| candidate.len() <= NAME_BYTES_MAX);
    let (slips, best) =
        near.map(|candidate| (slips(name, candidate), candidate)).min_by_key(|(slips, _)| *slips)?;
    let allowed = (name.chars().count().max(best.chars().count()) / 3).max(1);
    (slips <= allowed).then_some(best)
}

/// Letters to add, take away, change or swap with the next; case and `-`, `_` do not count.
fn slips(left: &str, right: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        let plain = text.chars().filter(|c| !matches!(c, '-' | '_'));
        plain.flat_map(char::to_lowercase).collect()
    };
    let (left, right) = (letters(left), letters(right));
    let mut before = vec![0; right.len() + 1];
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_near() {
        for (name, candidates, expected) in [
            ("rcpt_domian", &["rcpt", "rcpt_domain", "sender_domain"][..], Some("rcpt_domain")),
            ("rcptDomain", &["rcpt", "rcpt_domain"], Some("rcpt_domain")),
            ("retries", &["retry_num", "sender"], None),
            ("relai", &["relay", "mx"], Some("relay")),
            ("x", &["mx"], Some("mx")),
            ("foo", &["relay"], None),
            ("foo", &[], None),
        ] {
            assert_eq!(closest(name, candidates.iter().copied()), expected, "{name}");
        }
    }
}
