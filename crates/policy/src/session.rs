//! What is known about a client's session when an expression is evaluated for it?

use std::net::SocketAddr;

use mail::Address;

use crate::admit::Admission;
use crate::expr::{Value, Variable, Variables};

/// The values behind the variables of the contexts of clients, as far as the session has come.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    /// The listener's name.
    pub listener: &'a str,
    /// The client's end.
    pub client: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// `smtp` or `lmtp`.
    pub protocol: &'a str,
    /// Whether TLS is in use.
    pub is_tls: bool,
    /// The name given in EHLO; empty before.
    pub helo_domain: &'a str,
    /// The account that authenticated; empty if none did.
    pub authenticated_as: &'a str,
    /// The transaction, since MAIL.
    pub admission: Option<&'a Admission>,
    /// The forward-path about to be admitted.
    pub forward_path: Option<&'a Address>,
}

impl<'a> Variables<'a> for SessionFacts<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        let sender = || self.admission.and_then(|admission| admission.reverse_path().address());
        match variable {
            Variable::Listener => Value::text(self.listener),
            Variable::RemoteIp => Value::owned(self.client.ip().to_canonical().to_string()),
            Variable::RemotePort => Value::Integer(self.client.port().into()),
            Variable::LocalIp => Value::owned(self.local.ip().to_canonical().to_string()),
            Variable::LocalPort => Value::Integer(self.local.port().into()),
            Variable::Protocol => Value::text(self.protocol),
            Variable::IsTls => Value::truth(self.is_tls),
            Variable::HeloDomain => Value::text(self.helo_domain),
            Variable::AuthenticatedAs => Value::text(self.authenticated_as),
            Variable::Sender => sender().map_or(Value::text(""), |sender| Value::owned(sender.to_string())),
            Variable::SenderDomain => Value::text(sender().map_or("", |sender| sender.domain.as_str())),
            Variable::Priority => {
                let priority = self.admission.map_or(0, |admission| admission.parameters().priority);
                Value::Integer(priority.into())
            }
            Variable::Recipients => {
                let all = self.admission.into_iter().flat_map(Admission::forward_paths);
                Value::list(all.map(|rcpt| Value::owned(rcpt.to_string())).collect())
            }
            Variable::Rcpt => {
                self.forward_path.map_or(Value::text(""), |rcpt| Value::owned(rcpt.to_string()))
            }
            Variable::RcptDomain => Value::text(self.forward_path.map_or("", |rcpt| rcpt.domain.as_str())),
            Variable::SpfResult
            | Variable::DkimResult
            | Variable::DmarcResult
            | Variable::DmarcPolicy
            | Variable::ArcResult
            | Variable::FromDomain
            | Variable::NextHop
            | Variable::Age
            | Variable::Held
            | Variable::Status
            | Variable::Cause
            | Variable::InDoubt
            | Variable::RetryNum
            | Variable::NotifyNum
            | Variable::ExpiresIn
            | Variable::LastStatus
            | Variable::LastError
            | Variable::QueueName
            | Variable::QueueAge
            | Variable::ReceivedFromIp
            | Variable::ReceivedViaPort
            | Variable::Source
            | Variable::Size
            | Variable::Route
            | Variable::RouteType
            | Variable::Mx
            | Variable::Asn
            | Variable::Country => Value::text(""),
        }
    }
}
