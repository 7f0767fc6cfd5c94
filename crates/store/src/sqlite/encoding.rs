//! How is a record written as bytes? Numbered fields, small, checked, open to fields of later versions.
//!
//! A record is a version byte, fields, and the CRC-32C of all before it. A field is `tag << 1 | kind` and then a
//! number (kind 0) or a length and that many bytes (kind 1); numbers take seven bits a byte, lowest first.
//! Readers skip tags that they do not know.

use thiserror::Error;

use super::checksum::checksum;

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 4;

/// Why bytes are not the record that they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{0}")]
pub(super) struct Damage(pub(super) &'static str);

/// Writes fields.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Writes a record.
    pub(super) fn record(fields: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer(Vec::with_capacity(96));
        writer.0.push(VERSION);
        fields(&mut writer);
        let sum = checksum(&writer.0);
        writer.0.extend_from_slice(&sum.to_le_bytes());
        writer.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    pub(super) fn number(&mut self, tag: u32, value: u64) {
        self.varint(u64::from(tag) << 1);
        self.varint(value);
    }

    pub(super) fn bytes(&mut self, tag: u32, value: &[u8]) {
        self.varint(u64::from(tag) << 1 | 1);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, tag: u32, value: &str) {
        self.bytes(tag, value.as_bytes());
    }

    pub(super) fn nested(&mut self, tag: u32, fields: impl FnOnce(&mut Writer)) {
        let mut inner = Writer(Vec::with_capacity(32));
        fields(&mut inner);
        self.bytes(tag, &inner.0);
    }
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn number<N: TryFrom<u64>>(self) -> Result<N, Damage> {
        match self {
            Value::Number(value) => value.try_into().map_err(|_| Damage("a number is too large")),
            Value::Bytes(_) => Err(Damage("there are bytes where a number should be")),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], Damage> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Number(_) => Err(Damage("there is a number where bytes should be")),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage("a text is not UTF-8"))
    }

    pub(super) fn nested(self) -> Result<Reader<'a>, Damage> {
        self.bytes().map(Reader)
    }
}

/// Reads fields: an iterator over tags and values, which ends after the first error.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Opens a record.
    pub(super) fn record(bytes: &'a [u8]) -> Result<Self, Damage> {
        let at = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(Damage("it is too short"))?;
        let (body, sum) = bytes.split_at(at);
        if checksum(body).to_le_bytes() != sum {
            return Err(Damage("its checksum is wrong"));
        }
        match body.split_first() {
            Some((&VERSION, fields)) => Ok(Reader(fields)),
            Some(_) => Err(Damage("its version is unknown")),
            None => Err(Damage("it is too short")),
        }
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Damage("it ends within a number"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage("a number does not end"))
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), Damage> {
        let key = self.varint()?;
        let number = self.varint()?;
        if key & 1 == 0 {
            return Ok((key >> 1, Value::Number(number)));
        }
        let length = usize::try_from(number).map_err(|_| Damage("a length is too large"))?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damage("it ends within a field"))?;
        self.0 = rest;
        Ok((key >> 1, Value::Bytes(bytes)))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<(u64, Value<'a>), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_come_back() {
        let record = Writer::record(|w| {
            w.number(1, u64::MAX);
            w.text(2, "a");
            w.nested(300, |w| w.number(7, 0));
        });
        let fields: Result<Vec<_>, _> = Reader::record(&record).unwrap().collect();
        let fields = fields.unwrap();
        assert_eq!(fields[0], (1, Value::Number(u64::MAX)));
        assert_eq!(fields[1], (2, Value::Bytes(b"a")));
        assert_eq!(fields[2].0, 300);
        assert_eq!(fields[2].1.nested().unwrap().next(), Some(Ok((7, Value::Number(0)))));
    }

    // proves: A19
    #[test]
    fn every_bit_is_guarded() {
        let record = Writer::record(|w| w.text(1, "someone@example.org"));
        for bit in 0..record.len() * 8 {
            let mut bad = record.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Reader::record(&bad).is_err(), "bit {bit}");
        }
    }

    proptest! {
            #[test]
            fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
    for field in Reader(&bytes) {
                    let _ = field.map(|(_, value)| value.nested().map(|inner| inner.flatten().last()));
                }
                let _ = Reader::record(&bytes).is_ok();
            }
        }
}
