//! The state AUTHORIZATION: who is it? RFC 1939 section 4, RFC 2595 section 4, RFC 5034.

use std::sync::Arc;

use directory::{Authentication, Client, Credentials, Service};
use policy::settings::Account;
use wire::pop3::capabilities::{self, Offer};
use wire::pop3::command::{self, Command, CommandError};
use wire::pop3::limits::{COMMAND_BYTES_MAX, SASL_BYTES_MAX};
use wire::pop3::response::{self, Code};
use wire::sasl::server::{Exchange, Mechanism, Step};

use super::claims::Claim;
use super::limits::{LOGIN_MAX, LOGINS_MAX};
use super::maildrop::Maildrop;
use super::talk::{Ended, Talk};
use crate::proof::{Prover, mechanisms};
use crate::world::World;

const IN_CLEAR: &str = "no password is taken before TLS: say STLS, or connect to the port for TLS";

/// Somebody who was let in, and the inbox that nobody else reads meanwhile.
pub(super) struct Reader {
    pub(super) account: Arc<Account>,
    pub(super) drop: Maildrop,
    _claim: Claim,
}

/// What is known of the client so far.
#[derive(Default)]
struct Known {
    name: Option<String>,
    failures: u32,
    utf8: bool,
}

/// Greets, and listens until somebody is let in; nobody if the client quits.
pub(super) async fn run(talk: &mut Talk, world: &World) -> Result<Option<Reader>, Ended> {
    talk.login_within(Some(LOGIN_MAX));
    let hostname = world.configuration.borrow().hostname.to_string();
    response::ok(&mut talk.output, &format!("{hostname} is ready"));
    let mut known = Known::default();
    loop {
        let line = talk.line(SASL_BYTES_MAX).await?;
        let command = match command::parse(&line) {
            Ok(command @ Command::Auth { .. }) => Ok(command),
            Ok(_) if line.len() > COMMAND_BYTES_MAX => Err(CommandError::Arguments),
            other => other,
        };
        let found = match command {
            Ok(Command::Quit) => {
                response::ok(&mut talk.output, "bye");
                return Ok(None);
            }
            Ok(Command::Pass(password)) => match pass(talk, &mut known, password) {
                Some(credentials) => Some(world.directory.authenticate(client(talk), credentials).await),
                None => None,
            },
            Ok(Command::Auth { mechanism: Some(mechanism), initial }) => {
                known.name = None;
                authenticate(talk, world, &mechanism, initial).await?
            }
            Ok(other) => {
                simple(talk, world, &mut known, other).await?;
                None
            }
            Err(error) => {
                talk.nonsense(&error.to_string())?;
                None
            }
        };
        if let Some(found) = found
            && let Some(reader) = login(talk, world, &mut known, found).await?
        {
            talk.login_within(None);
            return Ok(Some(reader));
        }
    }
}

/// Commands that let nobody in.
async fn simple(
    talk: &mut Talk,
    world: &World,
    known: &mut Known,
    command: Command<'_>,
) -> Result<(), Ended> {
    let private = talk.is_private();
    let mechanisms: Vec<&str> = match private {
        true => mechanisms(&world.configuration.borrow()).into_iter().map(Mechanism::name).collect(),
        false => Vec::new(),
    };
    match command {
        Command::Capa => {
            let offer = Offer {
                stls: talk.may_start_tls() && !known.utf8,
                user: private,
                mechanisms: &mechanisms,
                utf8: true,
            };
            capabilities::append(&offer, &mut talk.output);
        }
        Command::Auth { .. } => {
            response::ok(&mut talk.output, "mechanisms follow");
            for mechanism in mechanisms {
                talk.output.extend_from_slice(mechanism.as_bytes());
                talk.output.extend_from_slice(b"\r\n");
            }
            response::end(&mut talk.output);
        }
        Command::Stls if !talk.may_start_tls() => {
            response::err(&mut talk.output, None, "TLS cannot begin here")
        }
        // RFC 6856 section 2.1: not after UTF8.
        Command::Stls if known.utf8 => response::err(&mut talk.output, None, "too late: UTF8 was said"),
        Command::Stls => {
            talk.start_tls().await?;
            *known = Known { failures: known.failures, ..Known::default() };
        }
        Command::User(_) if !private => response::err(&mut talk.output, Some(Code::Auth), IN_CLEAR),
        Command::User(name) => {
            known.name = Some(name.to_owned());
            response::ok(&mut talk.output, "send PASS");
        }
        Command::Utf8 => {
            known.utf8 = true;
            response::ok(&mut talk.output, "UTF-8 from here on");
        }
        Command::Lang(tag) => language(talk, tag),
        Command::Foreign => return talk.close(None, "this is POP3"),
        _ => talk.nonsense("log in first")?,
    }
    Ok(())
}

/// RFC 6856 section 3: we speak English.
pub(super) fn language(talk: &mut Talk, tag: Option<&str>) {
    match tag {
        None => {
            response::ok(&mut talk.output, "languages follow");
            talk.output.extend_from_slice(b"en English\r\n");
            response::end(&mut talk.output);
        }
        Some("*") => response::ok(&mut talk.output, "en the default language"),
        Some(tag)
            if tag.get(..2).is_some_and(|main| main.eq_ignore_ascii_case("en")) || tag == "i-default" =>
        {
            response::ok(&mut talk.output, "en English it is");
        }
        Some(_) => response::err(&mut talk.output, None, "only English is spoken here"),
    }
}

fn pass(talk: &mut Talk, known: &mut Known, password: &str) -> Option<Credentials> {
    if !talk.is_private() {
        response::err(&mut talk.output, Some(Code::Auth), IN_CLEAR);
        return None;
    }
    let Some(name) = known.name.take() else {
        response::err(&mut talk.output, None, "send USER first");
        return None;
    };
    Some(Credentials::Password { name, password: password.to_owned() })
}

/// What an exchange by SASL has found; nothing if it came to nothing, which was said.
async fn authenticate(
    talk: &mut Talk,
    world: &World,
    mechanism: &str,
    initial: Option<&str>,
) -> Result<Option<Authentication>, Ended> {
    if !talk.is_private() {
        response::err(&mut talk.output, Some(Code::Auth), IN_CLEAR);
        return Ok(None);
    }
    let offered = mechanisms(&world.configuration.borrow());
    let Some(mechanism) = Mechanism::named(mechanism).filter(|known| offered.contains(known)) else {
        response::err(&mut talk.output, None, "this mechanism is not offered");
        return Ok(None);
    };
    let mut prover = Prover::new(Arc::clone(&world.directory), client(talk));
    let (mut exchange, mut step) = Exchange::start(mechanism, initial.map(str::as_bytes));
    loop {
        step = match step {
            Step::Challenge(base64) => {
                response::challenge(&mut talk.output, &base64);
                let line = talk.line(SASL_BYTES_MAX).await?;
                exchange.respond(line.trim_ascii())
            }
            Step::Ask(ask) => prover.answer(&mut exchange, ask).await,
            Step::Done => return Ok(Some(prover.found)),
            Step::Refused => return Ok(Some(prover.refused())),
            Step::Cancelled => {
                response::err(&mut talk.output, None, "as you like");
                return Ok(None);
            }
            Step::Malformed(error) => {
                talk.nonsense(&error.to_string())?;
                return Ok(None);
            }
        };
    }
}

fn client(talk: &Talk) -> Client {
    Client { address: talk.client_ip(), service: Service::Pop3 }
}

/// Lets somebody in, or says why not.
async fn login(
    talk: &mut Talk,
    world: &World,
    known: &mut Known,
    found: Authentication,
) -> Result<Option<Reader>, Ended> {
    match found {
        Authentication::Is(account) => enter(talk, world, account).await,
        Authentication::IsNot => {
            known.failures += 1;
            if known.failures >= LOGINS_MAX {
                return talk.close(Some(Code::Auth), "name or password is wrong; too many attempts");
            }
            response::err(&mut talk.output, Some(Code::Auth), "name or password is wrong");
            Ok(None)
        }
        Authentication::NotNow => talk.close(Some(Code::SysTemp), "nobody can log in now, try again later"),
    }
}

async fn enter(talk: &mut Talk, world: &World, account: Arc<Account>) -> Result<Option<Reader>, Ended> {
    let Some(claim) = world.maildrops.claim(&account.name) else {
        response::err(&mut talk.output, Some(Code::InUse), "another session reads this mailbox");
        return Ok(None);
    };
    match Maildrop::open(world, &account.name).await {
        Ok(drop) => {
            let (count, size) = drop.total();
            response::ok(&mut talk.output, &format!("{count} messages ({size} octets)"));
            Ok(Some(Reader { account, drop, _claim: claim }))
        }
        Err(error) => {
            tracing::error!(account = %account.name, %error, "a mailbox cannot be read by POP3");
            response::err(&mut talk.output, Some(Code::SysTemp), "the mailbox cannot be read now");
            Ok(None)
        }
    }
}
