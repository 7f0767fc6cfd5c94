//! When are two texts the same to who searches? Without regard to case, with white space as one space.

/// The text as it is compared. What is a substring before is one after.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_space = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            if !after_space {
                out.push(' ');
            }
            after_space = true;
            continue;
        }
        after_space = false;
        match c {
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            _ if c.is_ascii() => out.push(c),
            // The two small sigmas are one letter.
            'ς' => out.push('σ'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_white_space_do_not_matter() {
        for (text, expected) in
            [("ABC def", "abc def"), ("ÄÖ  \r\n Ü", "äö ü"), ("ΟΔΟΣ", "οδοσ"), ("a\0b", "a b"), (" ", " ")]
        {
            assert_eq!(fold(text), expected);
        }
    }

    proptest! {
        #[test]
        fn substrings_stay_substrings(before in "\\PC*", middle in ".*", after in "\\PC*") {
            let whole = format!("{before}{middle}{after}");
            prop_assert!(fold(&whole).contains(&fold(&middle)));
        }
    }
}
