//! `waypost explain`: which way would a message take, and why? The same pure functions as in earnest.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, Domain, ReversePath};
use mta::connect::TcpTransport;
use mta::resolve::HickoryResolver;
use mta::{Resolver, World};
use policy::admit::Admission;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, SrvRecord, TlsaRecord};
use policy::extensions::Offered;
use policy::mx::MxRules;
use policy::route::next_hop;
use policy::{Configuration, Progress, Trouble, TroubleKind};
use store::{Access, Content, MemoryStore};
use wire::smtp::server::AUTHENTICATE_FIRST;

use crate::assemble::{admission_rules, client_tls, lookups, mx_rules, resolver_settings, secrets, web};
use crate::clock::SystemClock;
use crate::config::{Boot, Listener};
use crate::explanation::report::{Report, schedule_words};
use crate::explanation::{Sketch, Subject, envelope, first_progress, plan};
use crate::settings_file::load;
use crate::withheld::Withheld;
use cli::paint::Paint;

/// About which message it is asked.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The boot file (TOML), or a settings file (JSON).
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The reverse-path; `<>` for the null one.
    #[arg(long, short = 'f', value_name = "ADDRESS")]
    from: String,
    /// A recipient; may be given several times.
    #[arg(long, short = 't', value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// Who has authenticated.
    #[arg(long, value_name = "USER")]
    auth: Option<String>,
    /// Temporary failures so far.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry_num: u32,
    /// Bytes of the message.
    #[arg(long, value_name = "BYTES", default_value_t = 1000)]
    size: u64,
    /// What the last attempt ran into, such as `tls` or `connection`.
    #[arg(long, value_name = "KIND", value_parser = last_error)]
    last_error: Option<TroubleKind>,
    /// The client's address.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    source_ip: IpAddr,
    /// The listener that the message comes to; the first one unless said.
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// A field of the header, such as `X-Priority: 1`; may be given several times.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    header: Vec<String>,
    /// Do not ask DNS, and look into no store.
    #[arg(long)]
    offline: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn field(text: &str) -> Result<String, String> {
    let name = text.split_once(':').map(|(name, _)| name.trim_end());
    match name.filter(|name| mail::header::is_field_name(name) && !text.contains(['\r', '\n'])) {
        Some(_) => Ok(text.to_owned()),
        None => Err("it is a name, a colon and a value, on one line".to_owned()),
    }
}

/// Every kind of trouble, for `--last-error`.
const KINDS: [TroubleKind; 9] = [
    TroubleKind::Dns,
    TroubleKind::UnexpectedReply,
    TroubleKind::Connection,
    TroubleKind::Tls,
    TroubleKind::Dane,
    TroubleKind::MtaSts,
    TroubleKind::Rate,
    TroubleKind::Concurrency,
    TroubleKind::Io,
];

fn last_error(text: &str) -> Result<TroubleKind, String> {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    let found = KINDS.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

/// Asks and prints. Exit code 0 whether the mail would be delivered or not, 1 if nothing can be said.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let boot = boot(args)?;
    let path = boot.settings_file();
    let loaded = load(&path, &boot, false);
    let Some(configuration) = &loaded.configuration else {
        eprint!("{}", super::check::text(&path, &loaded, Paint::for_stderr()));
        bail!("the settings have errors");
    };
    let reports = super::block_on(async {
        let (world, withheld) = world(args, &boot, configuration)?;
        let mut reports = Vec::new();
        for to in &args.to {
            let mut report = explain(args, &boot, configuration, &world, to).await?;
            report.would_write = withheld.take();
            reports.push(report);
        }
        Ok(reports)
    })?;
    if args.json {
        super::print(&(serde_json::to_string_pretty(&reports)? + "\n"));
    } else {
        let texts: Vec<String> = reports.iter().map(|report| report.text(Paint::for_stdout())).collect();
        super::print(&texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

fn boot(args: &Args) -> anyhow::Result<Boot> {
    match &args.config {
        Some(path) if path.extension().is_some_and(|extension| extension == "json") => {
            Ok(Boot { settings: Some(path.clone()), ..Boot::default() })
        }
        config => super::boot(config.as_ref()),
    }
}

fn world(args: &Args, boot: &Boot, configuration: &Configuration) -> anyhow::Result<(World, Arc<Withheld>)> {
    let tls = client_tls(boot)?;
    let withheld = Arc::new(Withheld::new(lookups(&tls, configuration, Access::ReadOnly)));
    let resolver: Arc<dyn Resolver> = if args.offline {
        Arc::new(Offline)
    } else {
        Arc::new(HickoryResolver::new(&resolver_settings(boot)).context("cannot set up DNS")?)
    };
    let store = Arc::new(MemoryStore::new());
    let transport = Arc::new(TcpTransport);
    let world = World::new(store, resolver.clone(), transport.clone(), Arc::new(SystemClock));
    let world = world.with_secrets(secrets(boot));
    if args.offline {
        return Ok((world, withheld));
    }
    let web = web(boot, &resolver, transport, &tls);
    Ok((world.with_web(web).with_lookups(withheld.clone()), withheld))
}

async fn explain(
    args: &Args,
    boot: &Boot,
    configuration: &Configuration,
    world: &World,
    to: &str,
) -> anyhow::Result<Report> {
    let now = world.clock.now();
    let from = args.from.trim_start_matches('<').trim_end_matches('>');
    let to = address(to)?;
    let listener = listener(args, boot)?;
    let sketch = Sketch {
        reverse_path: from,
        forward_path: &to,
        authenticated_as: args.auth.as_deref(),
        client_ip: args.source_ip,
        listener: listener.map_or("smtp", |listener| &listener.name),
        local_port: listener.map_or(25, |listener| listener.bind.port()),
        size: args.size,
        now,
    };
    let (forward_path, mut refusal) = admit(boot, configuration, &sketch)?;
    if listener.is_some_and(|listener| listener.submission) && args.auth.is_none() {
        refusal = Some(AUTHENTICATE_FIRST.0.to_owned());
    }
    let sketch = Sketch { forward_path: &forward_path, ..sketch };
    let envelope = envelope(&sketch).with_context(|| format!("`{from}` is not an address"))?;
    let unscheduled = first_progress(now);
    let header = args.header.iter().map(|field| format!("{field}\r\n"));
    let content = Content::Memory(Bytes::from(header.collect::<String>()));
    let subject = Subject {
        configuration,
        envelope: &envelope,
        forward_path: &forward_path,
        progress: &unscheduled,
        now,
        world,
        content: Some(&content),
    };
    let mut report = decisions(args, &subject, &mx_rules(boot, configuration)).await;
    report.to = to.to_string();
    report.accepted = refusal.is_none();
    report.refusal = refusal;
    Ok(report)
}

/// Schedule, route and plan, as if the message had been accepted.
async fn decisions(args: &Args, subject: &Subject<'_>, rules: &MxRules) -> Report {
    let (chosen, schedule) = subject.schedule().await;
    let mut progress = match &chosen {
        Ok(schedule) => Progress::first(schedule, subject.now, &subject.envelope.parameters),
        Err(_) => subject.progress.clone(),
    };
    progress.retry_num = args.retry_num;
    progress.last = args.last_error.map(trouble);
    let subject = Subject { progress: &progress, ..*subject };
    let (choice, route) = subject.route().await;
    let mut report = Report {
        from: subject.envelope.reverse_path.to_string(),
        to: String::new(),
        authenticated_as: args.auth.clone(),
        client_ip: args.source_ip,
        accepted: true,
        refusal: None,
        forward_path: subject.forward_path.to_string(),
        retry_num: args.retry_num,
        schedule,
        schedule_says: chosen.ok().as_deref().map(schedule_words),
        route,
        next_hop: None,
        hosts: Vec::new(),
        trouble: None,
        would_write: Vec::new(),
    };
    match choice {
        Ok(route) => {
            let hop = next_hop(&route, subject.forward_path);
            report.next_hop = Some(plan::next_hop_words(&hop));
            match plan::hosts(&subject, &route, &hop, rules).await {
                Ok(hosts) => report.hosts = hosts,
                Err(trouble) => report.trouble = Some(trouble),
            }
        }
        Err(trouble) => report.trouble = Some(trouble.text),
    }
    report
}

/// The forward-path that goes on, and the refusal if the recipient would not be taken.
fn admit(
    boot: &Boot,
    configuration: &Configuration,
    sketch: &Sketch<'_>,
) -> anyhow::Result<(Address, Option<String>)> {
    let reverse_path = match sketch.reverse_path {
        "" => ReversePath::Null,
        text => ReversePath::Address(address(text)?),
    };
    let rules = admission_rules(boot);
    let begun = Admission::begin(
        &rules,
        sketch.origin(),
        reverse_path,
        Default::default(),
        &Offered::to_users(),
        sketch.now,
    );
    let asked = sketch.forward_path.clone();
    let admitted = begun.and_then(|mut admission| {
        admission.recipient(configuration, asked.clone(), None, None)?;
        Ok(admission.forward_paths().next().cloned())
    });
    Ok(match admitted {
        Ok(path) => (path.unwrap_or(asked), None),
        Err(reply) => (asked, Some(reply.to_string())),
    })
}

/// The listener that the message comes to; none if the boot file has none.
fn listener<'a>(args: &Args, boot: &'a Boot) -> anyhow::Result<Option<&'a Listener>> {
    let Some(name) = &args.listener else { return Ok(boot.listeners.first()) };
    let found = boot.listeners.iter().find(|listener| listener.name == *name);
    found.map(Some).with_context(|| format!("there is no listener `{name}`"))
}

fn address(text: &str) -> anyhow::Result<Address> {
    let bare = text.trim_start_matches('<').trim_end_matches('>');
    Address::parse(bare).with_context(|| format!("`{text}` is not an address"))
}

fn trouble(kind: TroubleKind) -> Trouble {
    Trouble { kind, ..Trouble::ours("as --last-error says") }
}

/// A resolver that knows nothing.
struct Offline;

impl Offline {
    fn nothing<T>() -> Result<Answer<T>, DnsError> {
        Err(DnsError::Failed("DNS is not asked (--offline)".to_owned()))
    }
}

#[async_trait]
impl Resolver for Offline {
    async fn mx(&self, _: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        Self::nothing()
    }
    async fn addresses(&self, _: &str, _: Family) -> Addresses {
        Self::nothing()
    }
    async fn txt(&self, _: &str) -> Result<Answer<String>, DnsError> {
        Self::nothing()
    }
    async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, DnsError> {
        Self::nothing()
    }
    async fn tlsa(&self, _: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        Self::nothing()
    }
    async fn srv(&self, _: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Self::nothing()
    }
}
