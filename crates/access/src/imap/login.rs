//! Who is it? LOGIN and AUTHENTICATE; STARTTLS; ID (RFC 9051 sections 6.2 and 6.3, RFC 2971).

use std::sync::Arc;

use directory::{Authentication, Client, Credentials, Service};
use policy::settings::Account;
use wire::imap::Command;
use wire::imap::reply;
use wire::sasl;

use super::capabilities;
use super::limits::LOGINS_MAX;
use super::session::{Answer, Session};
use super::talk::Ended;

/// What may be said with AUTHENTICATE.
pub(super) const MECHANISMS: &[&str] = &["PLAIN"];

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
            if let Some(credentials) = authenticate(session, tag, &mechanism, initial).await? {
                return login(session, tag, credentials).await;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What an exchange by SASL has shown; nothing if it came to nothing, which was said.
async fn authenticate(
    session: &mut Session,
    tag: &str,
    mechanism: &str,
    initial: Option<String>,
) -> Result<Option<Credentials>, Ended> {
    if mechanism != "PLAIN" {
        session.end(tag, &Answer::no("[CANNOT]", "this mechanism is not offered"));
        return Ok(None);
    }
    let response = match initial {
        Some(initial) => initial.into_bytes(),
        None => {
            reply::go_on(&mut session.talk.output, "");
            session.talk.bare_line().await?.to_vec()
        }
    };
    if response == b"*" {
        session.end(tag, &Answer::bad("as you like"));
        return Ok(None);
    }
    match sasl::decode_plain(&response) {
        Ok(plain) => Ok(Some(Credentials::Password { name: plain.username, password: plain.password })),
        Err(_) => {
            session.end(tag, &Answer::bad("the response is malformed"));
            session.talk.nonsense()?;
            Ok(None)
        }
    }
}

/// Lets somebody in, or says why not.
async fn login(session: &mut Session, tag: &str, credentials: Credentials) -> Result<(), Ended> {
    let client = Client { address: session.talk.client_ip(), service: Service::Imap };
    let directory = Arc::clone(&session.world.directory);
    let found = directory.authenticate(client, credentials).await;
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
    session.talk.known();
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
