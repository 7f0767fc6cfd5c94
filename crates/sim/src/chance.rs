//! The only chance in the project: one small generator, and every draw follows from one seed.

use std::time::Duration;

/// A stream of numbers that follows from its seed alone (xoshiro256**, seeded by splitmix64).
#[derive(Clone, Debug)]
pub struct Chance {
    state: [u64; 4],
}

impl Chance {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        let state = std::array::from_fn(|_| splitmix(&mut z));
        Chance { state }
    }

    /// A stream of its own for one part of the world, so that what one part draws does not shift the others.
    pub fn fork(&mut self, part: &str) -> Chance {
        let seed = part
            .bytes()
            .fold(self.draw(), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Chance::new(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "a range has its lower end first");
        let span = (high - low).wrapping_add(1);
        if span == 0 { self.draw() } else { low + self.draw() % span }
    }

    /// As [`Chance::between`], for counts.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        let drawn = self.between(low as u64, high as u64);
        usize::try_from(drawn).expect("between two usizes, so one itself")
    }

    /// True in so many of a thousand cases.
    pub fn per_mille(&mut self, times: u32) -> bool {
        self.draw() % 1000 < u64::from(times)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.count(0, from.len() - 1)]
    }

    /// A time between the two.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.between(millis(low), millis(high)))
    }
}

fn splitmix(z: &mut u64) -> u64 {
    *z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut x = *z;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_the_whole_stream() {
        let draws = |seed| {
            let mut chance = Chance::new(seed);
            (0..100).map(|_| chance.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn a_fork_depends_on_its_name() {
        let fork = |part| Chance::new(1).fork(part).draw();
        assert_eq!(fork("dns"), fork("dns"));
        assert_ne!(fork("dns"), fork("peers"));
    }

    #[test]
    fn ranges_hold_both_ends() {
        let mut chance = Chance::new(3);
        let drawn: Vec<u64> = (0..1000).map(|_| chance.between(2, 4)).collect();
        assert!([2, 3, 4].iter().all(|n| drawn.contains(n)) && drawn.iter().all(|n| (2..=4).contains(n)));
        assert_eq!(chance.between(9, 9), 9);
        let hits = (0..10_000).filter(|_| chance.per_mille(250)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
