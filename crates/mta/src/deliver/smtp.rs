//! Over SMTP or LMTP: opens a connection up to where mail may be sent, and runs transactions over it.

use std::io;
use std::sync::Arc;

use mail::{Envelope, Reply, Stage, Timestamp};
use policy::outcome::{self, Incapable, Judgement};
use policy::plan::{Endpoint, TlsRequirement};
use policy::settings::RelayProtocol;
use policy::tls::{Demander, TlsReason};
use policy::tls_outcome::{TlsFailure, TlsResult};
use policy::{Trouble, tls};
use rustix::io::Errno;
use store::QueuedRecipient;
use tokio::time::timeout_at;
use wire::smtp::client::{Answer, Broken, Client, Forward, Protocol, Request, SetupTrouble, Step, Unable};
use wire::smtp::command::DeliverBy;

use super::dialogue::{ContentFault, Patience, drive, send_content};
use super::fit::Offer;
use super::login::login;
use super::secure::{Upgrade, handshake, may_go_without, start_tls};
use crate::attempt::Way;
use crate::connections::{Connection, ConnectionKey, Connections};
use crate::events::{Transcript, masked};
use crate::probe::ProbeStage;
use crate::world::{Stream, World};

/// Bytes read at once.
const READ_BYTES: usize = 4096;

/// Why there is no connection, and what to try next.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// This address cannot be reached: the next one of the host.
    Address(Trouble),
    /// The host would not talk to us as it must: the next host.
    Host(Trouble),
    /// The host is not as secure as it must be, and what that is in a TLS report: the next host.
    Insecure(Trouble, TlsFailure),
    /// Our own side cannot connect to anybody.
    Ours(Trouble),
}

/// Connects and talks until mail may be sent.
pub(crate) async fn open(
    world: &World,
    connections: &Connections,
    key: Arc<ConnectionKey>,
    patience: &Patience,
    transcript: &Transcript,
) -> Result<Connection, NoConnection> {
    match open_once(world, connections, Arc::clone(&key), (patience, transcript), Upgrade::AsRequired).await?
    {
        Opened::Connection(connection) => Ok(*connection),
        Opened::NotUpgraded(refusal) => {
            tracing::info!(host = key.host, %refusal, "STARTTLS is refused; once more, without it");
            match open_once(world, connections, key, (patience, transcript), Upgrade::Plain).await? {
                Opened::Connection(connection) => Ok(*connection),
                Opened::NotUpgraded(_) => {
                    Err(NoConnection::Host(Trouble::ours("STARTTLS was not asked for")))
                }
            }
        }
    }
}

enum Opened {
    Connection(Box<Connection>),
    /// STARTTLS was refused, and the host may be asked without it.
    NotUpgraded(Reply),
}

async fn open_once(
    world: &World,
    connections: &Connections,
    key: Arc<ConnectionKey>,
    (patience, transcript): (&Patience, &Transcript),
    upgrade: Upgrade,
) -> Result<Opened, NoConnection> {
    if connections.credentials_are_held(&key) {
        let text =
            format!("{} refused our credentials a moment ago; they are not offered again yet", key.host);
        return Err(NoConnection::Host(Trouble::ours(text).at(&key.host)));
    }
    if let Some(credentials) = &key.proofs.credentials {
        transcript.hide(&credentials.username, &credentials.secret);
    }
    let mut stream = connect(world, &key, patience, transcript).await?;
    connections.count_opened();
    let mut way = Way { host: key.host.clone(), address: Some(key.address.clone()), ..Way::default() };
    way.tls = "none".to_owned();
    way.tls_reason = Some(key.tls.reason);
    if matches!(key.tls.requirement, TlsRequirement::Implicit { .. }) {
        (stream, way.tls) = handshake(connections, stream, &key, (patience, transcript)).await?;
    }
    let mut client = new_client(&key, upgrade);
    let mut buffer = vec![0; READ_BYTES].into_boxed_slice();
    loop {
        match drive(&mut stream, &mut client, &mut buffer, patience, transcript).await {
            Step::Handshake => {
                (stream, way.tls) = handshake(connections, stream, &key, (patience, transcript)).await?;
                client.secured();
            }
            Step::Ready => {
                let connection = Connection { key, stream, client, buffer, way, served: 0 };
                return Ok(Opened::Connection(Box::new(connection)));
            }
            Step::Send | Step::Receive(_) | Step::SendContent(_) | Step::Over => {
                return match client.take_setup_trouble() {
                    Some(SetupTrouble::Refused(Stage::StartTls, reply))
                        if may_go_without(&key.tls) && reply.code != 421 =>
                    {
                        Ok(Opened::NotUpgraded(reply))
                    }
                    Some(SetupTrouble::NoStartTls) => {
                        let trouble = tls::not_offered(&key.host, key.tls.reason);
                        let reason = trouble.text.clone();
                        let result = TlsResult::StartTlsNotSupported;
                        Err(NoConnection::Insecure(trouble, TlsFailure { result, reason }))
                    }
                    Some(SetupTrouble::Refused(Stage::StartTls, reply))
                        if is_demanded_of_the_host(&key.tls.reason) && reply.code != 421 =>
                    {
                        let refused = SetupTrouble::Refused(Stage::StartTls, reply);
                        Err(refused_start_tls(setup_trouble(connections, &key, Some(refused))))
                    }
                    trouble => Err(NoConnection::Host(setup_trouble(connections, &key, trouble))),
                };
            }
        }
    }
}

/// Whether TLS is demanded by more than our own strategy.
fn is_demanded_of_the_host(reason: &TlsReason) -> bool {
    !matches!(reason.demander, None | Some(Demander::Strategy))
}

/// Whoever could strip STARTTLS can refuse it as well: the mail waits, and it is told as if it were not offered.
fn refused_start_tls(trouble: Trouble) -> NoConnection {
    let failure = TlsFailure { result: TlsResult::StartTlsNotSupported, reason: trouble.text.clone() };
    NoConnection::Insecure(trouble.deferring(), failure)
}

async fn connect(
    world: &World,
    key: &ConnectionKey,
    patience: &Patience,
    transcript: &Transcript,
) -> Result<Box<dyn Stream>, NoConnection> {
    transcript.note(|| match key.source {
        Some(source) => format!("connecting to {} {} from {source}", key.host, key.address),
        None => format!("connecting to {} {}", key.host, key.address),
    });
    if let Some(stages) = transcript.stages() {
        stages.enter(ProbeStage::Connect, &format!("{} {}", key.host, key.address));
    }
    let connecting = async {
        match &key.address {
            Endpoint::Tcp(address) => world.transport.connect(*address, key.source).await,
            Endpoint::Unix(path) => world.transport.connect_path(path).await,
        }
    };
    let why = match timeout_at(patience.deadline(patience.connect), connecting).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) if is_ours(&error, key) => {
            tracing::error!(%error, "cannot open any connection");
            return Err(NoConnection::Ours(Trouble::ours(format!("cannot open a connection: {error}"))));
        }
        Ok(Err(error)) => {
            if let Some(trouble) = source_trouble(&error, key) {
                return Err(NoConnection::Address(trouble));
            }
            error.to_string()
        }
        Err(_) => "no answer in time".to_owned(),
    };
    transcript.note(|| why.clone());
    Err(NoConnection::Address(outcome::unreachable(&key.host, &key.address, &why)))
}

/// That our own source address is not there is no fault of the host.
fn source_trouble(error: &io::Error, key: &ConnectionKey) -> Option<Trouble> {
    let not_there = error.raw_os_error().map(Errno::from_raw_os_error) == Some(Errno::ADDRNOTAVAIL);
    let source = key.source.filter(|_| not_there)?;
    tracing::error!(%source, host = key.host, %error, "cannot connect from the source address");
    Some(Trouble::ours(format!("cannot connect from the source address {source}: {error}")).at(&key.host))
}

/// Whether the error says that this process or machine has no more files or no more ports.
fn is_ours(error: &io::Error, key: &ConnectionKey) -> bool {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE | Errno::NFILE) => true,
        // Where IPv6 is switched off, or a source address is not ours, it is said too, and another address may do.
        Some(Errno::ADDRNOTAVAIL) => {
            key.source.is_none() && matches!(key.address, Endpoint::Tcp(address) if address.is_ipv4())
        }
        _ => false,
    }
}

fn new_client(key: &ConnectionKey, upgrade: Upgrade) -> Client {
    let protocol = match key.protocol {
        RelayProtocol::Smtp => Protocol::Smtp,
        RelayProtocol::Lmtp => Protocol::Lmtp,
    };
    Client::new(protocol, &key.hello, start_tls(&key.tls, upgrade), login(key))
}

fn setup_trouble(connections: &Connections, key: &ConnectionKey, trouble: Option<SetupTrouble>) -> Trouble {
    let host = key.host.as_str();
    let credentials = key.proofs.credentials.is_some();
    let judgement = match trouble {
        Some(SetupTrouble::Refused(stage, mut reply)) => {
            if stage == Stage::Auth {
                reply.text = unshown(key, reply.text);
                hold(connections, key, &reply.to_string());
            }
            outcome::refused(stage, &reply, &stage.to_string(), host, false)
        }
        Some(SetupTrouble::NoStartTls) => Judgement::NextHost(tls::not_offered(host, key.tls.reason)),
        Some(SetupTrouble::NoMechanism) => {
            hold(connections, key, "it offers no mechanism for them");
            Judgement::NextHost(outcome::no_mechanism(host))
        }
        Some(SetupTrouble::Broken(stage, why)) => {
            if matches!(why, Broken::Proof(_)) {
                hold(connections, key, &unshown(key, why.to_string()));
            }
            outcome::broken(stage, &unshown(key, why.to_string()), host, false)
        }
        None => outcome::broken(Stage::Greeting, "the connection is of no use", host, false),
    };
    let trouble = match judgement {
        Judgement::NextHost(trouble) => trouble,
        Judgement::Final(_) => Trouble::ours("the setup of a connection cannot be final"),
    };
    // Where a password is at stake, or LHLO is not understood, the route is wrong and not the message.
    if credentials || key.protocol == RelayProtocol::Lmtp { trouble.deferring() } else { trouble }
}

/// What a peer said without our password: it may repeat what it was shown, and this ends up in logs and notifications.
fn unshown(key: &ConnectionKey, text: String) -> String {
    match &key.proofs.credentials {
        Some(credentials) => masked(text, &credentials.username, &credentials.secret),
        None => text,
    }
}

/// A relay does not take our credentials: they are not shown again at once, lest the account be locked.
fn hold(connections: &Connections, key: &ConnectionKey, why: &str) {
    connections.hold_credentials(key);
    tracing::error!(
        host = key.host,
        why,
        alarm = "relay credentials",
        "the relay does not take our credentials"
    );
}

/// What a transaction brought.
pub(crate) struct Transacted {
    /// One for each recipient.
    pub(crate) answers: Vec<Answer>,
    /// What was wrong with the content, on our side.
    pub(crate) fault: Option<ContentFault>,
    /// Whether the peer answered anything at all.
    pub(crate) answered: bool,
}

/// Runs one transaction, if the peer is able to take the message.
pub(crate) async fn transact(
    connection: &mut Connection,
    envelope: &Envelope,
    recipients: &[&QueuedRecipient],
    offer: &Offer,
    now: Timestamp,
    (patience, transcript): (&Patience, &Transcript),
) -> Result<Transacted, Incapable> {
    let Connection { stream, client, buffer, .. } = connection;
    let forwards: Vec<Forward<'_>> = recipients
        .iter()
        .map(|queued| Forward {
            forward_path: &queued.recipient.forward_path,
            original: queued.recipient.original.as_ref(),
            notify: queued.recipient.notify,
        })
        .collect();
    let request = Request {
        envelope,
        content_bytes: offer.content.len(),
        traits: offer.traits,
        deliver_by: envelope.parameters.deliver_by.map(|by| DeliverBy {
            seconds: by.until.seconds_from(now),
            mode: by.mode,
            trace: by.trace,
        }),
        needs_smtputf8: offer.needs_smtputf8,
        recipients: &forwards,
    };
    let replies = client.replies();
    client.begin(&request).map_err(|unable| match unable {
        Unable::TooLarge(limit) => Incapable::TooLarge(limit),
        Unable::NoSmtpUtf8 => Incapable::NoSmtpUtf8,
        Unable::NoBinaryMime => Incapable::NoBinaryMime,
        Unable::NoEightBitMime => Incapable::NoEightBitMime,
        Unable::NoDeliverBy => Incapable::NoDeliverBy,
        Unable::NoRequireTls => Incapable::NoRequireTls,
    })?;
    let mut fault = None;
    while let Step::SendContent(framing) = drive(stream, client, buffer, patience, transcript).await {
        fault =
            send_content(stream, client, buffer, framing, &offer.content, patience, transcript).await.err();
    }
    Ok(Transacted { answers: client.take_answers(), fault, answered: client.replies() > replies })
}

/// Whether the answer shows that the content, or the end of it, was sent.
pub(crate) fn shows_content_sent(answer: &Answer) -> bool {
    match answer {
        Answer::Taken(_) | Answer::InDoubt(_) | Answer::Refused(Stage::Content, _) => true,
        Answer::Refused(_, _) | Answer::Unanswered(_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use policy::plan::Proofs;
    use policy::tls::HopTls;

    use super::*;

    // proves: D13
    #[test]
    fn the_host_is_not_blamed_for_files_and_ports_that_we_lack() {
        let key = |address: &str, source: Option<&str>| ConnectionKey {
            address: Endpoint::Tcp(address.parse().expect("an address")),
            host: "mx.example.org".to_owned(),
            source: source.map(|source| source.parse().expect("an address")),
            hello: "me.example.org".to_owned(),
            tls: HopTls::none(),
            proofs: Proofs::default(),
            protocol: RelayProtocol::Smtp,
        };
        let (v4, v6) = ("192.0.2.1:25", "[2001:db8::1]:25");
        for (error, key, expected) in [
            (Errno::MFILE, key(v6, None), true),
            (Errno::NFILE, key(v4, Some("192.0.2.2")), true),
            (Errno::ADDRNOTAVAIL, key(v4, None), true),
            (Errno::ADDRNOTAVAIL, key(v4, Some("192.0.2.2")), false),
            (Errno::ADDRNOTAVAIL, key(v6, None), false),
            (Errno::CONNREFUSED, key(v4, None), false),
        ] {
            let error = io::Error::from_raw_os_error(error.raw_os_error());
            assert_eq!(is_ours(&error, &key), expected, "{error} {key:?}");
        }
    }
}
