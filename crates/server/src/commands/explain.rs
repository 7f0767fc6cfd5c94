//! `waypost explain`: which way would a message take, and why? The same pure functions as in earnest.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use admin::explain::question::{header, last_error, trouble};
use admin::explain::{self, Question};
use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use cli::paint::Paint;
use mail::Domain;
use mta::connect::TcpTransport;
use mta::resolve::HickoryResolver;
use mta::{Resolver, World};
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, SrvRecord, TlsaRecord};
use policy::{Configuration, TroubleKind};
use store::{Access, MemoryStore};

use crate::assemble::{client_tls, lookups, resolver_settings, secrets, surroundings, web};
use crate::clock::SystemClock;
use crate::config::Boot;
use crate::explanation::report::text;
use crate::stored_settings::load_ruling;

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
    header(&[text.to_owned()]).map(|_| text.to_owned())
}

/// Asks and prints. Exit code 0 whether the mail would be delivered or not, 1 if nothing can be said.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let boot = boot(args)?;
    let (path, loaded) = load_ruling(&boot, false);
    let Some(configuration) = &loaded.configuration else {
        eprint!("{}", super::check::text(&path, &loaded, Paint::for_stderr()));
        bail!("the settings have errors");
    };
    let question = question(args);
    let reports = super::block_on(async {
        let world = world(args, &boot, configuration)?;
        let surroundings = surroundings(&boot, configuration);
        explain::explain(&world, &surroundings, configuration, &question).await.map_err(anyhow::Error::msg)
    })?;
    if args.json {
        super::print(&(serde_json::to_string_pretty(&reports)? + "\n"));
    } else {
        let texts: Vec<String> = reports.iter().map(|report| text(report, Paint::for_stdout())).collect();
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

fn world(args: &Args, boot: &Boot, configuration: &Configuration) -> anyhow::Result<World> {
    let tls = client_tls(boot)?;
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
        return Ok(world);
    }
    let web = web(boot, &resolver, transport, &tls);
    Ok(world.with_web(web).with_lookups(lookups(&tls, configuration, Access::ReadOnly)))
}

fn question(args: &Args) -> Question {
    let fields = args.header.iter().map(|field| format!("{field}\r\n"));
    Question {
        authenticated_as: args.auth.clone(),
        client_ip: args.source_ip,
        listener: args.listener.clone(),
        size: args.size,
        header: Bytes::from(fields.collect::<String>()),
        retry_num: args.retry_num,
        last: args.last_error.map(trouble),
        ..Question::new(args.from.as_str(), args.to.clone())
    }
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
