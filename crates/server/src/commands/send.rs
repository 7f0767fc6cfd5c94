//! `waypost send`: a message from standard input, handed to the server as sendmail would do it.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use mail::{Address, Clock, Timestamp};

use crate::clock::SystemClock;
use crate::config::{Boot, ListenerProtocol, ListenerTls};
use crate::message::{completed, crlf, header_recipients, without_bcc};
use crate::submit::{Submission, SubmitError, submit};
use cli::paint::shown;

/// The server asked when nothing else is said.
const SERVER: &str = "127.0.0.1:2525";
/// Where `--user` finds the password.
const PASSWORD_VARIABLE: &str = "WAYPOST_PASSWORD";
/// Bytes of a message at most.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The exit codes of sendmail, from `sysexits.h`.
mod code {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const NO_USER: u8 = 67;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const IO: u8 = 74;
    pub(super) const TEMPORARY: u8 = 75;
    pub(super) const NO_PERMISSION: u8 = 77;
    pub(super) const CONFIGURATION: u8 = 78;
}

/// Reads a message from standard input and submits it.
#[derive(clap::Args)]
#[command(after_help = "The password for --user is taken from the environment: WAYPOST_PASSWORD.\n\
    Exit codes are those of sendmail: 0 taken, 64 wrong use, 67 no such recipient, 69 refused,\n\
    75 try again later, 77 not permitted.")]
pub(super) struct Args {
    /// The reverse-path: who is told if it fails. `<>` for nobody.
    #[arg(short = 'f', long = "from", value_name = "ADDRESS", allow_hyphen_values = true)]
    from: Option<String>,
    /// Take recipients from the fields To, Cc and Bcc as well. Bcc is taken out of the message in any case.
    #[arg(short = 't', long = "read-recipients")]
    read_recipients: bool,
    /// A line with a single dot does not end the message.
    #[arg(short = 'i', long = "ignore-dots")]
    ignore_dots: bool,
    /// The server as `host:port`; else the first SMTP listener of the boot file, else 127.0.0.1:2525.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// The boot file, to find the server.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Authenticate with this user name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Say what the server said.
    #[arg(long, short)]
    verbose: bool,
    /// The recipients.
    #[arg(value_name = "ADDRESS")]
    recipients: Vec<String>,
}

/// Why nothing was sent, and with which exit code that is said.
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Failure { code, text: text.into() }
    }
}

/// Sends, and gives sendmail's exit codes.
pub(super) fn run(args: &Args) -> ExitCode {
    match send(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("waypost send: {}", shown(&failure.text));
            ExitCode::from(failure.code)
        }
    }
}

fn send(args: &Args) -> Result<(), Failure> {
    let server = server(args)?;
    let raw = standard_input(args.ignore_dots)?;
    let content = crlf(&raw);
    let forward_paths = recipients(args, &content)?;
    let reverse_path = reverse_path(args, &server.1)?;
    let now = SystemClock.now();
    let content = completed(&without_bcc(&content), now, &message_id(now, &server.1));
    let submission =
        Submission { server: server.0, tls: None, login: login(args)?, reverse_path, forward_paths, content };
    let done = super::block_on(async { Ok(submit(&submission).await) });
    let submitted = done.map_err(|error| Failure::new(code::TEMPORARY, format!("{error:#}")))?;
    let submitted = submitted.map_err(|error| Failure::new(exit_code(&error), error.to_string()))?;
    if args.verbose {
        println!("{}", shown(&submitted.reply.to_string()));
    }
    match submitted.refused.first() {
        None => Ok(()),
        Some((path, reply)) => {
            let text = format!("taken, but not for <{path}>: {reply}");
            Err(Failure::new(if reply.code >= 500 { code::NO_USER } else { code::TEMPORARY }, text))
        }
    }
}

/// Address of the server, and the host name that we go by.
fn server(args: &Args) -> Result<(String, String), Failure> {
    let boot = match &args.config {
        Some(path) => Boot::read(path).map_err(|e| Failure::new(code::CONFIGURATION, format!("{e:#}")))?,
        None => Boot::default(),
    };
    let hostname = crate::settings_file::hostname(&boot).unwrap_or_else(|| "localhost".to_owned());
    let usable = boot.listeners.iter().find(|listener| {
        listener.protocol == ListenerProtocol::Smtp && listener.tls != ListenerTls::Implicit
    });
    let of_boot = usable.map(|listener| {
        let mut address = listener.bind;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        address.to_string()
    });
    let server = args.server.clone().or(of_boot).unwrap_or_else(|| SERVER.to_owned());
    Ok((server, hostname))
}

fn standard_input(ignore_dots: bool) -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    let read = std::io::stdin().lock().take(MESSAGE_BYTES_MAX + 1).read_to_end(&mut raw);
    read.map_err(|error| Failure::new(code::IO, format!("cannot read the message: {error}")))?;
    if raw.len() as u64 > MESSAGE_BYTES_MAX {
        return Err(Failure::new(
            code::DATA,
            format!("the message is larger than {MESSAGE_BYTES_MAX} bytes"),
        ));
    }
    if !ignore_dots {
        crate::message::cut_at_dot(&mut raw);
    }
    Ok(raw)
}

fn recipients(args: &Args, content: &[u8]) -> Result<Vec<String>, Failure> {
    let mut paths = args.recipients.clone();
    if args.read_recipients {
        paths.extend(header_recipients(content));
    }
    let mut parsed = Vec::new();
    for path in paths {
        let address = Address::parse(path.trim_start_matches('<').trim_end_matches('>'))
            .map_err(|error| Failure::new(code::USAGE, format!("`{path}`: {error}")))?;
        if !parsed.contains(&address) {
            parsed.push(address);
        }
    }
    if parsed.is_empty() {
        return Err(Failure::new(code::USAGE, "no recipients; name some, or use -t"));
    }
    Ok(parsed.iter().map(Address::to_string).collect())
}

fn reverse_path(args: &Args, hostname: &str) -> Result<String, Failure> {
    let text = match &args.from {
        Some(from) => from.trim_start_matches('<').trim_end_matches('>').to_owned(),
        None => match &args.user {
            Some(user) if user.contains('@') => user.clone(),
            _ => format!("{}@{hostname}", std::env::var("USER").unwrap_or_else(|_| "nobody".to_owned())),
        },
    };
    if text.is_empty() {
        return Ok(text);
    }
    let parsed = Address::parse(&text);
    let address = parsed.map_err(|error| Failure::new(code::USAGE, format!("`{text}`: {error}")))?;
    Ok(address.to_string())
}

fn login(args: &Args) -> Result<Option<(String, String)>, Failure> {
    let Some(user) = &args.user else { return Ok(None) };
    match std::env::var(PASSWORD_VARIABLE) {
        Ok(password) => Ok(Some((user.clone(), password))),
        Err(_) => Err(Failure::new(code::USAGE, format!("--user needs the password in {PASSWORD_VARIABLE}"))),
    }
}

fn message_id(now: Timestamp, hostname: &str) -> String {
    format!("<{:x}.{:x}@{hostname}>", now.as_millis(), std::process::id())
}

fn exit_code(error: &SubmitError) -> u8 {
    match error {
        SubmitError::Connect { .. } | SubmitError::Broken { .. } => code::TEMPORARY,
        SubmitError::Content(_) => code::DATA,
        SubmitError::PasswordInTheClear { .. } => code::NO_PERMISSION,
        SubmitError::Refused { command: "AUTH", .. } => code::NO_PERMISSION,
        SubmitError::Refused { reply, .. } if reply.code < 500 => code::TEMPORARY,
        SubmitError::Refused { .. } => code::UNAVAILABLE,
        SubmitError::NoRecipient { refused } => {
            if refused.iter().any(|(_, reply)| reply.code < 500) {
                code::TEMPORARY
            } else {
                code::NO_USER
            }
        }
    }
}
