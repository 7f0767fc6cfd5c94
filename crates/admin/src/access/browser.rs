//! Does a browser ask because its user wants it, or because some other page made it?
//!
//! A page of somebody else can make a browser send requests here, with the cookie if it could. It cannot set a header
//! of its own without being asked for leave, which is never given, and it cannot lie about where it comes from.

use axum::http::{HeaderMap, Uri, header};

/// The header that our own pages send with everything.
pub const OWN_HEADER: &str = "x-waypost";
/// The cookie of a session over TLS: a browser takes it from this host and over TLS only.
pub const COOKIE_TLS: &str = "__Host-waypost";
/// The cookie of a session without TLS, on loopback.
pub const COOKIE_PLAIN: &str = "waypost";

/// Whether the request was made by a page of another site.
pub fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    if text(headers, "sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    let Some(origin) = text(headers, header::ORIGIN.as_str()) else {
        // A field that cannot be read is nobody's honest origin.
        return headers.contains_key(header::ORIGIN);
    };
    let (Ok(origin), Some(host)) = (origin.parse::<Uri>(), text(headers, header::HOST.as_str())) else {
        return true;
    };
    !origin.authority().is_some_and(|authority| authority.as_str().eq_ignore_ascii_case(host))
}

/// Whether our own page made the request; what a cookie proves holds only then.
pub fn is_our_page(headers: &HeaderMap) -> bool {
    headers.contains_key(OWN_HEADER) && !is_from_elsewhere(headers)
}

/// Whether the name that was asked for is one of this server's. A name that somebody else's DNS leads to a loopback
/// address makes a browser believe that his page and ours are one (DNS rebinding); over TLS the certificate is in the
/// way of that.
pub fn is_our_host(headers: &HeaderMap, tls: bool, names: &[String]) -> bool {
    if tls {
        return true;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok()
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// The value of our cookie.
pub fn cookie(headers: &HeaderMap, tls: bool) -> Option<String> {
    let wanted = if tls { COOKIE_TLS } else { COOKIE_PLAIN };
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    fields
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value.to_owned())
}

/// The `Set-Cookie` field of a session, or of its end.
pub fn set_cookie(secret: Option<&str>, tls: bool, seconds: u64) -> String {
    let (name, secure) = if tls { (COOKIE_TLS, "; Secure") } else { (COOKIE_PLAIN, "") };
    let (value, age) = secret.map_or(("", 0), |secret| (secret, seconds));
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        fields.iter().map(pair).collect()
    }

    // proves: L3
    #[test]
    fn only_our_own_page_uses_the_cookie() {
        const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
        const OWN: (&str, &str) = ("x-waypost", "ui");
        for (fields, ours) in [
            (&[HOST, OWN][..], true),
            (&[HOST][..], false),
            (&[HOST, OWN, ("origin", "http://127.0.0.1:8080")][..], true),
            (&[HOST, OWN, ("origin", "http://127.0.0.1:8081")][..], false),
            (&[HOST, OWN, ("origin", "https://evil.example")][..], false),
            (&[HOST, OWN, ("origin", "null")][..], false),
            (&[HOST, OWN, ("origin", "http://127.0.0.1:8080.evil.example")][..], false),
            (&[OWN, ("origin", "http://127.0.0.1:8080")][..], false),
            (&[HOST, OWN, ("sec-fetch-site", "same-origin")][..], true),
            (&[HOST, OWN, ("sec-fetch-site", "none")][..], true),
            (&[HOST, OWN, ("sec-fetch-site", "same-site")][..], false),
            (&[HOST, OWN, ("sec-fetch-site", "cross-site")][..], false),
        ] {
            assert_eq!(is_our_page(&headers(fields)), ours, "{fields:?}");
        }
    }

    // proves: L1
    #[test]
    fn a_name_of_somebody_else_is_not_ours() {
        let names = ["mail.example.org".to_owned()];
        for (host, ours) in [
            ("127.0.0.1:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("mail.example.org", true),
            ("rebound.evil.example:8080", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_our_host(&headers(&[("host", host)]), false, &names), ours, "{host}");
        }
        assert!(!is_our_host(&headers(&[]), false, &names));
        assert!(!is_our_host(&headers(&[("host", "localhost"), ("host", "evil.example")]), false, &names));
        assert!(is_our_host(&headers(&[("host", "mx.example.net")]), true, &names));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_set_so_that_no_script_reads_it() {
        let sent = headers(&[("cookie", "a=b; waypost=secret; __Host-waypost=other")]);
        assert_eq!(cookie(&sent, false).as_deref(), Some("secret"));
        assert_eq!(cookie(&sent, true).as_deref(), Some("other"));
        assert_eq!(cookie(&headers(&[("cookie", "waypostx=1")]), false), None);
        let set = set_cookie(Some("s"), true, 60);
        assert_eq!(set, "__Host-waypost=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(set_cookie(None, false, 60), "waypost=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
