//! Which objects exist without being written down?

use std::time::Duration;

use super::delivery_schedule::{hours, minutes};
use super::{
    DeliveryExpiration, DsnReportSettings, MtaConnectionStrategy, MtaDeliverySchedule, MtaOutboundStrategy,
    MtaRoute, MtaTlsStrategy, MtaVirtualQueue, MxRoute, ReportSettings, RouteKind, Settings, SystemSettings,
};

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
        dsn_report: DsnReportSettings::default(),
        report: ReportSettings::default(),
        domains: [].into(),
        accounts: [].into(),
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
