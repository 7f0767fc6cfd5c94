//! Which test proves what? Joins the catalogue of faults with the marks above tests into `docs/faults.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::tree;

const CATALOGUE: &str = include_str!("proofs/catalogue.txt");
const PAGE: &str = "docs/faults.md";
/// Where the simulator lists its faults, each with the rows that it stands for in parentheses.
const SIMULATED: &str = "crates/sim/src/fault.rs";

const HEAD: &str = "\
# What can go wrong, and which test proves what happens then

Written by `cargo xtask proofs`; `cargo test -p xtask` fails if it is not current. The rows are those of our catalogue
(`xtask/src/proofs/catalogue.txt`). A test names the rows that it proves above its attribute: `// proves: C4, 5.8.3`.
`Fault::…` is a fault that the simulator makes, many times in every test run, while the rules of
`crates/sim/src/invariants.rs` watch.
";

/// One row of the catalogue.
struct Row<'a> {
    id: &'a str,
    fault: &'a str,
    expectation: &'a str,
}

/// Writes the page; with `--check`, only says whether it is current.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let chapters = chapters()?;
    let proofs = proofs()?;
    let known: BTreeSet<&str> = chapters.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.id)).collect();
    let strange: Vec<String> = proofs
        .iter()
        .filter(|(id, _)| !known.contains(id.as_str()))
        .map(|(id, tests)| format!("{id} ({})", tests.join(", ")))
        .collect();
    if !strange.is_empty() {
        bail!("the catalogue does not have these rows: {}", strange.join("; "));
    }
    let page = page(&chapters, &proofs);
    let path = tree::root().join(PAGE);
    if arguments.iter().any(|argument| argument == "--check") {
        if fs::read_to_string(&path).unwrap_or_default() != page {
            bail!("{PAGE} is not current: run `cargo xtask proofs` and commit what it writes");
        }
        return Ok(());
    }
    let unproved: Vec<&str> = known.iter().copied().filter(|id| !proofs.contains_key(*id)).collect();
    eprintln!("{} of {} rows have a proof; without one: {}", proofs.len(), known.len(), unproved.join(", "));
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// The catalogue: each chapter's title and rows.
fn chapters() -> Result<Vec<(&'static str, Vec<Row<'static>>)>> {
    let mut chapters: Vec<(&str, Vec<Row<'_>>)> = Vec::new();
    for line in CATALOGUE.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("## ") {
            chapters.push((title, Vec::new()));
        } else if !line.starts_with("# ") {
            let mut parts = line.splitn(3, " | ");
            let (Some(id), Some(fault), Some(expectation), Some((_, rows))) =
                (parts.next(), parts.next(), parts.next(), chapters.last_mut())
            else {
                bail!("this is no row of the catalogue: {line}");
            };
            rows.push(Row { id, fault, expectation });
        }
    }
    Ok(chapters)
}

/// The tests by the row that they prove.
fn proofs() -> Result<BTreeMap<String, Vec<String>>> {
    let mut proofs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in tree::files(&tree::root(), &["rs", "sh"]) {
        let file = path.strip_prefix(tree::root()).unwrap_or(&path);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = match file == Path::new(SIMULATED) {
            true => simulated(&text),
            false => marked(&text, file),
        };
        for (id, test) in found {
            proofs.entry(id).or_default().push(test);
        }
    }
    for tests in proofs.values_mut() {
        tests.sort();
        tests.dedup();
    }
    Ok(proofs)
}

/// Each `// proves:` with the function after it; in a script, with the script.
fn marked(text: &str, file: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        let Some(ids) = line.strip_prefix("// proves: ").or_else(|| line.strip_prefix("# proves: ")) else {
            continue;
        };
        let script = line.starts_with('#');
        let name = match script {
            true => None,
            false => lines.by_ref().find_map(function_name),
        };
        let test = match name {
            Some(name) => format!("`{name}` in {}", file.display()),
            None => file.display().to_string(),
        };
        found.extend(ids.split(',').map(|id| (id.trim().to_owned(), test.clone())));
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let opens = before.is_empty() || before.ends_with(' ');
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    opens.then(|| &after[..end])
}

/// The simulator's faults by the codes in their descriptions, such as `(C1)` or `(A3–A10)`.
fn simulated(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut codes: &str = "";
    for line in text.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("/// ") {
            codes = doc
                .rsplit_once('(')
                .and_then(|(_, rest)| rest.split_once(')'))
                .map_or("", |(codes, _)| codes);
        } else if let Some(variant) = line.strip_suffix(',').filter(|_| !codes.is_empty()) {
            let ids = codes.split(", ").flat_map(range);
            found.extend(ids.map(|id| (id, format!("`Fault::{variant}`"))));
            codes = "";
        }
    }
    found
}

/// `A3–A5` is three codes.
fn range(codes: &str) -> Vec<String> {
    let Some((first, last)) = codes.split_once('–') else { return vec![codes.to_owned()] };
    let letter = &first[..1];
    let number = |code: &str| code[1..].parse::<u32>().unwrap_or(0);
    (number(first)..=number(last)).map(|number| format!("{letter}{number}")).collect()
}

fn page(chapters: &[(&str, Vec<Row<'_>>)], proofs: &BTreeMap<String, Vec<String>>) -> String {
    let mut page = HEAD.to_owned();
    for (title, rows) in chapters {
        let _ = write!(
            page,
            "\n## {title}\n\n| id | what happens | what must follow | proved by |\n|---|---|---|---|\n"
        );
        for row in rows {
            let tests = proofs.get(row.id).map_or_else(|| "–".to_owned(), |tests| tests.join("<br>"));
            let id = row.id.strip_prefix("5.17 ").unwrap_or(row.id);
            let _ = writeln!(page, "| {id} | {} | {} | {tests} |", row.fault, row.expectation);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found.iter().map(|(id, test)| (id.as_str(), test.as_str())).collect()
    }

    #[test]
    fn a_mark_names_the_function_after_it() {
        let text = "    // proves: C4, 5.8.3\n    #[test]\n    async fn null_mx<T>() {}\n    #[test]\n    fn other() {}\n";
        let found = marked(text, Path::new("a.rs"));
        assert_eq!(pairs(&found), [("C4", "`null_mx` in a.rs"), ("5.8.3", "`null_mx` in a.rs")]);
    }

    #[test]
    fn a_script_is_a_proof_as_a_whole() {
        let found = marked("#!/bin/sh\n# proves: A1\n", Path::new("run.sh"));
        assert_eq!(pairs(&found), [("A1", "run.sh")]);
    }

    #[test]
    fn simulated_faults_carry_their_codes() {
        let text = "/// The node dies (A3–A5).\nCrash,\n/// Slow.\nSlow,\n/// No (C1, E2).\nNo,\n";
        let found = simulated(text);
        let expected = ["A3", "A4", "A5"].map(|id| (id, "`Fault::Crash`")).into_iter();
        let expected: Vec<_> = expected.chain(["C1", "E2"].map(|id| (id, "`Fault::No`"))).collect();
        assert_eq!(pairs(&found), expected);
    }
}
