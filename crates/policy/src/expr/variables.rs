//! The variables: where each is known, and what it holds for a recipient.

use std::net::IpAddr;

use mail::MessageId;

use super::lookup::Asking;
use super::value::{Kind, Value};
use crate::facts::Facts;
use crate::outcome::{Trouble, TroubleKind};
use crate::retry::Expiry;

/// Where an expression is evaluated, and so which variables it may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// A recipient: `route`, `schedule`.
    Recipient,
    /// A recipient, its route and a host: `connection`, `tls`.
    Host,
    /// The sender of a message: notifications.
    Sender,
    /// A client has connected.
    Connection,
    /// It has said EHLO.
    Ehlo,
    /// It has said MAIL FROM.
    MailFrom,
    /// It has said RCPT TO.
    RcptTo,
    /// A recipient address alone.
    RcptAddress,
    /// A recipient domain alone.
    RcptDomain,
    /// A delivery that is about to begin, with as much as is known of it then: outbound throttles.
    Throttle,
    /// A recipient that is about to enter the queue, with what stays the same while it is there: queue quotas.
    Quota,
    /// The sender's authenticity was looked at.
    Authenticity,
    /// A recipient that is in the queue, as an operator looks for it.
    Queued,
}

impl Context {
    /// How people call it.
    pub fn name(self) -> &'static str {
        match self {
            Context::Recipient => "route and schedule",
            Context::Host => "connection and tls",
            Context::Sender => "notifications",
            Context::Connection => "connections of clients",
            Context::Ehlo => "EHLO",
            Context::MailFrom => "MAIL FROM",
            Context::RcptTo => "RCPT TO",
            Context::RcptAddress => "recipient addresses",
            Context::RcptDomain => "recipient domains",
            Context::Throttle => "outbound throttles",
            Context::Quota => "queue quotas",
            Context::Authenticity => "authenticity of the sender",
            Context::Queued => "filters of the queue",
        }
    }

    /// As the schema and the API write it.
    pub fn word(self) -> &'static str {
        match self {
            Context::Recipient => "recipient",
            Context::Host => "host",
            Context::Sender => "sender",
            Context::Connection => "connection",
            Context::Ehlo => "ehlo",
            Context::MailFrom => "mailFrom",
            Context::RcptTo => "rcptTo",
            Context::RcptAddress => "rcptAddress",
            Context::RcptDomain => "rcptDomain",
            Context::Throttle => "throttle",
            Context::Quota => "quota",
            Context::Authenticity => "authenticity",
            Context::Queued => "queued",
        }
    }

    /// The context of this word.
    pub fn named(word: &str) -> Option<Context> {
        CONTEXTS.into_iter().find(|context| context.word() == word)
    }

    /// Whether there is a message by then, whose header can be looked into.
    pub(super) fn has_content(self) -> bool {
        matches!(self, Context::Recipient | Context::Host | Context::Throttle)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

const CONTEXTS: [Context; 13] = [
    Context::Recipient,
    Context::Host,
    Context::Sender,
    Context::Connection,
    Context::Ehlo,
    Context::MailFrom,
    Context::RcptTo,
    Context::RcptAddress,
    Context::RcptDomain,
    Context::Throttle,
    Context::Quota,
    Context::Authenticity,
    Context::Queued,
];

macro_rules! variables {
    ($(#[doc = $doc:literal] $variable:ident = $name:literal, $kind:ident, $contexts:expr;)*) => {
        /// A variable.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Variable { $(#[doc = $doc] $variable,)* }

        impl Variable {
            /// All of them.
            pub const ALL: &'static [Variable] = &[$(Variable::$variable,)*];

            /// As expressions write it.
            pub fn name(self) -> &'static str {
                match self { $(Variable::$variable => $name,)* }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Variable::$variable => $doc.trim_ascii(),)* }
            }

            /// Which values it holds.
            pub fn kind(self) -> Kind {
                match self { $(Variable::$variable => Kind::$kind,)* }
            }

            fn contexts(self) -> u16 {
                match self { $(Variable::$variable => $contexts,)* }
            }
        }
    };
}

const R: u16 = 1 << Context::Recipient as u16;
const H: u16 = 1 << Context::Host as u16;
const S: u16 = 1 << Context::Sender as u16;
const C: u16 = 1 << Context::Connection as u16;
const E: u16 = 1 << Context::Ehlo as u16;
const M: u16 = 1 << Context::MailFrom as u16;
const T: u16 = 1 << Context::RcptTo as u16;
const A: u16 = 1 << Context::RcptAddress as u16;
const D: u16 = 1 << Context::RcptDomain as u16;
const B: u16 = 1 << Context::Throttle as u16;
const Q: u16 = 1 << Context::Quota as u16;
const V: u16 = 1 << Context::Authenticity as u16;
const K: u16 = 1 << Context::Queued as u16;
/// Of a client's session.
const CLIENT: u16 = C | E | M | T | V;
/// Of an attempt.
const ATTEMPT: u16 = R | H | B | K;
/// Of an attempt, and the same as long as the message is queued.
const LASTING: u16 = ATTEMPT | Q;

variables! {
    /// The recipient address.
    Rcpt = "rcpt", Text, LASTING | T | A;
    /// Its domain.
    RcptDomain = "rcpt_domain", Text, LASTING | T | D;
    /// All recipient addresses of the message.
    Recipients = "recipients", List, LASTING | S | T;
    /// The reverse-path; empty for the null one.
    Sender = "sender", Text, LASTING | S | M | T | V;
    /// Its domain.
    SenderDomain = "sender_domain", Text, LASTING | S | M | T | V;
    /// MT-PRIORITY.
    Priority = "priority", Number, LASTING | S | T;
    /// Temporary failures so far.
    RetryNum = "retry_num", Number, ATTEMPT | S;
    /// Delay notices so far.
    NotifyNum = "notify_num", Number, ATTEMPT | S;
    /// Seconds or attempts left.
    ExpiresIn = "expires_in", Number, ATTEMPT | S;
    /// What the last attempt ran into, in words.
    LastStatus = "last_status", Text, ATTEMPT | S;
    /// What the last attempt ran into, by kind.
    LastError = "last_error", Text, ATTEMPT | S;
    /// The virtual queue.
    QueueName = "queue_name", Text, ATTEMPT;
    /// Seconds since the message was accepted.
    QueueAge = "queue_age", Number, ATTEMPT;
    /// The address of the client that submitted it.
    ReceivedFromIp = "received_from_ip", Text, LASTING;
    /// The local port it came to.
    ReceivedViaPort = "received_via_port", Number, LASTING;
    /// By which right it entered the queue.
    Source = "source", Text, LASTING;
    /// Bytes.
    Size = "size", Number, LASTING;
    /// The name of the route.
    Route = "route", Text, H | B | K;
    /// Its kind: `local`, `mx` or `relay`.
    RouteType = "route_type", Text, H | B | K;
    /// The host being tried.
    Mx = "mx", Text, H | B;
    /// The peer's address.
    RemoteIp = "remote_ip", Text, H | B | CLIENT;
    /// Our address.
    LocalIp = "local_ip", Text, H | B | CLIENT;
    /// The listener's name.
    Listener = "listener", Text, LASTING | CLIENT;
    /// The client's port.
    RemotePort = "remote_port", Number, CLIENT;
    /// Our port.
    LocalPort = "local_port", Number, CLIENT;
    /// The protocol spoken.
    Protocol = "protocol", Text, CLIENT;
    /// Whether TLS is in use.
    IsTls = "is_tls", Number, CLIENT;
    /// The client's autonomous system; empty in this version.
    Asn = "asn", Number, CLIENT;
    /// The client's country; empty in this version.
    Country = "country", Text, CLIENT;
    /// The name given in EHLO.
    HeloDomain = "helo_domain", Text, E | M | T | V;
    /// The account that authenticated.
    AuthenticatedAs = "authenticated_as", Text, LASTING | E | M | T | V;
    /// How SPF ended.
    SpfResult = "spf_result", Text, V;
    /// How DKIM ended: the best of all signatures.
    DkimResult = "dkim_result", Text, V;
    /// How DMARC ended.
    DmarcResult = "dmarc_result", Text, V;
    /// What the domain in From wants done.
    DmarcPolicy = "dmarc_policy", Text, V;
    /// How ARC ended.
    ArcResult = "arc_result", Text, V;
    /// The domain in From.
    FromDomain = "from_domain", Text, V;
    /// Where the last attempt went, such as `relay via smarthost`; empty before the first.
    NextHop = "next_hop", Text, K;
    /// Seconds since the message was accepted.
    Age = "age", Number, K;
    /// Whether an operator holds it.
    Held = "held", Number, K;
    /// `scheduled`, `deferred`, `failed` or `delivered`.
    Status = "status", Text, K;
    /// The kind of what it waits for, such as `down` or `greylisted`.
    Cause = "cause", Text, K;
    /// Whether the peer may have it without our knowing.
    InDoubt = "in_doubt", Number, K;
}

impl Variable {
    /// The variable of this name, whatever the context.
    pub fn named(name: &str) -> Option<Self> {
        Variable::ALL.iter().copied().find(|variable| variable.name() == name)
    }

    /// Whether it is known in a context.
    pub fn is_in(self, context: Context) -> bool {
        self.contexts() & context.bit() != 0
    }

    /// Where it is known, in words.
    pub fn places(self) -> String {
        let places = CONTEXTS.into_iter().filter(|context| self.is_in(*context));
        places.map(Context::name).collect::<Vec<_>>().join(", ")
    }
}

/// Holds the values of variables.
pub trait Variables<'a> {
    /// The value of one; an empty text if it has none.
    fn value(&self, variable: Variable) -> Value<'a>;

    /// The message whose header `header` looks into, if there is one.
    fn message(&self) -> Option<MessageId> {
        None
    }

    /// Which of several evaluations with the same answers this is: what each writes to a store is its own.
    fn turn(&self) -> u32 {
        0
    }

    /// What a relay is asked about for.
    fn asking(&self) -> Asking {
        Asking::ToKnow
    }
}

impl<'a> Variables<'a> for Facts<'a> {
    fn message(&self) -> Option<MessageId> {
        Some(self.envelope.message)
    }

    fn turn(&self) -> u32 {
        self.turn
    }

    /// Every other attempt may be a trial: where little mail flows, a message would else be each of them, and never
    /// come to the other relay.
    fn asking(&self) -> Asking {
        if self.progress.retry_num.is_multiple_of(2) { Asking::ToTry } else { Asking::ToKnow }
    }

    fn value(&self, variable: Variable) -> Value<'a> {
        let sender = || self.envelope.reverse_path.address();
        let last = || self.progress.last.as_ref();
        match variable {
            Variable::Rcpt => Value::owned(self.forward_path.to_string()),
            Variable::RcptDomain => Value::text(self.forward_path.domain.as_str()),
            Variable::Recipients => {
                let all = self.envelope.recipients.iter();
                Value::list(all.map(|rcpt| Value::owned(rcpt.to_string())).collect())
            }
            Variable::Sender => sender().map_or(Value::text(""), |sender| Value::owned(sender.to_string())),
            Variable::SenderDomain => Value::text(sender().map_or("", |sender| sender.domain.as_str())),
            Variable::Priority => Value::Integer(self.envelope.parameters.priority.into()),
            Variable::RetryNum => Value::Integer(self.progress.retry_num.into()),
            Variable::NotifyNum => Value::Integer(self.progress.notify_num.into()),
            Variable::ExpiresIn => Value::Integer(expires_in(self)),
            Variable::LastStatus => last_status(last()),
            Variable::LastError => Value::text(last().map_or("none", |trouble| trouble.kind.name())),
            Variable::QueueName if self.progress.virtual_queue.is_empty() => Value::text("default"),
            Variable::QueueName => Value::text(&self.progress.virtual_queue),
            Variable::QueueAge => whole(self.now.since(self.envelope.accepted_at).as_secs()),
            Variable::ReceivedFromIp => Value::owned(self.envelope.origin.client_ip.to_string()),
            Variable::ReceivedViaPort => Value::Integer(self.envelope.origin.local_port.into()),
            Variable::Source => Value::text(self.envelope.origin.source.name()),
            Variable::Size => whole(self.envelope.size),
            Variable::Route => Value::text(self.route.map_or("", |route| &route.name)),
            Variable::RouteType => Value::text(self.route.map_or("", |route| route.kind.name())),
            Variable::Listener => Value::text(&self.envelope.origin.listener),
            Variable::AuthenticatedAs => {
                Value::text(self.envelope.origin.authenticated_as.as_deref().unwrap_or(""))
            }
            Variable::Mx => Value::text(self.host.map_or("", |host| host.mx)),
            Variable::RemoteIp => ip(self.host.and_then(|host| host.remote_ip)),
            Variable::LocalIp => ip(self.host.and_then(|host| host.local_ip)),
            Variable::RemotePort
            | Variable::LocalPort
            | Variable::Protocol
            | Variable::IsTls
            | Variable::Asn
            | Variable::Country
            | Variable::HeloDomain
            | Variable::SpfResult
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
            | Variable::InDoubt => Value::text(""),
        }
    }
}

fn ip<'a>(ip: Option<IpAddr>) -> Value<'a> {
    match ip {
        Some(ip) => Value::owned(ip.to_string()),
        None => Value::text("0.0.0.0"),
    }
}

fn whole<'a>(number: u64) -> Value<'a> {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn expires_in(facts: &Facts<'_>) -> i64 {
    match facts.progress.expiry {
        Expiry::At(at) => i64::try_from(at.since(facts.now).as_secs()).unwrap_or(i64::MAX),
        Expiry::Attempts(attempts) => attempts.saturating_sub(facts.progress.retry_num).into(),
    }
}

fn last_status<'a>(trouble: Option<&Trouble>) -> Value<'a> {
    let Some(trouble) = trouble else { return Value::text("Scheduled") };
    Value::owned(format!("Temporary Failure for {}: {}", trouble.host, cause(trouble)))
}

/// The forms that people match on.
fn cause(trouble: &Trouble) -> String {
    let text = &trouble.text;
    match (trouble.kind, &trouble.reply) {
        (TroubleKind::UnexpectedReply, Some((command, reply))) => format!(
            "Unexpected response for {command}: Code: {}, Enhanced code: {}, Message: {}",
            reply.code,
            reply.status(),
            reply.text
        ),
        (TroubleKind::UnexpectedReply, None) => format!("Unexpected response: {text}"),
        (TroubleKind::Dns, _) => format!("DNS lookup failed: {text}"),
        (TroubleKind::Connection, _) => format!("Connection failed: {text}"),
        (TroubleKind::Tls, _) => format!("TLS error: {text}"),
        (TroubleKind::Dane, _) => format!("DANE authentication failure: {text}"),
        (TroubleKind::MtaSts, _) => format!("MTA-STS auth failed: {text}"),
        (TroubleKind::Rate, _) => "Rate limited".to_owned(),
        (TroubleKind::Concurrency, _) => "Too many concurrent connections to remote server".to_owned(),
        (TroubleKind::Io, _) => format!("Queue error: {text}"),
    }
}
