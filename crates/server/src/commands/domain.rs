//! `waypost dns`, also as `waypost domain dns`: the records that a mail domain needs, and whether they are there.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use cli::paint::{Paint, Table, shown};
use mail::Domain;
use mail::dkim::KeyRecord;
use mta::Resolver;
use mta::resolve::HickoryResolver;
use mta::server_tls::key_hash;
use policy::Configuration;
use policy::signing::{SigningAlgorithm, signers};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use crate::assemble::resolver_settings;
use crate::config::{Boot, Listener, ListenerProtocol, ListenerTls};
use crate::dns_records::{Data, State, Wanted, compare_all};
use crate::stored_settings::load_ruling;

/// The port of SMTP between servers.
const SMTP_PORT: u16 = 25;
/// The port of HTTPS.
const HTTPS_PORT: u16 = 443;

/// A domain's records.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The domain.
    #[arg(value_parser = Domain::parse)]
    domain: Domain,
    /// The boot file (TOML).
    #[arg(long, short, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// Do not ask DNS.
    #[arg(long)]
    offline: bool,
    /// Print the lines of a zone file, and nothing else.
    #[arg(long, conflicts_with = "json")]
    zone: bool,
    /// Also a TLSA record for the certificate of the boot file (DANE); the zone must be signed.
    #[arg(long)]
    dane: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints, and compares.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args { domain, config, offline, zone, dane, json } = args;
    let boot = super::boot(config.as_ref())?;
    let (file, loaded) = load_ruling(&boot, false);
    let Some(configuration) = &loaded.configuration else {
        eprint!("{}", super::check::text(&file, &loaded, Paint::for_stderr()));
        bail!("the settings have errors");
    };
    let Some(local) = configuration.local_domain(domain) else {
        bail!("{domain} is no Domain of the settings in {}", file.display());
    };
    let wanted = wanted(&boot, configuration, domain, (&local.name, *dane))?;
    if *zone {
        let lines: Vec<String> = wanted.iter().filter_map(Wanted::zone_line).collect();
        super::print(&(lines.join("\n") + "\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let states = if *offline { None } else { Some(asked(&boot, &wanted)?) };
    let bad = |(one, state): (&Wanted, &State)| one.needed && *state != State::There;
    let fails = states.as_ref().is_some_and(|states| wanted.iter().zip(states).any(bad));
    let text = if *json {
        let record = |nth: usize| states.as_ref().and_then(|states| states.get(nth));
        let one = |(nth, wanted): (usize, &Wanted)| {
            let mut value = wanted.json();
            if let Some(state) = record(nth) {
                value["state"] = json!(state.name());
                value["found"] = json!(state.detail());
            }
            value
        };
        let all: Vec<_> = wanted.iter().enumerate().map(one).collect();
        serde_json::to_string_pretty(&json!({ "domain": domain.as_str(), "records": all, "ok": !fails }))?
            + "\n"
    } else {
        table(&wanted, states.as_deref(), Paint::for_stdout())
    };
    super::print(&text);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn asked(boot: &Boot, wanted: &[Wanted]) -> anyhow::Result<Vec<State>> {
    let resolver = HickoryResolver::new(&resolver_settings(boot)).context("cannot set up DNS")?;
    let resolver: Arc<dyn Resolver> = Arc::new(resolver);
    super::block_on(async { Ok(compare_all(&resolver, wanted).await) })
}

/// All records, those that mail needs first.
fn wanted(
    boot: &Boot,
    configuration: &Configuration,
    domain: &Domain,
    (main, dane): (&Domain, bool),
) -> anyhow::Result<Vec<Wanted>> {
    let host = configuration.hostname.as_str();
    let record = |purpose, name: String, data, needed| Wanted { purpose, name, data, needed };
    let text = |text: String| Data::Txt(text);
    let mut all = vec![
        record("this host", host.to_owned(), Data::Address, true),
        record("mail comes here", domain.to_string(), Data::Mx(10, host.to_owned()), true),
        record("SPF: who may send", domain.to_string(), text("v=spf1 mx -all".to_owned()), true),
    ];
    for signer in signers(configuration, main) {
        let kind = match signer.key.algorithm() {
            SigningAlgorithm::Ed25519 => "ed25519",
            SigningAlgorithm::Rsa { .. } => "rsa",
        };
        let key = KeyRecord { kind: kind.to_owned(), public_key: BASE64.encode(signer.key.public_key()) };
        let name = format!("{}._domainkey.{}", signer.settings.selector, signer.settings.domain);
        all.push(record("DKIM: our signature", name, Data::Key(key), true));
    }
    let dmarc = format!("v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}");
    all.push(record("DMARC: what others do", format!("_dmarc.{domain}"), text(dmarc), true));
    let reports = format!("v=TLSRPTv1; rua=mailto:postmaster@{domain}");
    all.push(record("TLS reports to us", format!("_smtp._tls.{domain}"), text(reports), false));
    if dane {
        let files = boot.tls.as_ref().context("the boot file names no certificate: a made one changes")?;
        let certificate = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(|mut all| all.next().transpose())
            .with_context(|| format!("cannot read {}", files.certificate.display()))?
            .with_context(|| format!("{} holds no certificate", files.certificate.display()))?;
        let hash = key_hash(&certificate).context("the certificate cannot be read")?;
        all.push(record(
            "DANE: our certificate",
            format!("_{SMTP_PORT}._tcp.{host}"),
            Data::Tlsa(hash),
            true,
        ));
    }
    all.extend(services(boot, host, domain));
    Ok(all)
}

/// RFC 6186, RFC 8314 section 5.1, RFC 8620 section 2.2: how programs find us.
fn services(boot: &Boot, host: &str, domain: &Domain) -> Vec<Wanted> {
    let record = |purpose, name: String, data| Wanted { purpose, name, data, needed: false };
    let mut all: Vec<Wanted> = Vec::new();
    for listener in &boot.listeners {
        let Some((purpose, service)) = service(listener) else { continue };
        let name = format!("_{service}._tcp.{domain}");
        if all.iter().all(|known| known.name != name) {
            all.push(record(purpose, name, Data::Srv(listener.bind.port(), host.to_owned())));
        }
    }
    let names = [("autoconfig", "Thunderbird finds us"), ("autodiscover", "Outlook finds us")];
    for (label, purpose) in names {
        all.push(record(purpose, format!("{label}.{domain}"), Data::Cname(host.to_owned())));
    }
    let discover = format!("_autodiscover._tcp.{domain}");
    all.push(record("Outlook finds us", discover, Data::Srv(HTTPS_PORT, host.to_owned())));
    all
}

fn service(listener: &Listener) -> Option<(&'static str, &'static str)> {
    let implicit = listener.tls == ListenerTls::Implicit;
    let plain = listener.tls == ListenerTls::None;
    match listener.protocol {
        _ if plain => None,
        ListenerProtocol::Smtp if listener.submission && implicit => Some(("programs send", "submissions")),
        ListenerProtocol::Smtp if listener.submission => Some(("programs send", "submission")),
        ListenerProtocol::Smtp | ListenerProtocol::Lmtp => None,
        ListenerProtocol::Imap if implicit => Some(("programs read", "imaps")),
        ListenerProtocol::Imap => Some(("programs read", "imap")),
        ListenerProtocol::Pop3 if implicit => Some(("programs read", "pop3s")),
        ListenerProtocol::Pop3 => Some(("programs read", "pop3")),
        ListenerProtocol::Http => Some(("programs read", "jmap")),
    }
}

fn table(wanted: &[Wanted], states: Option<&[State]>, paint: Paint) -> String {
    let mut out = String::new();
    let mut table = match states {
        Some(_) => Table::new(&["STATE", "NAME", "TYPE", "VALUE", "FOR"]),
        None => Table::new(&["NAME", "TYPE", "VALUE", "FOR"]),
    };
    for (nth, one) in wanted.iter().enumerate() {
        let mut row =
            vec![one.name.clone(), one.data.kind().to_owned(), one.data.value(), one.purpose.to_owned()];
        if let Some(state) = states.and_then(|states| states.get(nth)) {
            row.insert(0, painted(state, one.needed, paint));
        }
        table.row(row);
    }
    let _ = write!(out, "{}", table.fitted(paint, None));
    let others =
        wanted.iter().zip(states.unwrap_or_default()).filter(|(_, state)| !state.detail().is_empty());
    for (one, state) in others {
        let what = if matches!(state, State::Unknown(_)) { "cannot be looked up" } else { "DNS says" };
        let _ = writeln!(out, "{} {}: {what}: {}", one.name, one.data.kind(), shown(state.detail()));
    }
    out
}

/// What is only advised is no fault.
fn painted(state: &State, needed: bool, paint: Paint) -> String {
    match state {
        State::There => paint.green("there"),
        State::Missing if !needed => paint.yellow("advised"),
        State::Missing | State::Differs(_) if needed => paint.red(state.name()),
        State::Missing | State::Differs(_) | State::Unknown(_) => paint.yellow(state.name()),
    }
}
