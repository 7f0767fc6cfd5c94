//! Puts mailbox access together: IMAP, POP3 and JMAP over the stores, the directory and the queue of this process.

use std::net::SocketAddr;
use std::sync::Arc;

use access::listen::{ConnectionLimits, ListenerSettings, Listeners, Protocol, Tls};
use access::world::{Entrance, EntranceTls, Entrances, Protocol as Spoken};
use admin::Observer;
use anyhow::Context;
use mta::listen::ClientRates;
use mta::quotas::Quotas;
use mta::server_tls::ServerTls;
use mta::submit::Door;
use mta::web::Reach;
use policy::Configuration;
use store::MessageStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assemble::{admission_rules, submission_limits};
use crate::config::{self, Boot, Listener, ListenerProtocol};
use crate::outbox::{Courier, Outbox};

/// What the parts of mail access are made of.
pub(crate) struct Parts {
    /// The seams of moving mail.
    pub(crate) world: mta::World,
    /// Mail at rest.
    pub(crate) messages: Arc<dyn MessageStore>,
    /// The configuration in force.
    pub(crate) configuration: watch::Receiver<Arc<Configuration>>,
    /// How much the queue may hold.
    pub(crate) quotas: Arc<Quotas>,
    /// What SMTP clients have used up.
    pub(crate) rates: ClientRates,
    /// What has left the queue.
    pub(crate) observer: Arc<Observer>,
}

/// Opens the sockets of the boot file's listeners for IMAP, POP3 and HTTP.
pub(crate) fn bind(
    boot: &Boot,
    tls: Option<&ServerTls>,
    mut limits: ConnectionLimits,
) -> anyhow::Result<Listeners> {
    limits.total = limits.total.max(1);
    let of_access = boot.listeners.iter().filter(|listener| spoken(listener).is_some());
    let settings: Vec<ListenerSettings> =
        of_access.map(|listener| one(listener, tls)).collect::<anyhow::Result<_>>()?;
    Listeners::bind(settings, limits)
        .map_err(|(name, address, error)| anyhow::anyhow!("cannot listen on {address} for `{name}`: {error}"))
}

/// Serves the listeners; none if there are none.
pub(crate) fn serving(
    boot: &Boot,
    listeners: Listeners,
    parts: Parts,
    shutdown: CancellationToken,
) -> Option<impl Future<Output = ()> + Send + 'static> {
    let addresses = listeners.addresses();
    if addresses.is_empty() {
        return None;
    }
    let entrances = entrances(boot, &addresses, &parts.configuration.borrow());
    Some(listeners.run(world(boot, parts, entrances), shutdown))
}

fn world(boot: &Boot, parts: Parts, entrances: Entrances) -> access::World {
    let Parts { world, messages, configuration, quotas, rates, observer } = parts;
    let (rules, limits) = (Arc::new(admission_rules(boot)), submission_limits(boot));
    let door = Door::new(world.clone(), configuration.clone(), quotas, rates, rules, limits);
    let reach = if boot.web.allow_loopback { Reach::Loopback } else { Reach::Public };
    access::World {
        messages,
        values: world.store.clone(),
        directory: world.directory.clone(),
        outbox: Arc::new(Outbox { door, world: world.clone(), observer }),
        courier: Arc::new(Courier { world: world.clone(), reach }),
        entrances: Arc::new(entrances),
        clock: world.clock.clone(),
        configuration,
        maildrops: access::pop3::Maildrops::default(),
    }
}

/// What a listener of mailbox access speaks; none if it is another's.
pub(crate) fn spoken(listener: &Listener) -> Option<Protocol> {
    match listener.protocol {
        ListenerProtocol::Imap => Some(Protocol::Imap),
        ListenerProtocol::Pop3 => Some(Protocol::Pop3),
        ListenerProtocol::Http => Some(Protocol::Http),
        ListenerProtocol::Smtp | ListenerProtocol::Lmtp => None,
    }
}

fn one(listener: &Listener, tls: Option<&ServerTls>) -> anyhow::Result<ListenerSettings> {
    let protocol = spoken(listener).context("this listener is not one of mailbox access")?;
    let acceptor = || {
        let tls = tls.with_context(|| format!("there is no certificate for `{}`", listener.name))?;
        anyhow::Ok(tls.clone().for_protocol(protocol.alpn()).acceptor())
    };
    Ok(ListenerSettings {
        name: listener.name.clone(),
        address: listener.bind,
        protocol,
        tls: match listener.tls {
            config::ListenerTls::None => Tls::None,
            config::ListenerTls::StartTls => Tls::StartTls(acceptor()?),
            config::ListenerTls::Implicit => Tls::Implicit(acceptor()?),
        },
    })
}

/// By which doors people come in, for programs that look for them.
fn entrances(boot: &Boot, addresses: &[(String, SocketAddr)], configuration: &Configuration) -> Entrances {
    let port = |listener: &Listener| {
        let got = addresses.iter().find(|(name, _)| *name == listener.name);
        got.map_or(listener.bind.port(), |(_, address)| address.port())
    };
    let door = |listener: &Listener| {
        let protocol = match listener.protocol {
            ListenerProtocol::Imap => Spoken::Imap,
            ListenerProtocol::Pop3 => Spoken::Pop3,
            ListenerProtocol::Http => Spoken::Http,
            ListenerProtocol::Smtp if listener.submission => Spoken::Submission,
            ListenerProtocol::Smtp | ListenerProtocol::Lmtp => return None,
        };
        let tls = match listener.tls {
            config::ListenerTls::None => EntranceTls::None,
            config::ListenerTls::StartTls => EntranceTls::StartTls,
            config::ListenerTls::Implicit => EntranceTls::Implicit,
        };
        Some(Entrance { protocol, tls, port: port(listener) })
    };
    let doors = boot.listeners.iter().filter_map(door).collect();
    Entrances { host: configuration.hostname.as_str().to_owned(), doors }
}
