//! `waypost check`: can these settings be used, and do they mean what they seem to?

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mta::resolve::HickoryResolver;
use policy::Configuration;
use serde::Serialize;
use store::Access;

use crate::assemble::{client_tls, lookups, resolver_settings};
use crate::config::Boot;
use crate::settings_file::{Loaded, Remark, load};
use crate::source_names;
use crate::stored_settings::load_ruling;
use cli::paint::{Paint, shown};

/// Checks a settings file, or the one that a boot file names.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The settings file (JSON).
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The boot file (TOML); its settings file is checked.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also look whether each lookup store can be reached.
    #[arg(long)]
    stores: bool,
    /// Also ask DNS whether the source addresses and their EHLO names lead to each other.
    #[arg(long)]
    dns: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Checks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let boot = super::boot(args.config.as_ref())?;
    let (file, mut loaded) = match &args.file {
        Some(file) => (file.clone(), load(file, &boot, false)),
        None => load_ruling(&boot, false),
    };
    if let Some(configuration) = loaded.configuration.as_ref().filter(|_| args.stores) {
        let unreachable = super::block_on(reach(&boot, configuration))?;
        loaded.findings.extend(unreachable);
    }
    if let Some(configuration) = loaded.configuration.as_ref().filter(|_| args.dns) {
        let names = super::block_on(async {
            let resolver = HickoryResolver::new(&resolver_settings(&boot)).context("cannot set up DNS")?;
            Ok(source_names::check(&resolver, configuration).await)
        })?;
        loaded.findings.extend(names);
    }
    if args.json {
        super::print(&json(&file, &loaded)?);
    } else {
        super::print(&text(&file, &loaded, Paint::for_stdout()));
    }
    Ok(if loaded.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One error for each lookup store that does not answer.
async fn reach(boot: &Boot, configuration: &Configuration) -> anyhow::Result<Vec<Remark>> {
    let stores = lookups(&client_tls(boot)?, configuration, Access::ReadOnly);
    let mut remarks = Vec::new();
    for name in configuration.lookup_stores.keys() {
        if let Err(reason) = stores.reach(name).await {
            remarks.push(Remark::of_object(format!("StoreLookup {name}"), reason));
        }
    }
    Ok(remarks)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    file: String,
    usable: bool,
    findings: &'a [Remark],
}

fn json(file: &Path, loaded: &Loaded) -> anyhow::Result<String> {
    let report =
        Report { file: file.display().to_string(), usable: !loaded.has_errors(), findings: &loaded.findings };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// All findings and a last line that sums them up.
pub(crate) fn text(file: &Path, loaded: &Loaded, paint: Paint) -> String {
    let mut out = String::new();
    for remark in &loaded.findings {
        out.push_str(&finding(file, remark, paint));
    }
    let errors = loaded.findings.iter().filter(|remark| remark.is_error()).count();
    let warnings = loaded.findings.len() - errors;
    let sum = match (errors, warnings) {
        (0, 0) => format!("{}: {}", file.display(), paint.green("good")),
        (0, n) => format!("{}: {}, {}", file.display(), paint.green("usable"), counted(n, "warning")),
        (n, 0) => format!("{}: {}", file.display(), paint.red(&counted(n, "error"))),
        (n, m) => {
            format!("{}: {}, {}", file.display(), paint.red(&counted(n, "error")), counted(m, "warning"))
        }
    };
    out.push_str(&sum);
    out.push('\n');
    out
}

fn finding(file: &Path, remark: &Remark, paint: Paint) -> String {
    let severity = if remark.is_error() { paint.red("error") } else { paint.yellow("warning") };
    let mut place = file.display().to_string();
    if let (Some("file"), Some(line), Some(column)) = (remark.within, remark.line, remark.column) {
        let _ = write!(place, ":{line}:{column}");
    }
    let mut out = format!("{place}: {severity}: ");
    if !remark.object.is_empty() {
        let _ = write!(out, "{}: ", paint.bold(&shown(&remark.object)));
    }
    if !remark.property.is_empty() {
        let _ = write!(out, "{}", shown(&remark.property));
        if let (Some("expression"), Some(line), Some(column)) = (remark.within, remark.line, remark.column) {
            let _ = write!(out, ", line {line}, column {column}");
        }
        out.push_str(": ");
    }
    out.push_str(&shown(&remark.message));
    out.push('\n');
    if let Some(hint) = &remark.hint {
        let _ = writeln!(out, "    {} {}", paint.dim("hint:"), shown(hint));
    }
    out
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
