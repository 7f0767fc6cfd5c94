//! How do mail programs find us? Mozilla's autoconfig, and Microsoft's autodiscover.
//!
//! Nobody has to log in for it, and it tells no more than what DNS tells.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mail::Address;
use serde::Deserialize;

use super::Shared;
use super::answer::read;
use crate::world::{Entrance, EntranceTls, Protocol};

/// Bytes of a question at most.
const QUESTION_BYTES_MAX: usize = 16 << 10;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    emailaddress: String,
}

/// `/mail/config-v1.1.xml?emailaddress=`.
pub(super) async fn autoconfig(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    let configuration = shared.world.configuration.borrow().clone();
    let domain = match asked.emailaddress.as_str() {
        "" => configuration.domain.clone(),
        address => match Address::parse(address) {
            Ok(address) => address.domain,
            Err(_) => return unknown(),
        },
    };
    let Some(domain) = configuration.local_domain(&domain).map(|_| domain) else { return unknown() };
    let host = &shared.world.entrances.host;
    let mut xml =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n");
    let domain = escaped(domain.as_str());
    let _ = write!(xml, "  <emailProvider id=\"{domain}\">\n    <domain>{domain}</domain>\n");
    let _ = writeln!(xml, "    <displayName>{domain}</displayName>");
    let _ = writeln!(xml, "    <displayShortName>{domain}</displayShortName>");
    for entrance in shared.world.entrances.best_first() {
        let (element, kind) = match entrance.protocol {
            Protocol::Imap => ("incomingServer", "imap"),
            Protocol::Pop3 => ("incomingServer", "pop3"),
            Protocol::Submission => ("outgoingServer", "smtp"),
            Protocol::Http => continue,
        };
        let socket = match entrance.tls {
            EntranceTls::Implicit => "SSL",
            EntranceTls::StartTls => "STARTTLS",
            EntranceTls::None => "plain",
        };
        let _ = write!(
            xml,
            "    <{element} type=\"{kind}\">\n      <hostname>{}</hostname>\n      <port>{}</port>\n      \
             <socketType>{socket}</socketType>\n      <authentication>password-cleartext</authentication>\n      \
             <username>%EMAILADDRESS%</username>\n    </{element}>\n",
            escaped(host),
            entrance.port,
        );
    }
    xml.push_str("  </emailProvider>\n</clientConfig>\n");
    answer(xml)
}

/// `/autodiscover/autodiscover.xml`.
pub(super) async fn autodiscover(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let body = match read(body, "maxSizeRequest", QUESTION_BYTES_MAX).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let asked = String::from_utf8_lossy(&body);
    let Some(address) = element(&asked, "EMailAddress").and_then(|text| Address::parse(text.trim()).ok())
    else {
        return (StatusCode::BAD_REQUEST, "EMailAddress must be an address\n").into_response();
    };
    let configuration = shared.world.configuration.borrow().clone();
    if configuration.local_domain(&address.domain).is_none() {
        return unknown();
    }
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n  \
         <Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\">\n    \
         <Account>\n      <AccountType>email</AccountType>\n      <Action>settings</Action>\n",
    );
    let login = escaped(&address.to_string());
    for entrance in shared.world.entrances.best_first() {
        protocol(&mut xml, &entrance, &escaped(&shared.world.entrances.host), &login);
    }
    xml.push_str("    </Account>\n  </Response>\n</Autodiscover>\n");
    answer(xml)
}

fn protocol(xml: &mut String, entrance: &Entrance, host: &str, login: &str) {
    let kind = match entrance.protocol {
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP3",
        Protocol::Submission => "SMTP",
        Protocol::Http => return,
    };
    let (ssl, encryption) = match entrance.tls {
        EntranceTls::Implicit => ("on", "SSL"),
        EntranceTls::StartTls => ("on", "TLS"),
        EntranceTls::None => ("off", "None"),
    };
    let _ = write!(
        xml,
        "      <Protocol>\n        <Type>{kind}</Type>\n        <Server>{host}</Server>\n        \
         <Port>{}</Port>\n        <LoginName>{login}</LoginName>\n        <DomainRequired>off</DomainRequired>\n        \
         <SPA>off</SPA>\n        <SSL>{ssl}</SSL>\n        <Encryption>{encryption}</Encryption>\n        \
         <AuthRequired>on</AuthRequired>\n      </Protocol>\n",
        entrance.port,
    );
}

/// The text of the first element of this name, whatever its prefix.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let at = xml.find(&format!("{name}>"))?;
    let rest = &xml[at + name.len() + 1..];
    rest.split('<').next()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

fn answer(xml: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response()
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, "that is no domain of ours\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_escaped() {
        assert_eq!(escaped("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;");
        assert_eq!(element("<a:EMailAddress>x@y</a:EMailAddress>", "EMailAddress"), Some("x@y"));
        assert_eq!(element("<EMailAddress", "EMailAddress"), None);
    }
}
