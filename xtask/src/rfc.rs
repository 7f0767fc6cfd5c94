//! Which RFC is mentioned where? One line a section, with the places that implement it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::tree;

/// Prints every `RFC nnnn section x` of the sources, by number and section.
pub(crate) fn list() -> Result<()> {
    let mut places: BTreeMap<(u32, String), Vec<String>> = BTreeMap::new();
    let root = tree::root();
    for path in tree::files(&root.join("crates"), &["rs"]) {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root.join("crates")).unwrap_or(&path).display().to_string();
        for (number, line) in text.lines().enumerate() {
            for mention in mentions(line) {
                places.entry(mention).or_default().push(format!("{name}:{}", number + 1));
            }
        }
    }
    let mut last = 0;
    for ((rfc, section), places) in &places {
        if *rfc != last {
            println!("\nRFC {rfc}");
            last = *rfc;
        }
        let section = if section.is_empty() { "as a whole" } else { section };
        println!("  {section:<12} {}", places.join(" "));
    }
    Ok(())
}

/// The RFCs that a line mentions, with the section; empty if it names none.
fn mentions(line: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for rest in line.split("RFC ").skip(1) {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let Ok(rfc) = digits.parse() else { continue };
        let after = rest[digits.len()..].strip_prefix(" section ").unwrap_or_default();
        let section: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        found.push((rfc, section.trim_end_matches('.').to_owned()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn mentions_are_found_with_their_section() {
        let check = |line: &str, expected: &[(u32, &str)]| {
            let expected: Vec<_> =
                expected.iter().map(|(rfc, section)| (*rfc, (*section).to_owned())).collect();
            assert_eq!(mentions(line), expected, "{line}");
        };
        check("/// See RFC 5321 section 4.5.4.1.", &[(5321, "4.5.4.1")]);
        check("// RFC 3464, and RFC 3461 section 5.2.1)", &[(3464, ""), (3461, "5.2.1")]);
        check("// no RFC at all", &[]);
    }
}
