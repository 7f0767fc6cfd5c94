//! Do the source addresses and the names that we greet by belong together, as far as DNS knows?

use std::net::IpAddr;

use mta::Resolver;
use policy::Configuration;
use policy::dns::{DnsError, Family};
use policy::source::{ehlo_name, name_troubles};

use crate::settings_file::Remark;

/// One warning for each thing that other servers may not like.
pub(crate) async fn check(resolver: &dyn Resolver, configuration: &Configuration) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for strategy in configuration.connections.values() {
        for (at, source) in strategy.source_ips.iter().enumerate() {
            let ip = source.source_ip;
            let name = ehlo_name(strategy, Some(source), configuration.hostname.as_str());
            let names = resolver.ptr(ip).await.map(|answer| answer.records);
            let object = format!("MtaConnectionStrategy {}", strategy.name);
            let property = format!("sourceIps.{at}");
            let troubles = name_troubles(ip, name, names, addresses(resolver, name, ip).await);
            remarks.extend(troubles.into_iter().map(|trouble| Remark::warning(&object, &property, trouble)));
        }
    }
    remarks
}

/// The addresses of the name in the family of the source address.
async fn addresses(resolver: &dyn Resolver, name: &str, ip: IpAddr) -> Result<Vec<IpAddr>, DnsError> {
    let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
    resolver.addresses(name, family).await.map(|answer| answer.records)
}
