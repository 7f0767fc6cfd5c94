//! What a peer offers: the keywords of its EHLO reply (RFC 5321 section 4.1.1.1).

use mail::seven_bit::Target;
use mail::{ContentTraits, Reply};

use crate::sasl::exchange::Mechanisms;

/// The extensions that make a difference to us. Unknown keywords are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// SIZE (RFC 1870), with the limit in bytes; 0 if none is stated.
    pub size: Option<u64>,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030).
    pub binary_mime: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// STARTTLS (RFC 3207).
    pub start_tls: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710).
    pub mt_priority: bool,
    /// DELIVERBY (RFC 2852), with the shortest time in seconds within which it returns messages; 0 if none is stated.
    pub deliver_by: Option<u64>,
    /// The mechanisms of AUTH (RFC 4954) that we know.
    pub auth: Mechanisms,
}

impl Capabilities {
    /// From the text of an EHLO or LHLO reply; its first line is the peer's greeting.
    pub fn parse(reply: &Reply) -> Self {
        let mut offered = Capabilities::default();
        for line in reply.text.lines().skip(1).take(super::reply::REPLY_LINES_MAX) {
            offered.add(line);
        }
        offered
    }

    /// What content with these traits must be made into before this peer takes it; none if it takes it as it is.
    pub fn conversion(&self, traits: ContentTraits) -> Option<Target> {
        let binary = self.binary_mime && self.chunking;
        let eight_bit = traits.eight_bit && !self.eight_bit_mime;
        if binary || !(traits.binary || traits.long_lines || eight_bit) {
            return None;
        }
        Some(if self.eight_bit_mime { Target::EightBit } else { Target::SevenBit })
    }

    fn add(&mut self, line: &str) {
        // Some old servers write `AUTH=PLAIN`.
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "SIZE" => self.size = Some(number(words.next())),
            "DELIVERBY" => self.deliver_by = Some(number(words.next())),
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "STARTTLS" => self.start_tls = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "REQUIRETLS" => self.require_tls = true,
            "MT-PRIORITY" => self.mt_priority = true,
            "AUTH" => {
                for mechanism in words {
                    self.auth.add_named(mechanism);
                }
            }
            _ => {}
        }
    }
}

fn number(word: Option<&str>) -> u64 {
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The name by which the peer calls itself in its greeting or EHLO reply: the first word.
pub fn peer_name(reply: &Reply) -> &str {
    reply.text.split_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::exchange::Mechanism;

    #[track_caller]
    fn check(lines: &[&str], expected: Capabilities) {
        let text = format!("mx.example.org greets you\n{}", lines.join("\n"));
        assert_eq!(Capabilities::parse(&Reply::new(250, None, text)), expected, "{lines:?}");
    }

    #[test]
    fn reads_keywords_in_any_case() {
        check(
            &["Size 1000", "pipelining"],
            Capabilities { size: Some(1000), pipelining: true, ..Default::default() },
        );
        check(
            &["SIZE", "8BITMIME"],
            Capabilities { size: Some(0), eight_bit_mime: true, ..Default::default() },
        );
        check(&["SIZE 99999999999999999999"], Capabilities { size: Some(0), ..Default::default() });
        check(
            &["CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "STARTTLS"],
            Capabilities {
                chunking: true,
                binary_mime: true,
                smtputf8: true,
                dsn: true,
                start_tls: true,
                ..Default::default()
            },
        );
        check(
            &["ENHANCEDSTATUSCODES", "REQUIRETLS", "MT-PRIORITY MIXER"],
            Capabilities {
                enhanced_status_codes: true,
                require_tls: true,
                mt_priority: true,
                ..Default::default()
            },
        );
    }

    #[test]
    fn reads_both_forms_of_auth() {
        let offer =
            |auth: &[Mechanism]| Capabilities { auth: auth.iter().copied().collect(), ..Default::default() };
        check(&["AUTH LOGIN XOAUTH2"], offer(&[Mechanism::Login, Mechanism::XOAuth2]));
        check(&["AUTH=plain login"], offer(&[Mechanism::Plain, Mechanism::Login]));
        check(&["AUTH SCRAM-SHA-256-PLUS scram-sha-256"], offer(&[Mechanism::ScramSha256]));
        check(&["AUTH CRAM-MD5"], Capabilities::default());
    }

    #[test]
    fn reads_how_soon_messages_are_returned() {
        check(&["DELIVERBY"], Capabilities { deliver_by: Some(0), ..Default::default() });
        check(&["DELIVERBY 240"], Capabilities { deliver_by: Some(240), ..Default::default() });
    }

    // proves: E16, H2, H6, H20
    #[test]
    fn content_is_converted_only_where_it_must_be() {
        let traits = |eight_bit, binary, long_lines| ContentTraits { eight_bit, binary, long_lines };
        let plain = Capabilities::default();
        let eight = Capabilities { eight_bit_mime: true, ..plain };
        let chunks = Capabilities { chunking: true, ..eight };
        let binary = Capabilities { chunking: true, binary_mime: true, ..plain };
        for (offered, traits, expected) in [
            (plain, traits(false, false, false), None),
            (plain, traits(true, false, false), Some(Target::SevenBit)),
            (plain, traits(false, true, false), Some(Target::SevenBit)),
            (plain, traits(false, false, true), Some(Target::SevenBit)),
            (eight, traits(true, false, false), None),
            (chunks, traits(true, true, false), Some(Target::EightBit)),
            (chunks, traits(false, false, true), Some(Target::EightBit)),
            (binary, traits(true, true, true), None),
        ] {
            assert_eq!(offered.conversion(traits), expected, "{offered:?} {traits:?}");
        }
    }

    #[test]
    fn the_greeting_line_offers_nothing() {
        let reply = Reply::new(250, None, "PIPELINING");
        assert_eq!(Capabilities::parse(&reply), Capabilities::default());
        assert_eq!(peer_name(&Reply::new(220, None, "mx.example.org ESMTP")), "mx.example.org");
    }
}
