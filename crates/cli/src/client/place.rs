//! Where is the server: a socket of this machine, or a URL?

use std::fmt;
use std::path::PathBuf;

use crate::failure::Failure;

/// Where the server is asked.
#[derive(Clone, Debug)]
pub enum Place {
    /// A Unix socket; the owner of the data directory needs no password.
    Socket(PathBuf),
    /// A URL.
    Remote(Remote),
}

/// A server somewhere else.
#[derive(Clone)]
pub struct Remote {
    /// Whether it is `https`.
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What stands before the paths of the API, such as `/mail`; mostly nothing.
    pub prefix: String,
    /// Who asks.
    pub token: Option<String>,
    /// A file with the roots that are trusted besides the platform's.
    pub ca: Option<PathBuf>,
    /// Whether any certificate will do.
    pub insecure: bool,
}

impl Remote {
    /// Reads `https://host[:port][/prefix]`; `http` only for this machine.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("`{url}` is not a URL of a server: {why}"));
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| wrong("it begins with https:// or http://"))?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("it begins with https:// or http://")),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') {
            return Err(wrong("names and passwords do not belong into it; use --token-file"));
        }
        if path.contains(['?', '#']) || !path.chars().all(|c| c.is_ascii_graphic()) {
            return Err(wrong("it has no query"));
        }
        let (host, port) =
            split_port(authority, if tls { 443 } else { 80 }).ok_or_else(|| wrong("the port"))?;
        if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:_".contains(c)) {
            return Err(wrong("the host"));
        }
        let prefix = path.trim_end_matches('/').to_owned();
        let remote = Remote { tls, host, port, prefix, token: None, ca: None, insecure: false };
        if !tls && !remote.is_this_machine() {
            return Err(wrong("over http everybody on the way could read the token; use https"));
        }
        Ok(remote)
    }

    fn is_this_machine(&self) -> bool {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// Host and port as they stand in the field `Host`.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

fn split_port(authority: &str, default: u16) -> Option<(String, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = match after.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if after.is_empty() => default,
            None => return None,
        };
        return Some((host.to_owned(), port));
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((authority.to_owned(), default)),
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({}{})", self.authority(), self.prefix)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(path) => write!(f, "{}", path.display()),
            Place::Remote(remote) => {
                let scheme = if remote.tls { "https" } else { "http" };
                write!(f, "{scheme}://{}{}", remote.authority(), remote.prefix)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let check = |url: &str, expected: (bool, &str, u16, &str)| {
            let remote = Remote::parse(url).unwrap();
            assert_eq!(
                (remote.tls, remote.host.as_str(), remote.port, remote.prefix.as_str()),
                expected,
                "{url}"
            );
        };
        check("https://mail.example.org", (true, "mail.example.org", 443, ""));
        check("https://mail.example.org:8443/", (true, "mail.example.org", 8443, ""));
        check("HTTPS://[2001:db8::1]:8443/admin/", (true, "2001:db8::1", 8443, "/admin"));
        check("http://127.0.0.1:8080", (false, "127.0.0.1", 8080, ""));
        check("http://[::1]", (false, "::1", 80, ""));
    }

    #[test]
    fn what_is_no_url_or_would_betray_the_token_is_refused() {
        for url in [
            "mail.example.org",
            "ftp://x",
            "https://",
            "https://a b",
            "https://u:p@x",
            "https://x:99999",
            "https://[::1",
            "https://x/?a",
            "http://mail.example.org",
        ] {
            assert_eq!(Remote::parse(url).unwrap_err().kind.code(), 2, "{url}");
        }
    }

    #[test]
    fn a_place_never_shows_its_token() {
        let mut remote = Remote::parse("https://mail.example.org:8443").unwrap();
        remote.token = Some("wpt_secret".to_owned());
        let place = Place::Remote(remote);
        assert_eq!(place.to_string(), "https://mail.example.org:8443");
        assert!(!format!("{place:?}").contains("secret"));
    }
}
