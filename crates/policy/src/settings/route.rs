//! `MtaRoute`: where one recipient's copy goes next.

use super::secret::SecretKeyOptional;

/// A named route. The name is what route expressions return.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaRoute {
    /// Unique among routes.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Which of the three kinds, with its own fields.
    pub kind: RouteKind,
}

/// The three kinds of route.
#[derive(Clone, PartialEq, Debug)]
pub enum RouteKind {
    /// Into this server's own message store.
    Local,
    /// To the hosts that the recipient domain's MX records name.
    Mx(MxRoute),
    /// To one configured host, whatever the recipient domain.
    Relay(RelayRoute),
}

/// What an Mx route says.
#[derive(Clone, PartialEq, Debug)]
pub struct MxRoute {
    /// Which address families, in which order.
    pub ip_lookup_strategy: IpLookupStrategy,
    /// MX hosts tried in one attempt at most; 5 unless said, at least 1.
    pub max_mx_hosts: usize,
    /// Addresses tried of one host at most; 2 unless said, at least 1.
    pub max_multihomed: usize,
}

/// Which address families are looked up, and which comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IpLookupStrategy {
    /// Both, IPv4 first.
    #[default]
    V4ThenV6,
    /// Both, IPv6 first.
    V6ThenV4,
    /// IPv4 alone.
    V4Only,
    /// IPv6 alone.
    V6Only,
}

/// What a Relay route says.
#[derive(Clone, PartialEq, Debug)]
pub struct RelayRoute {
    /// A host name or an IP address; with an address, DNS is not asked.
    pub address: String,
    /// 25 unless said.
    pub port: u16,
    /// SMTP unless said.
    pub protocol: RelayProtocol,
    /// TLS from the first byte instead of STARTTLS.
    pub implicit_tls: bool,
    /// Whether a certificate that does not verify is good enough.
    pub allow_invalid_certs: bool,
    /// The user name for AUTH.
    pub auth_username: Option<String>,
    /// Where the password comes from.
    pub auth_secret: SecretKeyOptional,
}

/// What is spoken to a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RelayProtocol {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033.
    Lmtp,
}
