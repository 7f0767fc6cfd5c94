//! Who is it? LOGIN and AUTHENTICATE; STARTTLS; ID (RFC 9051 sections 6.2 and 6.3, RFC 2971).

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD;
use directory::{Authentication, Client, Credentials, Service};
use policy::settings::Account;
use wire::imap::Command;
use wire::imap::reply;
use wire::sasl::server::{Ask, Exchange, Keys, Mechanism, Step};

use super::capabilities;
use super::limits::{LOGINS_MAX, MESSAGE_BYTES_MAX};
use super::session::{Answer, Session};
use super::talk::Ended;

/// Bytes of chance in a nonce.
const NONCE_BYTES: usize = 18;

/// What may be said with AUTHENTICATE: what the settings name and can work, for a client takes the strongest and tries
/// no other.
pub(super) fn mechanisms(session: &Session) -> Vec<Mechanism> {
    crate::proof::mechanisms(&session.world.configuration.borrow())
}

/// Answers STARTTLS, LOGIN, AUTHENTICATE.
pub(super) async fn command(session: &mut Session, tag: &str, command: Command) -> Result<(), Ended> {
    if session.account.is_some() {
        session.end(tag, &Answer::bad("you are logged in"));
        return Ok(());
    }
    match command {
        Command::StartTls if session.talk.may_start_tls() => return session.talk.start_tls(tag).await,
        Command::StartTls => session.end(tag, &Answer::bad("TLS cannot begin here")),
        _ if !session.talk.is_private() => {
            let text = "no password is taken before TLS: say STARTTLS, or connect to the port for TLS";
            session.end(tag, &Answer::no("[PRIVACYREQUIRED]", text));
        }
        Command::Login { name, password } => {
            let credentials = Credentials::Password { name, password: password.0 };
            return login(session, tag, credentials).await;
        }
        Command::Authenticate { mechanism, initial } => {
            return authenticate(session, tag, &mechanism, initial).await;
        }
        _ => {}
    }
    Ok(())
}

/// An exchange by SASL, from its first word to its last.
async fn authenticate(
    session: &mut Session,
    tag: &str,
    mechanism: &str,
    initial: Option<String>,
) -> Result<(), Ended> {
    let Some(mechanism) = mechanisms(session).into_iter().find(|known| known.name() == mechanism) else {
        session.end(tag, &Answer::no("[CANNOT]", "this mechanism is not offered"));
        return Ok(());
    };
    // RFC 4959 section 3: `=` is an empty initial response.
    let initial = initial.map(|initial| if initial.is_empty() { "=".to_owned() } else { initial });
    let (mut exchange, mut step) = Exchange::start(mechanism, initial.as_deref().map(str::as_bytes));
    let mut found = Authentication::IsNot;
    loop {
        step = match step {
            Step::Challenge(challenge) => {
                reply::go_on(&mut session.talk.output, &challenge);
                exchange.respond(&session.talk.bare_line().await?)
            }
            Step::Ask(Ask::Keys { name }) => match keys(session, &name).await {
                Some(keys) => exchange.keys(keys),
                None => return judged(session, tag, Authentication::NotNow).await,
            },
            Step::Ask(ask) => {
                found = looked_up(session, ask).await;
                exchange.decided(matches!(found, Authentication::Is(_)))
            }
            Step::Done => return judged(session, tag, found).await,
            Step::Refused => {
                let found = if found == Authentication::NotNow { found } else { Authentication::IsNot };
                return judged(session, tag, found).await;
            }
            Step::Cancelled => {
                session.end(tag, &Answer::bad("as you like"));
                return session.talk.nonsense();
            }
            Step::Malformed(_) => {
                session.end(tag, &Answer::bad("the response is malformed"));
                return session.talk.nonsense();
            }
        };
    }
}

/// What a proof of SCRAM is checked with; nothing if it cannot be said now.
async fn keys(session: &Session, name: &str) -> Option<Keys> {
    let mut random = [0; NONCE_BYTES];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    let keys = session.world.directory.scram_keys(client(session), name).await?;
    Some(Keys {
        salt: keys.salt,
        iterations: keys.iterations,
        stored_key: keys.stored_key,
        server_key: keys.server_key,
        nonce: STANDARD_NO_PAD.encode(random),
    })
}

/// Who somebody is by what was shown.
async fn looked_up(session: &Session, ask: Ask) -> Authentication {
    let (directory, client) = (&session.world.directory, client(session));
    match ask {
        Ask::Password(plain) => {
            let credentials = Credentials::Password { name: plain.username, password: plain.password };
            directory.authenticate(client, credentials).await
        }
        Ask::Token { name, token } => {
            directory.authenticate(client, Credentials::Token { name, token }).await
        }
        Ask::Proof { name, proven } => directory.scram_done(client, &name, proven).await,
        Ask::Keys { .. } => Authentication::NotNow,
    }
}

fn client(session: &Session) -> Client {
    Client { address: session.talk.client_ip(), service: Service::Imap }
}

/// Lets somebody in, or says why not.
async fn login(session: &mut Session, tag: &str, credentials: Credentials) -> Result<(), Ended> {
    let found = session.world.directory.authenticate(client(session), credentials).await;
    judged(session, tag, found).await
}

async fn judged(session: &mut Session, tag: &str, found: Authentication) -> Result<(), Ended> {
    match found {
        Authentication::Is(account) => enter(session, tag, account).await,
        Authentication::IsNot => {
            session.failures += 1;
            session.end(tag, &Answer::no("[AUTHENTICATIONFAILED]", "name or password is wrong"));
            if session.failures >= LOGINS_MAX { session.talk.close("", "too many attempts") } else { Ok(()) }
        }
        Authentication::NotNow => {
            session.failures += 1;
            session.end(tag, &Answer::no("[UNAVAILABLE]", "nobody can log in now, try again later"));
            if session.failures >= LOGINS_MAX { session.talk.close("", "too many attempts") } else { Ok(()) }
        }
    }
}

async fn enter(session: &mut Session, tag: &str, account: Arc<Account>) -> Result<(), Ended> {
    if let Err(error) = session.world.messages.open(&account.name, session.world.clock.now()).await {
        let answer = Answer::store(&account.name, &error);
        session.end(tag, &answer);
        return Ok(());
    }
    tracing::info!(client = %session.talk.client(), account = %account.name, "a mailbox is read by IMAP");
    let offer = session.world.outbox.offer(&account, session.talk.client_ip()).await;
    session.message_bytes_max = offer.message_bytes_max.unwrap_or(MESSAGE_BYTES_MAX);
    session.talk.known(session.message_bytes_max.saturating_mul(2));
    session.account = Some(account);
    let code = format!("[CAPABILITY {}]", capabilities::list(session));
    session.end(tag, &Answer::ok_with(code, "welcome"));
    Ok(())
}

/// ID: who we are, without more than a stranger needs.
pub(super) async fn id(
    session: &mut Session,
    tag: &str,
    fields: &[(String, Option<String>)],
) -> Result<(), Ended> {
    tracing::debug!(client = %session.talk.client(), ?fields, "an IMAP client says what it is");
    let version = match session.account {
        Some(_) => concat!(" \"version\" \"", env!("CARGO_PKG_VERSION"), "\""),
        None => "",
    };
    reply::untagged(&mut session.talk.output, format_args!("ID (\"name\" \"Waypost\"{version})"));
    session.end_and_tell(tag, &Answer::ok("pleased to meet you")).await
}
