//! Which addresses may a web server have that the settings name? Not those that only this machine or its network has.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a request may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// To addresses that everybody can reach.
    Public,
    /// Also to private ones, such as 10.0.0.5.
    Private,
    /// Only to this machine.
    Loopback,
}

impl Reach {
    /// Whether a server may have this address.
    pub fn allows(self, ip: IpAddr) -> bool {
        let ip = unmapped(ip);
        let never = ip.is_unspecified() || ip.is_multicast() || is_link_local(ip);
        match self {
            Reach::Loopback => ip.is_loopback(),
            Reach::Private => !never && !ip.is_loopback(),
            Reach::Public => !never && !ip.is_loopback() && !is_private(ip),
        }
    }
}

/// An IPv4 address that hides in an IPv6 one: mapped, or behind NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn unmapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else { return ip.to_canonical() };
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let four = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0x64, 0xff9b, 0, 0, 0, 0) => four(high, low),
        (0x2002, high, low, ..) => four(high, low),
        // RFC 4291 section 2.5.5.1, but for :: and ::1.
        (0, 0, 0, 0, 0, 0) if high != 0 => four(high, low),
        _ => IpAddr::V6(v6),
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || (a, b, c) == (192, 0, 0)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || is_site_local(v6),
    }
}

/// RFC 3879 gave them up, but some may still be used.
fn is_site_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: L5
    #[test]
    fn addresses_of_our_own_network_need_leave() {
        for (ip, public, private, loopback) in [
            ("93.184.216.34", true, true, false),
            ("2606:2800:220:1::1", true, true, false),
            ("10.0.0.5", false, true, false),
            ("172.20.1.1", false, true, false),
            ("192.168.1.1", false, true, false),
            ("100.64.0.1", false, true, false),
            ("198.18.0.1", false, true, false),
            ("fd00::1", false, true, false),
            ("fec0::1", false, true, false),
            ("127.0.0.1", false, false, true),
            ("127.9.9.9", false, false, true),
            ("::1", false, false, true),
            ("::ffff:127.0.0.1", false, false, true),
            ("::ffff:10.0.0.1", false, true, false),
            ("64:ff9b::7f00:1", false, false, true),
            ("64:ff9b::a9fe:a9fe", false, false, false),
            ("2002:a00:1::1", false, true, false),
            ("169.254.169.254", false, false, false),
            ("fe80::1", false, false, false),
            ("0.0.0.0", false, false, false),
            ("::", false, false, false),
            ("224.0.0.1", false, false, false),
            ("255.255.255.255", false, false, false),
        ] {
            let address = ip.parse().unwrap();
            let found = [Reach::Public, Reach::Private, Reach::Loopback].map(|reach| reach.allows(address));
            assert_eq!(found, [public, private, loopback], "{ip}");
        }
    }
}
