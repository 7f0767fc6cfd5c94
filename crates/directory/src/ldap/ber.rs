//! The few shapes of BER that LDAP needs (RFC 4511 section 5.1): definite lengths, one byte of tag.

/// Bytes of one message at most.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;

/// One element: its tag, and what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element<'b> {
    pub(super) tag: u8,
    pub(super) content: &'b [u8],
}

/// Writes an element around its content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len();
    if length < 0x80 {
        bytes.push(u8::try_from(length).unwrap_or(0x7f));
    } else {
        let digits = length.to_be_bytes();
        let first = digits.iter().position(|&digit| digit != 0).unwrap_or(digits.len() - 1);
        let digits = &digits[first..];
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        bytes.extend_from_slice(digits);
    }
    bytes.extend_from_slice(content);
    bytes
}

/// Writes an element of elements.
pub(super) fn sequence(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// Writes a whole number that is not negative.
pub(super) fn integer(tag: u8, value: u32) -> Vec<u8> {
    let digits = value.to_be_bytes();
    let first = digits.iter().position(|&digit| digit != 0).unwrap_or(3);
    let mut content = Vec::new();
    if digits[first] & 0x80 != 0 {
        content.push(0);
    }
    content.extend_from_slice(&digits[first..]);
    element(tag, &content)
}

/// How long the first element is in all: nothing if more must be read to know, an error if it cannot be one of ours.
pub(super) fn whole(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let Some((head, length)) = head(bytes)? else { return Ok(None) };
    match head.checked_add(length) {
        Some(whole) if whole <= MESSAGE_BYTES_MAX => Ok(Some(whole)),
        _ => Err(()),
    }
}

/// Takes the first element off.
pub(super) fn take<'b>(bytes: &mut &'b [u8]) -> Option<Element<'b>> {
    let (head, length) = head(bytes).ok()??;
    let tag = *bytes.first()?;
    let content = bytes.get(head..head.checked_add(length)?)?;
    *bytes = &bytes[head + length..];
    Some(Element { tag, content })
}

impl<'b> Element<'b> {
    /// The elements in it, as far as they can be read.
    pub(super) fn parts(self) -> impl Iterator<Item = Element<'b>> {
        let mut rest = self.content;
        std::iter::from_fn(move || take(&mut rest))
    }

    /// The number in it.
    pub(super) fn number(self) -> Option<u32> {
        let content = match self.content {
            [0, rest @ ..] if !rest.is_empty() => rest,
            content => content,
        };
        if content.is_empty() || content.len() > 4 {
            return None;
        }
        Some(content.iter().fold(0, |sum, &digit| sum << 8 | u32::from(digit)))
    }

    /// The text in it.
    pub(super) fn text(self) -> Option<&'b str> {
        std::str::from_utf8(self.content).ok()
    }
}

/// Bytes before the content, and bytes of the content.
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>, ()> {
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(());
    }
    if first < 0x80 {
        return Ok(Some((2, usize::from(first))));
    }
    let digits = usize::from(first & 0x7f);
    if digits == 0 || digits > 4 {
        return Err(());
    }
    let Some(digits) = bytes.get(2..2 + digits) else { return Ok(None) };
    let length = digits.iter().fold(0_usize, |sum, &digit| sum << 8 | usize::from(digit));
    Ok(Some((2 + digits.len(), length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let bytes = element(OCTET_STRING, &vec![7; length]);
            assert_eq!(whole(&bytes), Ok(Some(bytes.len())), "{length}");
            let mut rest = bytes.as_slice();
            assert_eq!(take(&mut rest).unwrap().content.len(), length);
            assert!(rest.is_empty());
        }
        for value in [0, 1, 127, 128, 255, 256, 65_535, u32::MAX] {
            let bytes = integer(INTEGER, value);
            assert_eq!(take(&mut bytes.as_slice()).unwrap().number(), Some(value));
        }
    }

    #[test]
    fn what_is_too_long_or_has_no_length_is_refused() {
        assert_eq!(whole(&[0x30]), Ok(None));
        assert_eq!(whole(&[0x30, 0x82, 0x01]), Ok(None));
        assert_eq!(whole(&[0x30, 0x80]), Err(()));
        assert_eq!(whole(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(()));
        assert_eq!(whole(&[0x3f, 0x01]), Err(()));
        assert!(take(&mut &[0x04, 0x05, 0x01][..]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let _ = whole(&bytes);
            let mut rest = bytes.as_slice();
            while let Some(element) = take(&mut rest) {
                let _ = (element.number(), element.text(), element.parts().count());
            }
        }
    }
}
