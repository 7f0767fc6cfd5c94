//! `MtaConnectionStrategy`: from which address, under which name, with how much patience.

use std::net::IpAddr;
use std::time::Duration;

/// A named connection strategy.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaConnectionStrategy {
    /// Unique; what connection expressions return.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The name given in EHLO; the server's host name unless said.
    pub ehlo_hostname: Option<String>,
    /// Source addresses to choose from.
    pub source_ips: Vec<SourceIp>,
    /// 5 minutes unless said.
    pub connect_timeout: Duration,
    /// 5 minutes unless said.
    pub greeting_timeout: Duration,
    /// 5 minutes unless said.
    pub ehlo_timeout: Duration,
    /// 5 minutes unless said.
    pub mail_from_timeout: Duration,
    /// 5 minutes unless said.
    pub rcpt_to_timeout: Duration,
    /// 10 minutes unless said; also the wait for the reply to the final dot (RFC 5321 section 4.5.3.2.6).
    pub data_timeout: Duration,
}

/// One source address.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceIp {
    /// The address to bind.
    pub source_ip: IpAddr,
    /// The EHLO name that goes with it.
    pub ehlo_hostname: Option<String>,
}
