//! Keywords of JMAP are flags of the store (RFC 8621 section 4.1.1).

use mail::{Flags, SystemFlag};
use serde_json::{Map, Value};

/// Bytes of a keyword at most.
const KEYWORD_BYTES_MAX: usize = 255;

/// The flags as keywords; `\Deleted` is none.
pub(crate) fn keywords(flags: &Flags) -> Value {
    let system = SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag)).filter_map(SystemFlag::jmap);
    let all = system.map(str::to_owned).chain(flags.keywords.iter().cloned());
    all.map(|keyword| (keyword, true.into())).collect::<Map<_, _>>().into()
}

/// The flag of a keyword; `None` if it cannot be one.
pub(crate) fn flag(keyword: &str) -> Option<Flags> {
    let keyword = keyword.to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"(){]%*\"\\".contains(&byte);
    if keyword.is_empty() || keyword.len() > KEYWORD_BYTES_MAX || !keyword.bytes().all(is_plain) {
        return None;
    }
    let system = SystemFlag::ALL.into_iter().find(|flag| flag.jmap() == Some(&keyword));
    Some(match system {
        Some(flag) => Flags::of(flag),
        None => Flags { keywords: [keyword].into(), ..Flags::NONE },
    })
}

/// The flags of an object of keywords, each `true`; the wrong one otherwise.
pub(crate) fn flags(keywords: &Map<String, Value>) -> Result<Flags, String> {
    let mut flags = Flags::NONE;
    for (keyword, is) in keywords {
        match flag(keyword).filter(|_| *is == true) {
            Some(flag) => flags = flags.with(&flag),
            None => return Err(keyword.clone()),
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keywords_are_the_same_in_every_case() {
        let given = json!({ "$Seen": true, "$forwarded": true, "Custom": true });
        let flags = flags(given.as_object().unwrap()).unwrap();
        assert!(flags.has(SystemFlag::Seen));
        assert_eq!(keywords(&flags), json!({ "$seen": true, "$forwarded": true, "custom": true }));
        let deleted = Flags::of(SystemFlag::Deleted).with(&Flags::of(SystemFlag::Draft));
        assert_eq!(keywords(&deleted), json!({ "$draft": true }));
        for wrong in ["", "a b", "\\seen", "ä", "a*", &"x".repeat(256)] {
            assert_eq!(flag(wrong), None, "{wrong}");
        }
        assert_eq!(super::flags(json!({ "a": false }).as_object().unwrap()), Err("a".to_owned()));
    }
}
