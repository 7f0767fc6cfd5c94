//! Builds everything the process is made of, in order.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin::access::password::password_hash;
use admin::explain::{Door, Surroundings};
use admin::otlp::{self, Collector};
use admin::route_test::RouteTests;
use admin::settings::{Machine, Settings, Started};
use admin::{Api, Observer, ObserverFiles};
use anyhow::Context;
use directory::{Accounts, Ways};
use mta::client_tls::ClientTls;
use mta::connect::TcpTransport;
use mta::connections::{self, Connections};
use mta::heartbeat;
use mta::listen::{self, ListenerSettings, ListenerTls, Listeners, Protocol, SessionTimes};
use mta::quotas::Quotas;
use mta::resolve::{Dnssec, HickoryResolver, ResolverSettings};
use mta::secrets::KeptSecrets;
use mta::server_tls::ServerTls;
use mta::web::Https;
use mta::{Resolver, World};
use policy::Configuration;
use policy::admit::AdmissionRules;
use policy::mx::MxRules;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use store::{Access, LookupStores};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::smtp::limits::{BareLineEnd, SessionLimits};

use crate::clock::SteadyClock;
use crate::config::{self, Boot, Listener, ListenerProtocol, Web};
use crate::descriptors;
use crate::issuers::Issuers;
use crate::machine::{Running, ThisMachine};
use crate::mailbox_access::{self, Parts};
use crate::management::{self, Management};
use crate::secrets::MachineSecrets;
use crate::starting::Start;

/// The running process.
pub(crate) struct Server {
    /// Each listener's name and the address that it got.
    pub(crate) addresses: Vec<(String, SocketAddr)>,
    world: World,
    running: Arc<Running>,
    settings: Settings,
    connections: Arc<Connections>,
    intake: CancellationToken,
    delivery: CancellationToken,
    listeners: JoinSet<()>,
    queue_manager: JoinSet<()>,
    management: Management,
    observer: Arc<Observer>,
    /// Tells a collector, until all else has ended.
    telling: JoinSet<()>,
    told: CancellationToken,
}

/// Opens the store and the sockets, and starts to work.
pub(crate) async fn assemble(boot: &Boot, start: Start) -> anyhow::Result<Server> {
    let Start { store, started: Started { current, configuration, .. } } = start;
    let client_tls = client_tls(boot)?;
    let tls_of_directories = client_tls.clone();
    let lookups = lookups(&client_tls, &configuration, Access::ReadWrite);
    let observer = Arc::new(Observer::new(&observer_files(boot)));
    let store = Arc::new(store);
    let world = seams(boot, store.clone(), &client_tls, lookups.clone(), &observer).await?;
    let rules = mx_rules(boot, &configuration);
    let connections = Arc::new(Connections::new(connections::ConnectionLimits::default(), rules, client_tls));
    let server_tls = server_tls(boot, &configuration)?;
    let hostname = configuration.hostname.as_str().to_owned();
    let listeners = Listeners::bind(listener_settings(boot), connection_limits(boot))?;
    let of_access = mailbox_access::bind(boot, server_tls.as_ref(), access_limits(boot))?;
    let addresses = [listeners.addresses(), of_access.addresses()].concat();
    let (configuration, watched) = watch::channel(Arc::new(configuration));
    let world = with_accounts(world, &watched, tls_of_directories, lookups.clone());
    observer.start(world.clock.clone(), watched.clone()).context("cannot start a thread")?;
    let quotas = Quotas::new(&watched.borrow());
    world.vacations.recall(&world).await.context("cannot read who is away")?;
    let (intake, delivery) = (CancellationToken::new(), CancellationToken::new());

    let parts = Parts {
        world: world.clone(),
        messages: store,
        configuration: watched.clone(),
        quotas: quotas.clone(),
        rates: listeners.rates(),
        observer: observer.clone(),
    };
    let listening = listening(boot, listeners, of_access, parts, server_tls.clone(), &intake);
    let mut delivering = delivering(&world, &watched, &connections, quotas, &delivery);
    let hooks = admin::webhooks::run(world.clone(), observer.clone(), watched.clone(), delivery.clone());
    delivering.spawn(hooks);
    let (mut telling, told) = (JoinSet::new(), CancellationToken::new());
    telling.spawn(otlp::run(world.clone(), observer.clone(), hostname.clone(), told.clone()));
    let surroundings = Arc::new(surroundings(boot, &watched.borrow()));
    let management_tls = management::tls(boot, &hostname)?;
    let certificates = [server_tls, management_tls.clone()].into_iter().flatten().collect();
    let running = running(boot, &world, lookups, configuration, certificates);
    let (settings, owner) = Settings::new(world.clone(), running.clone(), current, password_hash);
    let api = Api {
        world: world.clone(),
        surroundings,
        configuration: watched,
        access: management::access(boot, &world).await?,
        audit: management::audit(&world).await?,
        tasks: TaskTracker::new(),
        jobs: admin::queue::Jobs::default(),
        observer: observer.clone(),
        route_tests: RouteTests::new(connections.clone()),
        settings: settings.clone(),
    };
    let management = management::start(boot, management_tls, api, owner).await?;
    Ok(Server {
        addresses,
        world,
        running,
        settings,
        connections,
        intake,
        delivery,
        listeners: listening,
        queue_manager: delivering,
        management,
        observer,
        telling,
        told,
    })
}

/// What a change of the settings is handed to.
fn running(
    boot: &Boot,
    world: &World,
    lookups: Arc<LookupStores>,
    configuration: watch::Sender<Arc<Configuration>>,
    certificates: Vec<ServerTls>,
) -> Arc<Running> {
    let (here, resolver) = (ThisMachine(Arc::new(boot.clone())), world.resolver.clone());
    Arc::new(Running { here, lookups, configuration, certificates, resolver })
}

/// The seams as the boot file has them.
async fn seams(
    boot: &Boot,
    store: Arc<store::SqliteStore>,
    client_tls: &ClientTls,
    lookups: Arc<LookupStores>,
    observer: &Observer,
) -> anyhow::Result<World> {
    let resolver = HickoryResolver::new(&resolver_settings(boot)).context("cannot set up DNS")?;
    let clock = SteadyClock::after(heartbeat::last(&*store).await.context("cannot read the data directory")?);
    let resolver: Arc<dyn Resolver> = Arc::new(resolver);
    let transport = Arc::new(TcpTransport);
    let web = web(boot, &resolver, transport.clone(), client_tls);
    let world = World::new(store, resolver, transport, Arc::new(clock));
    Ok(world.with_events(observer.events()).with_web(web).with_lookups(lookups).with_secrets(secrets(boot)))
}

/// The same world, in which people can say who they are.
fn with_accounts(
    world: World,
    configuration: &watch::Receiver<Arc<Configuration>>,
    tls: ClientTls,
    stores: Arc<LookupStores>,
) -> World {
    let ways = Ways { secure: Arc::new(tls), stores, web: Arc::new(Issuers(world.web.clone())) };
    let (values, clock) = (world.store.clone(), world.clock.clone());
    let accounts = Accounts::with(configuration.clone(), values, clock, Some(ways));
    world.with_directory(Arc::new(accounts))
}

/// All that listens, for mail and for people who read theirs.
fn listening(
    boot: &Boot,
    listeners: Listeners,
    of_access: access::listen::Listeners,
    parts: Parts,
    tls: Option<ServerTls>,
    intake: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (world, settings, quotas) = (parts.world.clone(), parts.configuration.clone(), parts.quotas.clone());
    if let Some(serving) = mailbox_access::serving(boot, of_access, parts, intake.clone()) {
        tasks.spawn(serving);
    }
    tasks.spawn(listeners.run(world, settings, quotas, tls, intake.clone()));
    tasks
}

/// All that works on what was accepted.
fn delivering(
    world: &World,
    watched: &watch::Receiver<Arc<Configuration>>,
    connections: &Arc<Connections>,
    quotas: Arc<Quotas>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let shared = || (world.clone(), watched.clone(), connections.clone());
    let (of_world, settings, kept) = shared();
    tasks.spawn(mta::queue_manager::run(of_world, settings, kept, quotas, stop.clone()));
    let (of_world, settings, kept) = shared();
    tasks.spawn(mta::tls_reports::run(of_world, settings, kept, stop.clone()));
    tasks.spawn(mta::mta_sts::refresh(world.clone(), connections.sts().clone(), stop.clone()));
    tasks
}

impl Server {
    /// The seams, for those who look into the store.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The configuration in force.
    pub(crate) fn configuration(&self) -> Arc<Configuration> {
        self.running.configuration.borrow().clone()
    }

    /// Where the management API listens, if it does.
    pub(crate) fn management_address(&self) -> Option<SocketAddr> {
        self.management.address
    }

    /// Where the first administrator comes in, if there is none.
    pub(crate) fn setup_link(&self) -> Option<&str> {
        self.management.setup_link.as_deref()
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens the event log anew, after somebody has moved it away.
    pub(crate) fn reopen_event_log(&self) {
        self.observer.reopen();
    }

    /// Reads the certificate again, if it came from a file.
    pub(crate) fn reload_certificate(&self) -> Result<(), String> {
        self.running.reload_certificates()
    }

    /// Resolves only if a part has ended that should not have.
    pub(crate) async fn broken(&mut self) -> anyhow::Error {
        let (part, ended) = tokio::select! {
            biased;
            ended = self.queue_manager.join_next() => ("the queue manager", ended),
            ended = self.listeners.join_next() => ("the listeners", ended),
        };
        match ended {
            Some(Err(error)) => anyhow::anyhow!("{part} ended: {error}"),
            Some(Ok(())) | None => anyhow::anyhow!("{part} ended by itself"),
        }
    }

    /// Ends in the order in which nothing is lost: no new mail, then no new attempts, then the connections, then the
    /// store, which closes when its last holder is gone.
    pub(crate) async fn stop(mut self) {
        self.intake.cancel();
        while self.listeners.join_next().await.is_some() {}
        self.management.stop().await;
        self.delivery.cancel();
        while self.queue_manager.join_next().await.is_some() {}
        self.connections.close().await;
        let observer = self.observer;
        // It may wait for the disk, and must not hold up what still runs.
        let _ = tokio::task::spawn_blocking(move || observer.stop()).await;
        self.told.cancel();
        while self.telling.join_next().await.is_some() {}
    }
}

/// Where secrets that the settings only refer to are read.
pub(crate) fn secrets(boot: &Boot) -> Arc<KeptSecrets> {
    Arc::new(KeptSecrets::new(Arc::new(MachineSecrets { allowed: boot.secrets.clone() })))
}

/// TLS as a client, with the roots that the boot file names.
pub(crate) fn client_tls(boot: &Boot) -> anyhow::Result<ClientTls> {
    ClientTls::new(trusted_roots(boot)?).context("cannot set up TLS")
}

/// The lookup stores of a configuration.
pub(crate) fn lookups(tls: &ClientTls, configuration: &Configuration, access: Access) -> Arc<LookupStores> {
    let stores = LookupStores::new(access, Arc::new(tls.clone()));
    stores.replace(&configuration.lookup_stores, &configuration.lookup_secrets);
    Arc::new(stores)
}

/// Where those who listen write to.
fn observer_files(boot: &Boot) -> ObserverFiles {
    let collector =
        |otlp: &config::Otlp| Collector { endpoint: otlp.endpoint.clone(), headers: otlp.headers.clone() };
    ObserverFiles {
        directory: Some(boot.data_directory.clone()),
        events: boot.log.events.clone(),
        collector: boot.otlp.as_ref().map(collector),
    }
}

/// The web as the boot file has it.
pub(crate) fn web(
    boot: &Boot,
    resolver: &Arc<dyn Resolver>,
    transport: Arc<TcpTransport>,
    tls: &ClientTls,
) -> Arc<Https> {
    let Web { port, allow_loopback } = boot.web;
    Arc::new(Https::new(Arc::clone(resolver), transport, tls.clone(), port, allow_loopback))
}

/// What the boot file says about DNS.
pub(crate) fn resolver_settings(boot: &Boot) -> ResolverSettings {
    ResolverSettings {
        name_servers: boot.dns.name_servers.clone(),
        dnssec: match boot.dns.dnssec {
            config::Dnssec::Auto => Dnssec::Auto,
            config::Dnssec::TrustAd => Dnssec::TrustAd,
            config::Dnssec::Validate => Dnssec::Validate,
            config::Dnssec::Off => Dnssec::Off,
        },
        trust_anchors: boot.dns.trust_anchors.clone(),
        ..ResolverSettings::default()
    }
}

/// What holds for the hosts of every Mx route.
pub(crate) fn mx_rules(boot: &Boot, configuration: &Configuration) -> MxRules {
    let reachable = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified();
    let at_mx_port = boot.listeners.iter().filter(|listener| listener.bind.port() == boot.mx.port);
    let mut own_addresses: Vec<IpAddr> = at_mx_port.map(|listener| listener.bind.ip()).collect();
    own_addresses.extend(&boot.mx.own_addresses);
    own_addresses.retain(reachable);
    MxRules {
        port: boot.mx.port,
        allow_loopback: boot.mx.allow_loopback,
        own_names: vec![configuration.hostname.as_str().to_owned()],
        own_addresses,
    }
}

/// What the boot file says that bears on decisions.
pub(crate) fn surroundings(boot: &Boot, configuration: &Configuration) -> Surroundings {
    let door = |listener: &Listener| Door {
        name: listener.name.clone(),
        port: listener.bind.port(),
        submission: listener.submission,
    };
    Surroundings {
        admission: admission_rules(boot),
        mx: mx_rules(boot, configuration),
        doors: boot.listeners.iter().filter(|listener| listener.takes_mail()).map(door).collect(),
    }
}

/// The root certificates that the boot file names.
pub(crate) fn trusted_roots(boot: &Boot) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = |path: &Path| -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read the trusted root {}", path.display()))?;
        Ok(certificates)
    };
    let files = boot.trusted_roots.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(files.into_iter().flatten().collect())
}

fn server_tls(boot: &Boot, configuration: &Configuration) -> anyhow::Result<Option<ServerTls>> {
    if boot.listeners.iter().all(|listener| listener.tls == config::ListenerTls::None) {
        return Ok(None);
    }
    let tls = match &boot.tls {
        Some(files) => ServerTls::from_files(&files.certificate, &files.key)?,
        None => ServerTls::self_signed(configuration.hostname.as_str())?,
    };
    Ok(Some(tls))
}

fn connection_limits(boot: &Boot) -> listen::ConnectionLimits {
    let defaults = listen::ConnectionLimits::default();
    listen::ConnectionLimits {
        total: descriptors::connections(boot.limits.connections_max.unwrap_or(defaults.total)),
        per_client: boot.limits.connections_per_client_max.unwrap_or(defaults.per_client),
    }
}

/// Mail programs keep connections open: those of a household or an office come from one address.
fn access_limits(boot: &Boot) -> access::listen::ConnectionLimits {
    let limits = connection_limits(boot);
    access::listen::ConnectionLimits { total: limits.total, per_client: limits.per_client }
}

/// What may be submitted otherwise than by SMTP.
pub(crate) fn submission_limits(boot: &Boot) -> SessionLimits {
    let (said, defaults) = (&boot.limits, SessionLimits::default());
    SessionLimits {
        message_bytes_max: said.message_bytes_max.unwrap_or(defaults.message_bytes_max),
        recipients_max: said.recipients_max.unwrap_or(defaults.recipients_max),
        ..defaults
    }
}

fn listener_settings(boot: &Boot) -> Vec<ListenerSettings> {
    let admission = Arc::new(admission_rules(boot));
    let of_mail = boot.listeners.iter().filter(|listener| listener.takes_mail());
    of_mail.map(|listener| one_listener(boot, listener, admission.clone())).collect()
}

/// Who may relay.
pub(crate) fn admission_rules(boot: &Boot) -> AdmissionRules {
    AdmissionRules { relay_networks: boot.relay_networks.clone(), ..AdmissionRules::default() }
}

fn one_listener(boot: &Boot, listener: &Listener, admission: Arc<AdmissionRules>) -> ListenerSettings {
    let lmtp = listener.protocol == ListenerProtocol::Lmtp;
    ListenerSettings {
        name: listener.name.clone(),
        address: listener.bind,
        protocol: if lmtp { Protocol::Lmtp } else { Protocol::Smtp },
        tls: match listener.tls {
            config::ListenerTls::None => ListenerTls::None,
            config::ListenerTls::StartTls => ListenerTls::StartTls,
            config::ListenerTls::Implicit => ListenerTls::Implicit,
        },
        require_tls: listener.require_tls,
        auth: !lmtp,
        require_auth: listener.submission,
        limits: session_limits(boot, listener),
        times: SessionTimes::default(),
        proxy_networks: listener.proxy_networks.clone(),
        admission,
    }
}

fn session_limits(boot: &Boot, listener: &Listener) -> SessionLimits {
    let defaults = SessionLimits::default();
    let said = &boot.limits;
    SessionLimits {
        message_bytes_max: said.message_bytes_max.unwrap_or(defaults.message_bytes_max),
        recipients_max: said.recipients_max.unwrap_or(defaults.recipients_max),
        bare_line_end: if listener.mend_line_ends { BareLineEnd::MendForUsers } else { BareLineEnd::Refuse },
        messages_max: said.messages_per_session_max.unwrap_or(defaults.messages_max),
        ..defaults
    }
}

/// How long a task may take to end once everything else has.
pub(crate) const RUNTIME_END_MAX: Duration = Duration::from_secs(2);
