//! `SystemSettings`: the server's own names.

/// The singleton.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SystemSettings {
    /// This server's host name: EHLO, Received, Reporting-MTA; the machine's own name unless said.
    pub default_hostname: Option<mail::Domain>,
    /// The default mail domain; the host name unless said.
    pub default_domain: Option<mail::Domain>,
}
