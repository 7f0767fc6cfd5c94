//! How are flags and folders named in a Maildir++ directory?

use crate::mailbox::{Flags, SystemFlag};

/// The letter of each flag behind `:2,`, in order.
const LETTERS: [(char, SystemFlag); 5] = [
    ('D', SystemFlag::Draft),
    ('F', SystemFlag::Flagged),
    ('R', SystemFlag::Answered),
    ('S', SystemFlag::Seen),
    ('T', SystemFlag::Deleted),
];
/// The keyword that `P` (passed) stands for.
const FORWARDED: &str = "$forwarded";
/// What begins the flags in a file name.
const INFO: &str = ":2,";
/// Keywords that a folder can name, by a letter from `a`.
pub const KEYWORDS_MAX: usize = 26;

/// The flags of a file name, `keywords` being those that the folder's letters stand for.
pub fn flags(file_name: &str, keywords: &[String]) -> Flags {
    let mut flags = Flags::NONE;
    let Some((_, letters)) = file_name.rsplit_once(INFO) else { return flags };
    for letter in letters.chars() {
        if let Some((_, flag)) = LETTERS.iter().find(|(known, _)| *known == letter) {
            flags = flags.with(&Flags::of(*flag));
        } else if letter == 'P' {
            flags.keywords.insert(FORWARDED.to_owned());
        } else if letter.is_ascii_lowercase() {
            let place = usize::from(letter as u8 - b'a');
            flags.keywords.extend(
                keywords.get(place).filter(|known| !known.is_empty()).map(|known| known.to_lowercase()),
            );
        }
    }
    flags
}

/// What stands behind a file name for these flags. New keywords get letters while there are any; whether all had one.
pub fn info(flags: &Flags, keywords: &mut Vec<String>) -> (String, bool) {
    let mut letters: Vec<char> =
        LETTERS.iter().filter(|(_, flag)| flags.has(*flag)).map(|(letter, _)| *letter).collect();
    let mut all = true;
    for keyword in &flags.keywords {
        if keyword == FORWARDED {
            letters.push('P');
            continue;
        }
        let known = keywords.iter().position(|known| known == keyword);
        let place = known.or_else(|| {
            (keywords.len() < KEYWORDS_MAX).then(|| {
                keywords.push(keyword.clone());
                keywords.len() - 1
            })
        });
        match place.and_then(|place| u8::try_from(place).ok()) {
            Some(place) => letters.push(char::from(b'a' + place)),
            None => all = false,
        }
    }
    letters.sort_unstable();
    (format!("{INFO}{}", letters.into_iter().collect::<String>()), all)
}

/// The keywords of a `dovecot-keywords` file: a number and a keyword in each line.
pub fn keywords(text: &str) -> Vec<String> {
    let mut keywords: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some((number, keyword)) = line.split_once(' ') else { continue };
        let Some(place) = number.parse().ok().filter(|place: &usize| *place < KEYWORDS_MAX) else { continue };
        if keywords.len() <= place {
            keywords.resize(place + 1, String::new());
        }
        keyword.trim().clone_into(&mut keywords[place]);
    }
    keywords
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_there_and_back() {
        let mut names = Vec::new();
        let mut flags_now = Flags::of(SystemFlag::Seen).with(&Flags::of(SystemFlag::Flagged));
        flags_now.keywords.extend(["$forwarded".to_owned(), "work".to_owned()]);
        let (text, all) = info(&flags_now, &mut names);
        assert_eq!((text.as_str(), all), (":2,FPSa", true));
        assert_eq!(flags(&format!("1.x{text}"), &names), flags_now);
        assert_eq!(flags("1.x", &names), Flags::NONE);
        assert_eq!(flags("1.x:2,z!", &names), Flags::NONE);
    }

    #[test]
    fn a_letter_that_stands_for_nothing_is_no_keyword() {
        let names = keywords("0 one\n2 three\n");
        let found = flags("1.x:2,abc", &names).keywords;
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["one", "three"]);
    }

    #[test]
    fn there_are_so_many_letters_and_no_more() {
        let mut names = Vec::new();
        let many = Flags { system: 0, keywords: (0..30).map(|n| format!("k{n:02}")).collect() };
        assert_eq!(info(&many, &mut names), (format!(":2,{}", ('a'..='z').collect::<String>()), false));
    }

    #[test]
    fn keywords_are_read_by_their_numbers() {
        assert_eq!(keywords("1 Work\n0 $Junk\nx y\n99 z\n"), ["$Junk", "Work"]);
    }
}
