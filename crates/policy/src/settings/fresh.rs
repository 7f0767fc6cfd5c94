//! Which objects exist without being written down?

use std::time::Duration;

use super::delivery_schedule::{hours, minutes};
use super::{
    DeliveryExpiration, DsnReportSettings, HistorySettings, MtaConnectionStrategy, MtaDeliverySchedule,
    MtaExtensions, MtaOutboundStrategy, MtaRoute, MtaTlsStrategy, MtaVirtualQueue, MxRoute, ReportSettings,
    RouteKind, SenderAuthSettings, Settings, SystemSettings, TlsReportSettings,
};
use super::{InboundKey, MtaInboundThrottle, Rate, Window};
use crate::expr::Expression;

pub(super) fn settings() -> Settings {
    let route = |name: &str, kind| MtaRoute { name: name.to_owned(), description: None, kind };
    let queues = [("local", 25), ("remote", 50), ("dsn", 5), ("report", 5)];
    let invalid_tls = MtaTlsStrategy { allow_invalid_certs: true, ..MtaTlsStrategy::named("invalid-tls") };
    Settings {
        system: SystemSettings::default(),
        routes: [route("local", RouteKind::Local), route("mx", RouteKind::Mx(MxRoute::default()))]
            .map(|route| (route.name.clone(), route))
            .into(),
        outbound: MtaOutboundStrategy::default(),
        schedules: schedules().map(|schedule| (schedule.name.clone(), schedule)).into(),
        virtual_queues: queues
            .map(|(name, threads)| (name.to_owned(), MtaVirtualQueue::named(name, threads)))
            .into(),
        connections: [("default".to_owned(), MtaConnectionStrategy::named("default"))].into(),
        tls: [MtaTlsStrategy::named("default"), invalid_tls].map(|tls| (tls.name.clone(), tls)).into(),
        lookup_stores: [].into(),
        directories: [].into(),
        dsn_report: DsnReportSettings::default(),
        report: ReportSettings::default(),
        tls_report: TlsReportSettings::default(),
        inbound_throttles: inbound_throttles().into(),
        outbound_throttles: Vec::new(),
        queue_quotas: Vec::new(),
        domains: [].into(),
        accounts: [].into(),
        mailing_lists: [].into(),
        dkim_signatures: [].into(),
        sender_auth: SenderAuthSettings::default(),
        extensions: MtaExtensions::default(),
        history: HistorySettings::default(),
        webhooks: [].into(),
    }
}

impl Settings {
    /// Takes away every object that is one of several.
    pub(super) fn forget_fresh(&mut self) {
        self.routes.clear();
        self.schedules.clear();
        self.virtual_queues.clear();
        self.connections.clear();
        self.tls.clear();
        self.inbound_throttles.clear();
    }
}

/// Notifications and reports are given up sooner: nobody waits for them.
fn schedules() -> [MtaDeliverySchedule; 4] {
    let own = |name: &str, retry: &[Duration], attempts| MtaDeliverySchedule {
        retry: retry.to_vec(),
        expiry: DeliveryExpiration::Attempts(attempts),
        ..MtaDeliverySchedule::named(name, name)
    };
    [
        MtaDeliverySchedule::named("local", "local"),
        MtaDeliverySchedule::named("remote", "remote"),
        own("dsn", &[minutes(15), minutes(30), hours(1), hours(2)], 10),
        MtaDeliverySchedule { notify: Vec::new(), ..own("report", &[minutes(30), hours(1), hours(2)], 8) },
    ]
}

/// What holds strangers back. Programs on this machine send as fast as they like, and so do, but for the rate of their
/// connections, clients that have authenticated.
fn inbound_throttles() -> [MtaInboundThrottle; 3] {
    let throttle = |id: &str, description: &str, key: &[InboundKey], (count, period), applies: &str| {
        MtaInboundThrottle {
            id: id.to_owned(),
            enable: true,
            description: description.to_owned(),
            key: key.iter().copied().collect(),
            applies: Expression::always(applies),
            rate: Rate { count, period },
            window: Window::default(),
        }
    };
    const NOT_HERE: &str = "!(remote_ip in ['127.0.0.1', '::1'])";
    const STRANGER: &str = "authenticated_as == '' && !(remote_ip in ['127.0.0.1', '::1'])";
    [
        throttle(
            "ip",
            "connections of one address",
            &[InboundKey::RemoteIp],
            (5, Duration::from_secs(1)),
            NOT_HERE,
        ),
        throttle(
            "sender",
            "mail of one domain to one recipient",
            &[InboundKey::SenderDomain, InboundKey::Rcpt],
            (25, hours(1)),
            STRANGER,
        ),
        throttle(
            "stranger",
            "messages of one unknown client",
            &[InboundKey::RemoteIp],
            (100, minutes(1)),
            STRANGER,
        ),
    ]
}
