//! A search filter as text (RFC 4515), as LDAP sends it (RFC 4511 section 4.5.1.7), and an address put into it.

use mail::Address;

use super::ber::{BOOLEAN, OCTET_STRING, element, sequence};

/// How deep filters may be nested.
const DEPTH_MAX: usize = 16;

/// The filter with the parts of an address in it, none of which can be mistaken for a part of the filter.
pub(crate) fn filled(filter: &str, address: &Address) -> String {
    let (local, domain) = (address.local_part.to_string(), address.domain.to_string());
    filter
        .replace("{address}", &escaped(&address.to_string()))
        .replace("{local}", &escaped(&local))
        .replace("{domain}", &escaped(&domain))
}

/// RFC 4515 section 3: whatever could mean something is written in hexadecimal digits.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            // Braces too: what was put in is not looked through for what is to be put in.
            '*' | '(' | ')' | '\\' | '{' | '}' => text.push_str(&format!("\\{:02x}", u32::from(c))),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes).bytes().for_each(|byte| text.push_str(&format!("\\{byte:02x}")));
            }
            c => text.push(c),
        }
    }
    text
}

/// As it is sent; why not, if it is no filter.
pub(crate) fn encoded(filter: &str) -> Result<Vec<u8>, String> {
    let mut rest = filter.trim();
    let bytes = component(&mut rest, 0)?;
    if rest.is_empty() { Ok(bytes) } else { Err(format!("'{rest}' stands behind its end")) }
}

fn component(rest: &mut &str, depth: usize) -> Result<Vec<u8>, String> {
    if depth > DEPTH_MAX {
        return Err("it is nested too deeply".to_owned());
    }
    *rest = rest.strip_prefix('(').ok_or_else(|| format!("( is expected before '{rest}'"))?;
    let bytes = match rest.chars().next() {
        Some('&') => several(0xa0, rest, depth)?,
        Some('|') => several(0xa1, rest, depth)?,
        Some('!') => {
            *rest = &rest[1..];
            element(0xa2, &component(rest, depth + 1)?)
        }
        _ => item(rest)?,
    };
    *rest = rest.strip_prefix(')').ok_or_else(|| format!(") is expected before '{rest}'"))?;
    Ok(bytes)
}

fn several(tag: u8, rest: &mut &str, depth: usize) -> Result<Vec<u8>, String> {
    *rest = &rest[1..];
    let mut parts = Vec::new();
    while rest.starts_with('(') {
        parts.push(component(rest, depth + 1)?);
    }
    if parts.is_empty() {
        Err("& and | need something within them".to_owned())
    } else {
        Ok(sequence(tag, &parts))
    }
}

fn item(rest: &mut &str) -> Result<Vec<u8>, String> {
    let end = rest.find([')', '(']).ok_or("it does not end")?;
    let (text, behind) = rest.split_at(end);
    let (left, value) = text.split_once('=').ok_or_else(|| format!("'{text}' has no ="))?;
    let (tag, attribute) = match left.as_bytes().last() {
        Some(b'>') => (0xa5, &left[..left.len() - 1]),
        Some(b'<') => (0xa6, &left[..left.len() - 1]),
        Some(b'~') => (0xa8, &left[..left.len() - 1]),
        _ => (0xa3, left),
    };
    *rest = behind;
    if let Some((attribute, rule)) = attribute.split_once(":") {
        return matching_rule(attribute, rule, value);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_');
    if attribute.is_empty() || !attribute.chars().all(plain) {
        return Err(format!("'{attribute}' is not the name of an attribute"));
    }
    let name = element(OCTET_STRING, attribute.as_bytes());
    if tag == 0xa3 && value == "*" {
        return Ok(element(0x87, attribute.as_bytes()));
    }
    if tag == 0xa3 && value.contains('*') {
        return Ok(sequence(0xa4, &[name, substrings(value)?]));
    }
    Ok(sequence(tag, &[name, element(OCTET_STRING, &unescaped(value)?)]))
}

/// `attribute:rule:=value`, as Active Directory asks for nested groups.
fn matching_rule(attribute: &str, rule: &str, value: &str) -> Result<Vec<u8>, String> {
    let rule = rule.strip_suffix(':').ok_or("a matching rule ends with :=")?;
    let (rule, dn) = match rule.strip_prefix("dn") {
        Some(rest) => (rest.strip_prefix(':').unwrap_or(rest), true),
        None => (rule, false),
    };
    let mut parts = Vec::new();
    if !rule.is_empty() {
        parts.push(element(0x81, rule.as_bytes()));
    }
    if !attribute.is_empty() {
        parts.push(element(0x82, attribute.as_bytes()));
    }
    parts.push(element(0x83, &unescaped(value)?));
    if dn {
        parts.push(element(0x84, &[0xff]));
    }
    Ok(sequence(0xa9, &parts))
}

fn substrings(value: &str) -> Result<Vec<u8>, String> {
    let pieces: Vec<&str> = value.split('*').collect();
    let last = pieces.len() - 1;
    let mut parts = Vec::new();
    for (at, piece) in pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
        let tag = if at == 0 {
            0x80
        } else if at == last {
            0x82
        } else {
            0x81
        };
        parts.push(element(tag, &unescaped(piece)?));
    }
    Ok(sequence(super::ber::SEQUENCE, &parts))
}

fn unescaped(value: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(
            escaped.ok_or_else(|| format!("\\ in '{value}' is not followed by two hexadecimal digits"))?,
        );
        rest = &rest[2..];
    }
    Ok(bytes)
}

/// `TRUE`, for requests.
pub(super) fn boolean(value: bool) -> Vec<u8> {
    element(BOOLEAN, &[if value { 0xff } else { 0 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn an_address_cannot_become_a_part_of_the_filter() {
        let evil = address("\"a*)(uid=*\"@example.org");
        let text = filled("(|(mail={address})(uid={local}))", &evil);
        assert_eq!(text.matches('(').count(), 3, "{text}");
        assert!(!text.contains('*'), "{text}");
        assert!(encoded(&text).is_ok(), "{text}");
        let braces = address("{domain}@example.org");
        assert_eq!(filled("(uid={local})", &braces), "(uid=\\7bdomain\\7d)");
        assert_eq!(filled("(a={domain})", &address("x@example.org")), "(a=example.org)");
    }

    #[test]
    fn filters_are_sent_as_rfc_4511_has_them() {
        let hex = |filter: &str| {
            encoded(filter).map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        };
        assert_eq!(hex("(a=b)").as_deref(), Ok("a306040161040162"));
        assert_eq!(hex("(a=*)").as_deref(), Ok("870161"));
        assert_eq!(hex("(a=b*c*d)").as_deref(), Ok("a40e0401613009800162810163820164"));
        assert_eq!(hex("(&(a=b)(!(c>=d)))").as_deref(), Ok("a012a306040161040162a208a506040163040164"));
        assert_eq!(hex(r"(a=\2a)").as_deref(), Ok("a30604016104012a"));
        assert_eq!(hex("(m:1.2:=x)").as_deref(), Ok("a90b8103312e3282016d830178"));
        for bad in ["", "a=b", "(a=b", "(a)", "(&)", "(=b)", "(a=b))", r"(a=\2)", "(a b=c)"] {
            assert!(encoded(bad).is_err(), "{bad}");
        }
        assert!(encoded(&format!("{}(a=b){}", "(!".repeat(40), ")".repeat(40))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(filter in "[()&|!a=*:<>~\\\\0-9é]{0,40}") {
            let _ = encoded(&filter);
        }
    }
}
