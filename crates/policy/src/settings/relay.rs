//! The Relay variant of `MtaRoute`: to which hosts, over which security, with which credentials?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::json::fields;
use super::route::IpLookupStrategy;
use super::secret::SecretKeyOptional;
use super::shape;

/// To hosts named here, such as a provider or a mail store; by SMTP or LMTP. They are those of `address` and
/// `addresses`, or else it is the `socket`.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelayRoute {
    /// A host name or an IP address; with an address, DNS is not asked.
    #[serde(default, deserialize_with = "optional_place")]
    #[schemars(with = "Option<shape::Place>")]
    pub address: Option<String>,
    /// The port of the hosts that name none.
    #[serde(default = "smtp_port", deserialize_with = "fields::port")]
    #[schemars(with = "shape::Port")]
    pub port: u16,
    /// More hosts; by their priority, and among equals by their weight.
    #[serde(default)]
    pub addresses: Vec<RelayAddress>,
    /// The path of a Unix socket instead of a host, for LMTP on the same machine.
    #[serde(default, deserialize_with = "optional_path")]
    #[schemars(with = "Option<shape::FilePath>")]
    pub socket: Option<PathBuf>,
    /// What DNS is asked about the names, before their addresses.
    #[serde(default)]
    pub lookup: RelayLookup,
    /// Which address families, in which order.
    #[serde(default)]
    pub ip_lookup_strategy: IpLookupStrategy,
    /// What is spoken to the relay.
    #[serde(default)]
    pub protocol: RelayProtocol,
    /// TLS from the first byte instead of STARTTLS.
    #[serde(default)]
    pub implicit_tls: bool,
    /// Whether nothing is sent without TLS, whatever the TLS strategy says.
    #[serde(default)]
    pub require_tls: bool,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// Whether the password may be sent without TLS, or to whoever presents any certificate.
    #[serde(default)]
    pub allow_plaintext_auth: bool,
    /// The user name for AUTH; it takes effect together with the secret.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub auth_username: Option<String>,
    /// Where the password comes from; with XOAUTH2 and OAUTHBEARER, the access token.
    #[serde(default)]
    pub auth_secret: SecretKeyOptional,
    /// Which mechanism of AUTH.
    #[serde(default)]
    pub auth_mechanism: AuthMechanism,
    /// The certificate that we present (PEM), leaf first.
    #[serde(default)]
    pub client_certificate: SecretKeyOptional,
    /// Its key (PEM); unless said, it stands beside the certificate.
    #[serde(default)]
    pub client_key: SecretKeyOptional,
    /// Connections to this relay at once at most, on one node; 50 unless said.
    #[serde(default, deserialize_with = "optional_count")]
    #[schemars(with = "Option<shape::Count>")]
    pub max_connections: Option<usize>,
}

/// One more host of a relay.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelayAddress {
    /// A host name or an IP address.
    #[serde(deserialize_with = "place")]
    #[schemars(with = "shape::Place")]
    pub address: String,
    /// Its port; the relay's `port` unless said.
    #[serde(default, deserialize_with = "optional_port")]
    #[schemars(with = "Option<shape::Port>")]
    pub port: Option<u16>,
    /// Lower is tried first; unless said, one more than that of the host before. `address` has 0.
    #[serde(default)]
    #[schemars(with = "Option<shape::Small>")]
    pub priority: Option<u16>,
    /// The share among equals; 1 unless said, 0 is hardly ever chosen first.
    #[serde(default = "weight")]
    #[schemars(with = "shape::Small")]
    pub weight: u16,
}

/// What DNS is asked about the name of a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RelayLookup {
    /// Its addresses.
    #[default]
    None,
    /// Its SRV records (RFC 2782), which name hosts and ports.
    Srv,
    /// Its MX records, as if it were a mail domain.
    Mx,
}

/// What is spoken to a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RelayProtocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// How we authenticate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AuthMechanism {
    /// With a password, by the best of SCRAM-SHA-256, PLAIN and LOGIN that is offered.
    #[default]
    Auto,
    /// RFC 4616.
    #[serde(alias = "PLAIN")]
    Plain,
    /// LOGIN.
    #[serde(alias = "LOGIN")]
    Login,
    /// RFC 7677.
    #[serde(alias = "SCRAM-SHA-256")]
    ScramSha256,
    /// XOAUTH2, with an access token.
    #[serde(alias = "XOAUTH2", alias = "xoauth2")]
    XOAuth2,
    /// RFC 7628, with an access token.
    #[serde(alias = "OAUTHBEARER", alias = "oauthbearer")]
    OAuthBearer,
}

/// One host of a relay, with what is said and what is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayHost {
    /// A host name or an IP address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// Lower is tried first.
    pub priority: u16,
    /// The share among equals.
    pub weight: u16,
}

impl RelayRoute {
    /// A relay at a host, with nothing else said.
    pub fn to(address: impl Into<String>) -> Self {
        RelayRoute { address: Some(address.into()), ..Self::nowhere() }
    }

    /// A relay at a Unix socket, with nothing else said.
    pub fn to_socket(path: impl Into<PathBuf>) -> Self {
        RelayRoute { socket: Some(path.into()), protocol: RelayProtocol::Lmtp, ..Self::nowhere() }
    }

    fn nowhere() -> Self {
        RelayRoute {
            address: None,
            port: smtp_port(),
            addresses: Vec::new(),
            socket: None,
            lookup: RelayLookup::None,
            ip_lookup_strategy: IpLookupStrategy::default(),
            protocol: RelayProtocol::Smtp,
            implicit_tls: false,
            require_tls: false,
            allow_invalid_certs: false,
            allow_plaintext_auth: false,
            auth_username: None,
            auth_secret: SecretKeyOptional::None,
            auth_mechanism: AuthMechanism::Auto,
            client_certificate: SecretKeyOptional::None,
            client_key: SecretKeyOptional::None,
            max_connections: None,
        }
    }

    /// Its hosts as they are written, with the priorities that follow from their places.
    pub fn hosts(&self) -> Vec<RelayHost> {
        let first = self.address.iter().map(|address| RelayHost {
            address: address.clone(),
            port: self.port,
            priority: 0,
            weight: weight(),
        });
        let mut hosts: Vec<RelayHost> = first.collect();
        for more in &self.addresses {
            let next = hosts.last().map_or(0, |before| before.priority.saturating_add(1));
            hosts.push(RelayHost {
                address: more.address.clone(),
                port: more.port.unwrap_or(self.port),
                priority: more.priority.unwrap_or(next),
                weight: more.weight,
            });
        }
        hosts
    }

    /// Whether a password or token is configured.
    pub fn has_credentials(&self) -> bool {
        self.auth_username.is_some() && self.auth_secret.is_some()
    }

    /// Where its secrets must be read, if they are not written down.
    pub fn secret_references(&self) -> impl Iterator<Item = super::SecretReference> + '_ {
        [&self.auth_secret, &self.client_certificate, &self.client_key]
            .into_iter()
            .filter_map(SecretKeyOptional::reference)
    }
}

/// A host name or an IP address; or the whole name of SRV records, such as `_submission._tcp.example.org`.
fn place<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    fields::relay_place(json)
}

fn optional_place<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Place(#[serde(deserialize_with = "place")] String);
    Ok(Option::<Place>::deserialize(json)?.map(|Place(place)| place))
}

fn optional_path<'de, D: Deserializer<'de>>(json: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(fields::optional_text(json)?.map(PathBuf::from))
}

fn optional_port<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    struct Port(#[serde(deserialize_with = "fields::port")] u16);
    Ok(Option::<Port>::deserialize(json)?.map(|Port(port)| port))
}

fn optional_count<'de, D: Deserializer<'de>>(json: D) -> Result<Option<usize>, D::Error> {
    #[derive(Deserialize)]
    struct Count(#[serde(deserialize_with = "fields::at_least_one")] usize);
    Ok(Option::<Count>::deserialize(json)?.map(|Count(count)| count))
}

const fn smtp_port() -> u16 {
    25
}

const fn weight() -> u16 {
    1
}
