//! Where does the process find its data, its listeners and the outside? The boot file.
//!
//! What lies here is needed before the settings can be read, or belongs to the machine rather than to the mail.
//! Paths are relative to the boot file. Everything has a default but what only the operator can know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ipnet::IpNet;
use policy::settings::Secret;
use serde::Deserialize;

/// Bytes of a boot file at most.
const BOOT_BYTES_MAX: u64 = 1024 * 1024;

/// The boot file, with its paths made whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Boot {
    /// Where the queue, the spool and the mailboxes are kept.
    pub(crate) data_directory: PathBuf,
    /// The settings file; `settings.json` in the data directory unless said.
    pub(crate) settings: Option<PathBuf>,
    /// This server's host name, for settings that name none; the machine's own unless said.
    pub(crate) hostname: Option<HostName>,
    /// Networks whose clients may send to anywhere without authentication. None unless said.
    pub(crate) relay_networks: Vec<IpNet>,
    /// Where mail is taken.
    #[serde(rename = "listener")]
    pub(crate) listeners: Vec<Listener>,
    /// The certificate for STARTTLS and implicit TLS; a self-signed one is made unless said.
    pub(crate) tls: Option<Certificate>,
    /// Files with root certificates (PEM) that are trusted besides the platform's.
    pub(crate) trusted_roots: Vec<PathBuf>,
    /// Whom to ask for names.
    pub(crate) dns: Dns,
    /// What holds for the hosts of every Mx route.
    pub(crate) mx: Mx,
    /// How web servers are asked, for MTA-STS and TLS reports.
    pub(crate) web: Web,
    /// How much is taken at once.
    pub(crate) limits: Limits,
    /// How the log looks.
    pub(crate) log: Log,
    /// Who gets traces and logs, in OpenTelemetry's form; nobody unless said.
    pub(crate) otlp: Option<Otlp>,
    /// From where the settings may take secrets.
    pub(crate) secrets: Secrets,
    /// Where the management API listens.
    pub(crate) admin: Admin,
}

/// A host name, parsed.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HostName(pub(crate) mail::Domain);

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match mail::Domain::parse(&text) {
            Ok(domain) if domain.literal().is_none() => Ok(HostName(domain)),
            _ => Err(format!("`{text}` is not a host name")),
        }
    }
}

/// One listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// Its name; what expressions see as `listener`.
    pub(crate) name: String,
    /// Address and port.
    pub(crate) bind: SocketAddr,
    /// What is spoken.
    #[serde(default)]
    pub(crate) protocol: ListenerProtocol,
    /// How TLS is used.
    #[serde(default)]
    pub(crate) tls: ListenerTls,
    /// Whether mail is taken only from those who have authenticated.
    #[serde(default)]
    pub(crate) submission: bool,
    /// Whether nothing is taken before TLS.
    #[serde(default)]
    pub(crate) require_tls: bool,
    /// Whether a CR or LF that stands alone is made CRLF in what authenticated clients send, for old devices;
    /// everybody else's message is refused for it.
    #[serde(default)]
    pub(crate) mend_line_ends: bool,
    /// Proxies in front of this listener, such as a load balancer: each of their connections must begin with a header
    /// of the PROXY protocol (version 1 or 2), and only theirs may.
    #[serde(default)]
    pub(crate) proxy_networks: Vec<IpNet>,
}

/// What a listener speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListenerProtocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033.
    Lmtp,
    /// RFC 9051 and RFC 3501: mail programs.
    Imap,
    /// RFC 1939: programs that fetch mail.
    Pop3,
    /// JMAP (RFC 8620): mail programs on the web and elsewhere; not the management.
    Http,
}

/// How a listener uses TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListenerTls {
    /// Not at all.
    None,
    /// By STARTTLS.
    #[default]
    StartTls,
    /// From the first byte.
    Implicit,
}

/// A certificate chain and its key, in PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    /// The chain, leaf first.
    pub(crate) certificate: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
}

/// Whom to ask for names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dns {
    /// Name servers as `address:port`; those of the system if there are none.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// Who validates DNSSEC, which DANE needs.
    pub(crate) dnssec: Dnssec,
    /// A file of DNSKEY records that are trusted instead of the root zone's, for `dnssec = "validate"`.
    pub(crate) trust_anchors: Option<PathBuf>,
}

/// Who validates DNSSEC.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dnssec {
    /// The name servers if all are on this machine, else this process.
    #[default]
    Auto,
    /// The name servers; the way to them is safe.
    TrustAd,
    /// This process.
    Validate,
    /// Nobody.
    Off,
}

/// What holds for the hosts of every Mx route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mx {
    /// The port; other than 25 only in a lab.
    pub(crate) port: u16,
    /// Whether an MX host may have a loopback address; only in a lab.
    pub(crate) allow_loopback: bool,
    /// Addresses before a NAT on which this server takes mail, so that it does not send to itself.
    pub(crate) own_addresses: Vec<IpAddr>,
}

impl Default for Mx {
    fn default() -> Self {
        Mx { port: 25, allow_loopback: false, own_addresses: Vec::new() }
    }
}

/// How web servers are asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Web {
    /// The port where a URL names none; other than 443 only in a lab.
    pub(crate) port: u16,
    /// Whether a web server may have a loopback address; only in a lab.
    pub(crate) allow_loopback: bool,
}

impl Default for Web {
    fn default() -> Self {
        Web { port: 443, allow_loopback: false }
    }
}

/// How much is taken at once. What is not said has the program's own limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Bytes of one message.
    pub(crate) message_bytes_max: Option<u64>,
    /// Recipients of one message.
    pub(crate) recipients_max: Option<u32>,
    /// Connections at once.
    pub(crate) connections_max: Option<usize>,
    /// Connections at once from one address.
    pub(crate) connections_per_client_max: Option<usize>,
    /// Messages in one session.
    pub(crate) messages_per_session_max: Option<u32>,
    /// Free bytes of the disk below which no more mail is taken.
    pub(crate) disk_free_bytes_min: Option<u64>,
}

/// How the log looks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// For people or for machines.
    pub(crate) format: LogFormat,
    /// What is logged, such as `info` or `info,mta=debug`.
    pub(crate) level: String,
    /// A file that gets each event as one line of JSON; opened anew at SIGHUP.
    pub(crate) events: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Text, level: "info".to_owned(), events: None }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A collector of OpenTelemetry (OTLP over HTTP, JSON).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Otlp {
    /// Such as `http://127.0.0.1:4318`.
    pub(crate) endpoint: String,
    /// Fields of the head of each request, such as a key.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Secret>,
}

impl Otlp {
    /// Without TLS, traces go to this machine only.
    fn check(&self) -> anyhow::Result<()> {
        if let Some(why) = policy::settings::url_fault(&self.endpoint) {
            bail!("`[otlp]` `endpoint`: {why}");
        }
        if self.endpoint.contains(['?', '#']) {
            bail!("`[otlp]` `endpoint` is the beginning of a URL, such as `http://127.0.0.1:4318`");
        }
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(token) {
                bail!("`[otlp]` `headers`: `{name}` is no name of a field");
            }
            if !value.expose().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                bail!("`[otlp]` `headers`: the value of `{name}` must be ASCII without control characters");
            }
        }
        Ok(())
    }
}

/// From where the settings may take secrets.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// Environment variables must begin so; any variable if not said.
    pub(crate) environment_prefix: Option<String>,
    /// Files must lie in one of these; anywhere if there are none.
    pub(crate) directories: Vec<PathBuf>,
    /// Whether a file may be one that everybody on this machine can read.
    pub(crate) world_readable: bool,
}

/// Where the management API listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Whether it listens at all.
    pub(crate) enabled: bool,
    /// Address and port; the address of a browser on this machine unless said.
    pub(crate) bind: Option<SocketAddr>,
    /// The Unix socket; `admin.sock` in the data directory unless said.
    pub(crate) socket: Option<PathBuf>,
    /// The chain for TLS, in a PEM file.
    pub(crate) certificate: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
    /// Whether a certificate is made where none is given: browsers warn of it, and its fingerprint is in the log.
    pub(crate) self_signed: bool,
    /// Names under which a browser may ask without TLS, besides those of this machine: those of a reverse proxy.
    pub(crate) hosts: Vec<String>,
}

impl Default for Admin {
    fn default() -> Self {
        Admin {
            enabled: true,
            bind: None,
            socket: None,
            certificate: None,
            key: None,
            self_signed: false,
            hosts: Vec::new(),
        }
    }
}

impl Listener {
    /// Whether it takes mail, rather than gives people theirs.
    pub(crate) fn takes_mail(&self) -> bool {
        matches!(self.protocol, ListenerProtocol::Smtp | ListenerProtocol::Lmtp)
    }

    /// What belongs to SMTP is not said of another protocol.
    fn check(&self) -> anyhow::Result<()> {
        let name = &self.name;
        if self.takes_mail() {
            return Ok(());
        }
        for (property, said) in [
            ("submission", self.submission),
            ("require_tls", self.require_tls),
            ("mend_line_ends", self.mend_line_ends),
            ("proxy_networks", !self.proxy_networks.is_empty()),
        ] {
            if said {
                bail!("the listener `{name}`: `{property}` is for SMTP only");
            }
        }
        if self.protocol == ListenerProtocol::Http && self.tls == ListenerTls::StartTls {
            bail!(
                "the listener `{name}`: HTTP has no STARTTLS: say `tls = \"implicit\"` or `tls = \"none\"`"
            );
        }
        Ok(())
    }
}

impl Boot {
    /// Reads a boot file and makes its paths whole.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = crate::settings_file::bounded_text(path, BOOT_BYTES_MAX)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).with_context(|| format!("{} cannot be used", path.display()))
    }

    fn parse(text: &str, base: &Path) -> anyhow::Result<Self> {
        let mut boot: Boot = toml::from_str(text).map_err(|error| Problem::of(text, &error))?;
        if boot.data_directory.as_os_str().is_empty() {
            bail!("it does not say `data_directory`: where the queue and the mailboxes are kept");
        }
        boot.check_listeners()?;
        boot.otlp.as_ref().map_or(Ok(()), Otlp::check)?;
        boot.data_directory = base.join(&boot.data_directory);
        if let Some(settings) = &mut boot.settings {
            *settings = base.join(&*settings);
        }
        if let Some(tls) = &mut boot.tls {
            tls.certificate = base.join(&tls.certificate);
            tls.key = base.join(&tls.key);
        }
        for path in boot
            .secrets
            .directories
            .iter_mut()
            .chain(&mut boot.trusted_roots)
            .chain(&mut boot.dns.trust_anchors)
            .chain(&mut boot.log.events)
            .chain(&mut boot.admin.socket)
            .chain(&mut boot.admin.certificate)
            .chain(&mut boot.admin.key)
        {
            *path = base.join(&*path);
        }
        Ok(boot)
    }

    fn check_listeners(&self) -> anyhow::Result<()> {
        for (i, listener) in self.listeners.iter().enumerate() {
            let before = &self.listeners[..i];
            listener.check()?;
            if listener.name.is_empty() {
                bail!("the listener on {} has an empty name", listener.bind);
            }
            if before.iter().any(|other| other.name == listener.name) {
                bail!("two listeners are named `{}`", listener.name);
            }
            if listener.bind.port() != 0 && before.iter().any(|other| other.bind == listener.bind) {
                bail!("two listeners are bound to {}", listener.bind);
            }
        }
        Ok(())
    }

    /// The Unix socket of the management API.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.admin.socket.clone().unwrap_or_else(|| self.data_directory.join("admin.sock"))
    }

    /// The settings file.
    pub(crate) fn settings_file(&self) -> PathBuf {
        self.settings.clone().unwrap_or_else(|| self.data_directory.join("settings.json"))
    }
}

/// What is wrong with a TOML text, said with its line and column.
#[derive(Debug)]
struct Problem(String);

impl Problem {
    fn of(text: &str, error: &toml::de::Error) -> Self {
        let message = error.message();
        let Some(span) = error.span() else { return Problem(message.to_owned()) };
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Problem(format!("line {line}, column {column}: {message}"))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Boot::parse(text, Path::new("/etc/waypost")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
    }

    #[test]
    fn the_example_can_be_read() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/waypost.toml");
        let boot = Boot::read(Path::new(example)).unwrap();
        assert!(!boot.listeners.is_empty());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let text = "data_directory = \"data\"\nsettings = \"/srv/settings.json\"";
        let boot = Boot::parse(text, Path::new("/etc/waypost")).unwrap();
        assert_eq!(boot.data_directory, Path::new("/etc/waypost/data"));
        assert_eq!(boot.settings_file(), Path::new("/srv/settings.json"));
    }

    #[test]
    fn errors_say_line_and_column() {
        refused("data_directory = \"d\"\nhostnam = \"x\"", "line 2, column 1: unknown field `hostnam`");
        refused("data_directory = \"d\"\nhostname = \"a b\"", "line 2, column 12: `a b` is not a host name");
        refused("data_directory = \"d\"\n[mx]\nport = 70000", "line 3, column 8");
        refused("data_directory = ", "line 1, column 1");
    }

    #[test]
    fn what_only_the_operator_knows_is_asked_for() {
        refused("", "data_directory");
    }

    #[test]
    fn a_collector_is_https_or_on_this_machine() {
        let boot = |otlp: &str| format!("data_directory = \"d\"\n[otlp]\n{otlp}");
        let good = boot("endpoint = \"http://127.0.0.1:4318\"\nheaders = { x-key = \"s3cret\" }");
        let parsed = Boot::parse(&good, Path::new("")).unwrap();
        assert!(!format!("{parsed:?}").contains("s3cret"));
        refused(&boot("endpoint = \"http://otel.example.org:4318\""), "endpoint");
        refused(&boot("endpoint = \"otel\""), "endpoint");
        refused(&boot("endpoint = \"https://o.example.org\"\nheaders = { \"a b\" = \"x\" }"), "`a b`");
    }

    #[test]
    fn listeners_of_mailbox_access_have_nothing_of_smtp() {
        let boot = |more: &str| {
            format!("data_directory = \"d\"\n[[listener]]\nname = \"a\"\nbind = \"127.0.0.1:143\"\n{more}")
        };
        assert!(Boot::parse(&boot("protocol = \"imap\""), Path::new("")).is_ok());
        assert!(Boot::parse(&boot("protocol = \"http\"\ntls = \"none\""), Path::new("")).is_ok());
        refused(&boot("protocol = \"pop3\"\nsubmission = true"), "`submission` is for SMTP only");
        refused(&boot("protocol = \"http\""), "HTTP has no STARTTLS");
    }

    #[test]
    fn listeners_do_not_collide() {
        let one = "data_directory = \"d\"\n[[listener]]\nname = \"a\"\nbind = \"127.0.0.1:2525\"\n";
        refused(&format!("{one}[[listener]]\nname = \"a\"\nbind = \"127.0.0.1:2526\"\n"), "are named `a`");
        refused(&format!("{one}[[listener]]\nname = \"b\"\nbind = \"127.0.0.1:2525\"\n"), "127.0.0.1:2525");
    }
}
