//! How a line of a script is read.

/// `*` stands for anything but as the first character, where answers have it themselves.
pub fn fits(line: &str, pattern: &str) -> bool {
    let (first, rest) = pattern.split_at_checked(1).unwrap_or((pattern, ""));
    let Some(mut left) = line.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*');
    let Some(tail) = pieces.next().and_then(|head| left.strip_prefix(head)) else { return false };
    left = tail;
    let pieces: Vec<&str> = pieces.collect();
    for (index, piece) in pieces.iter().enumerate() {
        let last = index + 1 == pieces.len();
        left = match if last {
            left.strip_suffix(piece).map(|_| "")
        } else {
            left.split_once(piece).map(|two| two.1)
        } {
            Some(left) => left,
            None => return false,
        };
    }
    left.is_empty()
}

/// `\r`, `\n`, `\0` and `{N*text}` stand for what they say.
pub fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['\\', '{']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let here = &rest[at..];
        let repeated = here.strip_prefix('{').and_then(|inner| {
            let (inner, after) = inner.split_once('}')?;
            let (count, what) = inner.split_once('*')?;
            Some((what.repeat(count.parse().ok()?), after))
        });
        rest = match (&here[..here.len().min(2)], repeated) {
            (_, Some((text, after))) => {
                out.extend_from_slice(text.as_bytes());
                after
            }
            ("\\r", _) => {
                out.push(b'\r');
                &here[2..]
            }
            ("\\n", _) => {
                out.push(b'\n');
                &here[2..]
            }
            ("\\0", _) => {
                out.push(0);
                &here[2..]
            }
            _ => {
                out.push(here.as_bytes()[0]);
                &here[1..]
            }
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
