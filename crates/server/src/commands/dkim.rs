//! `waypost dkim`: makes a key that signs a domain's mail, and says whether DNS has its other half.

use std::fmt::Write;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Subcommand, ValueEnum};
use mail::dkim::KeyRecord;
use mail::{Clock, Domain};
use mta::Resolver;
use mta::resolve::HickoryResolver;
use mta::sign::{NewKey, generate, open};
use policy::dns::DnsError;
use policy::signing::{Signer, SigningAlgorithm, SigningKey, signers};
use serde_json::json;

use crate::assemble::resolver_settings;
use crate::clock::SystemClock;
use crate::config::Boot;
use crate::stored_settings::load_ruling;
use cli::paint::{Paint, shown};

/// Bytes of one string in a TXT record at most (RFC 1035 section 3.3.14).
const TXT_STRING_BYTES_MAX: usize = 255;

/// Keys for signatures.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key; print the settings object and the DNS record that go with it.
    ///
    /// Publish the record, wait until `waypost dkim check` finds it, then add the object to the settings. An RSA key is
    /// understood by everybody; an Ed25519 key is shorter and may be used beside it.
    New {
        /// The domain whose mail is to be signed.
        #[arg(value_parser = domain)]
        domain: Domain,
        /// The key's name in DNS; made of this month and the algorithm unless said.
        #[arg(long, value_parser = Domain::parse)]
        selector: Option<Domain>,
        /// The kind of key.
        #[arg(long, value_enum, default_value_t = Algorithm::Rsa)]
        algorithm: Algorithm,
        /// Where the private key is written, readable by its owner only; must not exist yet.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compare the domain's signatures in the settings with DNS. Exit code 1 if one would not verify.
    Check {
        /// The domain.
        #[arg(value_parser = domain)]
        domain: Domain,
        /// The boot file (TOML).
        #[arg(long, short, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    /// 2048 bits.
    Rsa,
    /// RFC 8463.
    Ed25519,
}

fn domain(text: &str) -> Result<Domain, String> {
    let domain = Domain::parse(text).map_err(|error| error.to_string())?;
    let last = domain.as_str().rsplit('.').next().unwrap_or_default();
    if domain.literal().is_some() || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it is an address, not a name".to_owned());
    }
    Ok(domain)
}

/// Makes or compares.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::New { domain, selector, algorithm, key_file, json } => {
            let selector = selector.clone().map_or_else(|| default_selector(*algorithm), Ok)?;
            let default = || PathBuf::from(format!("{domain}.{selector}.pem"));
            let file = key_file.clone().unwrap_or_else(default);
            let made = new(domain, &selector, *algorithm, &file)?;
            super::print(&if *json { made.json()? } else { made.text(Paint::for_stdout())? });
            Ok(ExitCode::SUCCESS)
        }
        Action::Check { domain, config } => check(domain, &super::boot(config.as_ref())?),
    }
}

/// Such as `202611r`: who changes keys once a year sees at a glance how old one is.
fn default_selector(algorithm: Algorithm) -> anyhow::Result<Domain> {
    let now = SystemClock.now().rfc3339();
    let month: String = now.chars().filter(char::is_ascii_digit).take(6).collect();
    let kind = match algorithm {
        Algorithm::Rsa => "r",
        Algorithm::Ed25519 => "e",
    };
    Ok(Domain::parse(&format!("{month}{kind}"))?)
}

struct Made {
    domain: Domain,
    selector: Domain,
    file: PathBuf,
    record: String,
}

fn new(domain: &Domain, selector: &Domain, algorithm: Algorithm, file: &Path) -> anyhow::Result<Made> {
    let kind = match algorithm {
        Algorithm::Rsa => NewKey::Rsa2048,
        Algorithm::Ed25519 => NewKey::Ed25519,
    };
    let pem = generate(kind).map_err(anyhow::Error::msg)?;
    let key = open(&pem).map_err(anyhow::Error::msg)?;
    write_secret(file, &pem).with_context(|| format!("cannot write {}", file.display()))?;
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    Ok(Made {
        domain: domain.clone(),
        selector: selector.clone(),
        file,
        record: record(key.as_ref()).to_string(),
    })
}

/// What DNS must say about a key.
fn record(key: &dyn SigningKey) -> KeyRecord {
    let kind = match key.algorithm() {
        SigningAlgorithm::Ed25519 => "ed25519",
        SigningAlgorithm::Rsa { .. } => "rsa",
    };
    KeyRecord { kind: kind.to_owned(), public_key: BASE64.encode(key.public_key()) }
}

fn write_secret(file: &Path, pem: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut opened = options.write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(pem.as_bytes())?;
    opened.sync_all()
}

impl Made {
    fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    fn object(&self) -> serde_json::Value {
        json!({
            "name": format!("{}-{}", self.domain, self.selector),
            "domain": self.domain.as_str(),
            "selector": self.selector.as_str(),
            "key": { "@type": "File", "filePath": self.file },
        })
    }

    fn json(&self) -> anyhow::Result<String> {
        let all = json!({
            "settings": { "DkimSignature": [self.object()] },
            "keyFile": self.file,
            "dns": { "name": self.name(), "type": "TXT", "value": self.record, "zoneLine": self.zone_line() },
        });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }

    /// For a zone file: strings in quotes, none too long.
    fn zone_line(&self) -> String {
        let strings = self.record.as_bytes().chunks(TXT_STRING_BYTES_MAX);
        let strings: Vec<_> =
            strings.map(|bytes| format!("\"{}\"", String::from_utf8_lossy(bytes))).collect();
        format!("{}. 3600 IN TXT ( {} )", self.name(), strings.join(" "))
    }

    fn text(&self, paint: Paint) -> anyhow::Result<String> {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "The private key is in {}. Keep it secret.\n",
            shown(&self.file.display().to_string())
        );
        let _ = writeln!(out, "{}", paint.bold("1. Publish this TXT record:"));
        let _ = writeln!(out, "name:  {}", self.name());
        let _ = writeln!(out, "value: {}\n", self.record);
        let _ = writeln!(out, "{}", paint.dim("In a zone file:"));
        let _ = writeln!(out, "{}\n", self.zone_line());
        let _ = writeln!(out, "{}", paint.bold("2. Add this to DkimSignature in the settings:"));
        let _ = writeln!(out, "{}\n", serde_json::to_string_pretty(&self.object())?);
        let _ = writeln!(
            out,
            "{}",
            paint.bold("3. See whether they fit, then let the server read its settings again:")
        );
        let _ = writeln!(out, "waypost dkim check {}", self.domain);
        Ok(out)
    }
}

fn check(domain: &Domain, boot: &Boot) -> anyhow::Result<ExitCode> {
    let (file, loaded) = load_ruling(boot, false);
    let Some(configuration) = &loaded.configuration else {
        eprint!("{}", super::check::text(&file, &loaded, Paint::for_stderr()));
        bail!("the settings have errors");
    };
    let signers = signers(configuration, domain);
    if signers.is_empty() {
        bail!("{} has no enabled DkimSignature for {domain}", file.display());
    }
    let resolver = HickoryResolver::new(&resolver_settings(boot)).context("cannot set up DNS")?;
    let found = super::block_on(async {
        let mut found = Vec::new();
        for signer in signers {
            found.push((signer, compare(&resolver, signer).await));
        }
        Ok(found)
    })?;
    let paint = Paint::for_stdout();
    let good = found.iter().all(|(_, compared)| compared.is_ok());
    for (signer, compared) in found {
        let name = format!("{}: {}", signer.settings.name, place(signer));
        match compared {
            Ok(()) => super::print(&format!("{name}: {}\n", paint.green("good"))),
            Err(why) => super::print(&format!("{name}: {}\n", paint.red(&shown(&why)))),
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn place(signer: &Signer) -> String {
    format!("{}._domainkey.{}", signer.settings.selector, signer.settings.domain)
}

/// Why a signature would not verify, if so.
async fn compare(resolver: &dyn Resolver, signer: &Signer) -> Result<(), String> {
    let records = match resolver.txt(&place(signer)).await {
        Ok(answer) => answer.records,
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => return Err("there is no TXT record".to_owned()),
        Err(error) => return Err(format!("cannot look it up: {error}")),
    };
    if records.len() > 1 {
        return Err(format!("there are {} TXT records; there must be one", records.len()));
    }
    let expected = record(signer.key.as_ref());
    let found =
        records.first().and_then(|text| KeyRecord::parse(text)).ok_or("the TXT record is no DKIM key")?;
    if found.kind != expected.kind {
        return Err(format!("DNS has a key of the kind {}, the settings {}", found.kind, expected.kind));
    }
    if found.public_key.is_empty() {
        return Err("the key is revoked: p= is empty".to_owned());
    }
    if found.public_key != expected.public_key {
        return Err("DNS has another key than the settings".to_owned());
    }
    Ok(())
}
