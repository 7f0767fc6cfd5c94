//! `MtaRoute`: where one recipient's copy goes next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::relay::RelayRoute;
use super::shape;

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
    /// To configured hosts, whatever the recipient domain.
    Relay(RelayRoute),
}

impl RouteKind {
    /// As the variable `route_type` has it.
    pub fn name(&self) -> &'static str {
        match self {
            RouteKind::Local => "local",
            RouteKind::Mx(_) => "mx",
            RouteKind::Relay(_) => "relay",
        }
    }
}

/// To the MX hosts of the recipient's domain, as DNS names them.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MxRoute {
    /// Which address families, in which order.
    #[serde(default)]
    pub ip_lookup_strategy: IpLookupStrategy,
    /// MX hosts tried in one attempt at most.
    #[serde(default = "max_mx_hosts", deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Count")]
    pub max_mx_hosts: usize,
    /// Addresses tried of one host at most.
    #[serde(default = "max_multihomed", deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Count")]
    pub max_multihomed: usize,
}

/// Which address families are looked up, and which comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
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

impl Default for MxRoute {
    fn default() -> Self {
        MxRoute {
            ip_lookup_strategy: IpLookupStrategy::default(),
            max_mx_hosts: max_mx_hosts(),
            max_multihomed: max_multihomed(),
        }
    }
}

/// What all kinds of route have.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RouteHead {
    /// What the route expression yields; unique among routes.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub(crate) name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub(crate) description: Option<String>,
}

/// Into the mailboxes here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Local {}

const fn max_mx_hosts() -> usize {
    5
}

const fn max_multihomed() -> usize {
    2
}
