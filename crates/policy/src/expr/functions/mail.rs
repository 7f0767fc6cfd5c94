//! Functions of addresses: of people and of hosts.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Arguments;
use super::text::{map, part};
use crate::expr::value::Value;

pub(super) fn is_email<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    let address = ::mail::Address::parse(&text.to_text());
    let has_dot = |domain: &::mail::Domain| domain.literal().is_none() && domain.as_str().contains('.');
    Value::truth(address.is_ok_and(|address| has_dot(&address.domain)))
}

pub(super) fn email_part<'a>([value, wanted, _]: Arguments<'a>) -> Value<'a> {
    let wanted = wanted.into_text();
    map(value, |text| {
        part(text, |text| match (text.rsplit_once('@'), wanted.as_ref()) {
            (Some((local, _)), "local") => local.trim(),
            (Some((_, domain)), "domain") => domain.trim(),
            _ => "",
        })
    })
}

pub(super) fn is_ip_addr<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    Value::truth(ip(&text).is_some())
}

pub(super) fn is_ipv4_addr<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    Value::truth(ip(&text).is_some_and(|ip| ip.is_ipv4()))
}

pub(super) fn is_ipv6_addr<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    Value::truth(ip(&text).is_some_and(|ip| ip.is_ipv6()))
}

pub(super) fn is_ip_in_cidr<'a>([address, network, _]: Arguments<'a>) -> Value<'a> {
    let net = network.to_text().parse::<IpNet>().ok().or_else(|| ip(&network).map(IpNet::from));
    Value::truth(matches!((ip(&address), net), (Some(ip), Some(net)) if net.contains(&ip)))
}

pub(super) fn ip_reverse_name<'a>([text, ..]: Arguments<'a>) -> Value<'a> {
    Value::owned(match ip(&text) {
        None => String::new(),
        Some(IpAddr::V4(v4)) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        Some(IpAddr::V6(v6)) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join(".")
        }
    })
}

fn ip(value: &Value<'_>) -> Option<IpAddr> {
    value.to_text().parse().ok()
}
