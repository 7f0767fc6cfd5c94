//! Numbers and texts one after another: how a digest is written and read back.

/// Appends values.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// A number; small ones are short.
    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number that may be negative.
    pub(super) fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.number(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// Bytes that need not be there.
    pub(super) fn optional(&mut self, value: Option<&[u8]>) {
        self.number(value.map_or(0, |value| value.len() as u64 + 1));
        self.0.extend_from_slice(value.unwrap_or_default());
    }

    /// What another has written, as one value.
    pub(super) fn block(&mut self, block: &Writer) {
        self.bytes(&block.0);
    }

    /// What another has written, if it has.
    pub(super) fn optional_block(&mut self, block: Option<&Writer>) {
        self.optional(block.map(|block| &block.0[..]));
    }
}

/// Takes values off in the order in which they were written. After the end, or in a damaged record, all is zero and
/// empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn number(&mut self) -> u64 {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some((&byte, rest)) = self.0.split_first() else { return 0 };
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
        }
        self.0 = &[];
        0
    }

    pub(super) fn signed(&mut self) -> i64 {
        let value = self.number();
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = self.number();
        self.take(len)
    }

    pub(super) fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    pub(super) fn optional(&mut self) -> Option<&'a [u8]> {
        let len = self.number();
        (len > 0).then(|| self.take(len - 1))
    }

    fn take(&mut self, len: u64) -> &'a [u8] {
        let split = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let (taken, rest) = split.unwrap_or_default();
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number in any::<u64>(), signed in any::<i64>(), bytes in any::<Option<Vec<u8>>>()) {
            let mut writer = Writer::default();
            writer.number(number);
            writer.optional(bytes.as_deref());
            writer.signed(signed);
            writer.bytes(bytes.as_deref().unwrap_or_default());
            let mut reader = Reader(&writer.0);
            prop_assert_eq!(reader.number(), number);
            prop_assert_eq!(reader.optional(), bytes.as_deref());
            prop_assert_eq!(reader.signed(), signed);
            prop_assert_eq!(reader.bytes(), bytes.as_deref().unwrap_or_default());
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn damage_is_read_as_nothing(bytes in any::<Vec<u8>>()) {
            let mut reader = Reader(&bytes);
            for _ in 0..10 {
                let _ = (reader.number(), reader.optional(), reader.text(), reader.signed());
            }
        }
    }
}
