//! Who wants reports about a domain? The record in DNS (RFC 8460 section 3).

use mail::{Address, Domain};

use crate::limits::TLS_REPORT_DESTINATIONS_MAX;

/// Where a report goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rua {
    /// By mail.
    Mail(Address),
    /// By POST to this URL.
    Https(String),
}

/// Where the record of a domain is.
pub fn record_name(domain: &Domain) -> String {
    format!("_smtp._tls.{domain}")
}

/// Where reports go, in the order of the record; nowhere if there is no record, more than one, or one that is wrong.
/// What is no address and no URL of a known kind is left out.
pub fn destinations(texts: &[String]) -> Vec<Rua> {
    let mut of_version = texts.iter().filter_map(|text| fields(text));
    let (Some(fields), None) = (of_version.next(), of_version.next()) else { return Vec::new() };
    let rua = fields.split(';').find_map(|field| field.trim().strip_prefix("rua="));
    let uris = rua.unwrap_or_default().split(',').filter_map(|uri| destination(uri.trim()));
    uris.take(TLS_REPORT_DESTINATIONS_MAX).collect()
}

/// What follows the version.
fn fields(text: &str) -> Option<&str> {
    text.strip_prefix("v=TLSRPTv1")?.trim_start_matches([' ', '\t']).strip_prefix(';')
}

fn destination(uri: &str) -> Option<Rua> {
    let (scheme, rest) = uri.split_once(':')?;
    if scheme.eq_ignore_ascii_case("mailto") {
        // What follows a question mark are fields of a letter that are not ours to take over (RFC 6068).
        let address = rest.split('?').next().unwrap_or_default();
        return Address::parse(&decoded(address)?).ok().map(Rua::Mail);
    }
    let is_https = scheme.eq_ignore_ascii_case("https") && rest.starts_with("//");
    is_https.then(|| Rua::Https(uri.to_owned()))
}

/// Undoes percent encoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], expected: &[&str]) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let shown = |rua: &Rua| match rua {
            Rua::Mail(address) => address.to_string(),
            Rua::Https(url) => url.clone(),
        };
        assert_eq!(destinations(&texts).iter().map(shown).collect::<Vec<_>>(), expected, "{texts:?}");
    }

    #[test]
    fn a_record_names_where_reports_go() {
        check(&["v=TLSRPTv1;rua=mailto:reports@example.com"], &["reports@example.com"]);
        check(
            &[
                "v=spf1",
                "v=TLSRPTv1; rua=https://r.example.com/v1/tlsrpt , MAILTO:a%2Bb@example.com?subject=x ;",
            ],
            &["https://r.example.com/v1/tlsrpt", "a+b@example.com"],
        );
        check(
            &["v=TLSRPTv1; news=1; rua=mailto:a@example.com; rua=mailto:b@example.com"],
            &["a@example.com"],
        );
    }

    #[test]
    fn a_record_that_is_none_names_nothing() {
        check(&[], &[]);
        check(&["v=spf1 -all"], &[]);
        check(&["v=TLSRPTv1"], &[]);
        check(&["v=TLSRPTv2; rua=mailto:a@example.com"], &[]);
        check(&["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:a@example.com"], &[]);
        check(&["v=TLSRPTv1; rua=http://example.com/, ftp://x, mailto:none, mailto:a%zz@b.example, x"], &[]);
    }

    #[test]
    fn not_everybody_can_be_told() {
        let many: Vec<String> = (0..20).map(|number| format!("mailto:r{number}@example.com")).collect();
        let record = format!("v=TLSRPTv1; rua={}", many.join(","));
        assert_eq!(destinations(&[record]).len(), TLS_REPORT_DESTINATIONS_MAX);
    }
}
