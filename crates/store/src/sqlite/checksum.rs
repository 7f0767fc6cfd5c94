//! Has a bit turned over on the disk? CRC-32C (RFC 3720 appendix B.4), eight bytes at a time.

const POLYNOMIAL: u32 = 0x82f6_3b78;
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0_u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    // The other lanes are made from lane 0, so it must be whole before.
    let mut byte = 0;
    while byte < 256 {
        let mut crc = tables[0][byte];
        let mut lane = 1;
        while lane < 8 {
            crc = (crc >> 8) ^ tables[0][(crc & 0xff) as usize];
            tables[lane][byte] = crc;
            lane += 1;
        }
        byte += 1;
    }
    tables
}

/// The checksum of bytes that come in pieces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum(u32);

impl Checksum {
    pub(super) fn new() -> Self {
        Checksum(!0)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        let mut crc = self.0;
        for chunk in chunks {
            let [a, b, c, d, e, f, g, h] = (u64::from_le_bytes(*chunk) ^ u64::from(crc)).to_le_bytes();
            let at = |lane: usize, byte: u8| TABLES[lane][usize::from(byte)];
            crc = at(7, a) ^ at(6, b) ^ at(5, c) ^ at(4, d) ^ at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
        }
        for byte in rest {
            crc = (crc >> 8) ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
        }
        self.0 = crc;
    }

    pub(super) fn value(self) -> u32 {
        !self.0
    }
}

/// The checksum of two texts in a row, from the checksum of each and the length of the second.
///
/// A zero bit more is a linear map of the 32 bits of a checksum; so are two, four and eight times as many, by squaring.
pub(super) fn join(first: u32, second: u32, second_len: u64) -> u32 {
    let apply = |map: &[u32; 32], bits: u32| {
        (0..32).filter(|bit| bits >> bit & 1 == 1).fold(0, |sum, bit: usize| sum ^ map[bit])
    };
    let square = |map: &[u32; 32]| map.map(|bits| apply(map, bits));
    let one_bit: [u32; 32] = std::array::from_fn(|bit| if bit == 0 { POLYNOMIAL } else { 1 << (bit - 1) });
    let mut map = square(&square(&square(&one_bit)));
    let (mut sum, mut left) = (first, second_len);
    while left > 0 {
        if left & 1 == 1 {
            sum = apply(&map, sum);
        }
        map = square(&map);
        left >>= 1;
    }
    sum ^ second
}

/// The checksum of these bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = Checksum::new();
    sum.update(bytes);
    sum.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_values() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn checksums_are_joined() {
        let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        for cut in [0, 1, 7, 255, 256, 65_536, 69_999, 70_000] {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(
                join(checksum(first), checksum(second), second.len() as u64),
                checksum(&bytes),
                "{cut}"
            );
        }
    }

    #[test]
    fn pieces_sum_to_the_whole() {
        let bytes: Vec<u8> = (0..=255).collect();
        for cut in 0..bytes.len() {
            let mut sum = Checksum::new();
            sum.update(&bytes[..cut]);
            sum.update(&bytes[cut..]);
            assert_eq!(sum.value(), checksum(&bytes));
        }
    }
}
