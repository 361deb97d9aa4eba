//! Frames without end, made of valid ones.

use super::random::Random;
use super::seeds::Seed;
use crate::wire::{HEADER_BYTES, Opcode};

/// Makes frames without end: valid ones, some of them with wrong parts, wrong lengths, or cut short.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
    seeds: Vec<Seed>,
}

impl Generator {
    /// Makes frames of these seeds.
    ///
    /// # Panics
    /// Without seeds.
    #[must_use]
    pub fn new(seed: u64, seeds: Vec<Seed>) -> Self {
        assert!(!seeds.is_empty(), "frames are made of something");
        Self { random: Random::new(seed), seeds }
    }

    /// Its numbers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Appends one frame.
    pub fn frame(&mut self, out: &mut Vec<u8>) {
        let at = self.random.below(self.seeds.len());
        let mut seed = self.seeds[at].clone();
        // One in four stays as it is; most others differ in their parts, so that they get past the header.
        match self.random.below(16) {
            0..4 => out.extend(seed.bytes()),
            4..11 => {
                for _ in 0..=self.random.below(3) {
                    self.change_part(&mut seed);
                }
                out.extend(seed.bytes());
            }
            11 | 12 => {
                let mut bytes = seed.bytes();
                self.lie(&mut bytes);
                out.extend(bytes);
            }
            13 => {
                let mut bytes = seed.bytes();
                bytes.truncate(self.random.below(bytes.len()));
                out.extend(bytes);
            }
            _ => {
                let mut bytes = seed.bytes();
                for _ in 0..=self.random.below(4) {
                    let at = self.random.below(bytes.len());
                    bytes[at] = self.byte(bytes[at]);
                }
                out.extend(bytes);
            }
        }
    }

    /// Changes a part; the lengths in the header will follow.
    fn change_part(&mut self, seed: &mut Seed) {
        match self.random.below(12) {
            0 => seed.header.vbucket_or_status = self.random.next_u64() as u16 % 20,
            1 => seed.header.vbucket_or_status = self.random.next_u64() as u16,
            2 => seed.header.cas.0 = self.number(),
            3 => seed.header.datatype.0 = self.random.next_u64() as u8 & 7,
            4 => seed.header.opcode = Opcode::ALL[self.random.below(Opcode::ALL.len())],
            5 => seed.header.opcode.0 = self.random.next_u64() as u8,
            6 | 7 => self.change_bytes(&mut seed.extras, 64),
            8 | 9 => self.change_bytes(&mut seed.key, 260),
            10 => self.change_bytes(&mut seed.value, 2048),
            _ => {
                let mut framing = core::mem::take(&mut seed.framing);
                self.change_bytes(&mut framing, 40);
                *seed = seed.clone().framing(&framing);
            }
        }
    }

    fn change_bytes(&mut self, part: &mut Vec<u8>, most: usize) {
        let at = self.random.below(part.len());
        match self.random.below(6) {
            0 => part.truncate(at),
            1 => part.resize(self.random.below(most), self.random.next_u64() as u8),
            2 => part.extend(self.number().to_be_bytes()),
            3 if part.len() >= 8 => {
                let at = at.min(part.len() - 8);
                part[at..at + 8].copy_from_slice(&self.number().to_be_bytes());
            }
            4 => {
                // Another frame's part in its place.
                let other = self.random.below(self.seeds.len());
                part.clone_from(&self.seeds[other].value);
            }
            _ => {
                if let Some(byte) = part.get_mut(at) {
                    *byte = self.byte(*byte);
                }
            }
        }
    }

    /// Makes the header say what is not so.
    fn lie(&mut self, bytes: &mut [u8]) {
        let lie = self.number();
        match self.random.below(5) {
            0 => bytes[8..12].copy_from_slice(&(lie as u32).to_be_bytes()),
            1 => bytes[2..4].copy_from_slice(&(lie as u16).to_be_bytes()),
            2 => bytes[4] = lie as u8,
            3 => bytes[0] = [0x80, 0x81, 0x08, 0x18, 0x82, 0x83, 0][self.random.below(7)],
            _ => {
                for byte in &mut bytes[..HEADER_BYTES] {
                    *byte = self.random.next_u64() as u8;
                }
            }
        }
    }

    fn byte(&mut self, byte: u8) -> u8 {
        match self.random.below(4) {
            0 => byte ^ (1 << self.random.below(8)),
            1 => byte.wrapping_add(1),
            2 => [0, 1, 0x7f, 0x80, 0xff][self.random.below(5)],
            _ => self.random.next_u64() as u8,
        }
    }

    /// A number at an edge, or any.
    fn number(&mut self) -> u64 {
        const MIB: u64 = 1 << 20;
        let edges = [0, 1, 255, 256, 65_535, 65_536, u64::MAX, i64::MAX as u64, u32::MAX as u64];
        let lengths = [20 * MIB, 20 * MIB + 506, 20 * MIB + 507, 64 * MIB, 64 * MIB + 1, 1 << 31];
        match self.random.below(4) {
            0 => edges[self.random.below(edges.len())],
            1 => lengths[self.random.below(lengths.len())],
            2 => self.random.next_u64() % 300,
            _ => self.random.next_u64(),
        }
    }
}
