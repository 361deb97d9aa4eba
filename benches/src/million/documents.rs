//! The documents, each made from its number, and the check that all of them came back once.

use super::Failure;

/// Makes documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Documents {
    pub(crate) value_bytes: usize,
}

/// Bytes of every key.
pub(crate) const KEY_BYTES: usize = 16;
const PREFIX: &[u8; 8] = b"million:";

/// A document's key.
pub(crate) fn key(number: u64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(PREFIX);
    let mut rest = number;
    for digit in key[8..].iter_mut().rev() {
        // Lossless: below ten.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// The number of a document with this key.
pub(crate) fn number(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(PREFIX).filter(|digits| digits.len() == 8)?;
    digits.iter().try_fold(0, |number: u64, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

impl Documents {
    /// A value that no compression makes smaller, which `number` alone decides.
    pub(crate) fn value(self, number: u64) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.value_bytes + 7);
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        while value.len() < self.value_bytes {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value.extend_from_slice(&(mixed ^ (mixed >> 29)).to_le_bytes());
        }
        value.truncate(self.value_bytes);
        value
    }

    /// Documents of a range of numbers.
    pub(crate) fn range(
        self,
        numbers: core::ops::Range<u64>,
    ) -> impl Iterator<Item = ([u8; KEY_BYTES], Vec<u8>)> {
        numbers.map(move |number| (key(number), self.value(number)))
    }
}

/// Which documents of a range came.
#[derive(Debug)]
pub(crate) struct Seen {
    first: u64,
    bits: Vec<u64>,
    wanted: u64,
    count: u64,
    bytes: u64,
}

impl Seen {
    pub(crate) fn new(numbers: core::ops::Range<u64>) -> Self {
        let wanted = numbers.end - numbers.start;
        let bits = vec![0; wanted.div_ceil(64) as usize];
        Self { first: numbers.start, bits, wanted, count: 0, bytes: 0 }
    }

    /// A document came.
    pub(crate) fn note(&mut self, key: &[u8], value: &[u8]) -> Result<u64, Failure> {
        let number = number(key).filter(|n| (self.first..self.first + self.wanted).contains(n));
        let Some(number) = number else {
            return Err(format!(
                "a key that was never written: {:?}",
                key.escape_ascii().to_string()
            )
            .into());
        };
        let at = number - self.first;
        let (word, bit) = (&mut self.bits[(at / 64) as usize], 1 << (at % 64));
        if *word & bit != 0 {
            return Err(format!("document {number} came twice").into());
        }
        *word |= bit;
        self.count += 1;
        self.bytes += (key.len() + value.len()) as u64;
        Ok(number)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.count == self.wanted
    }

    /// Documents and bytes, if all came.
    pub(crate) fn finish(&self) -> Result<(u64, u64), Failure> {
        if self.is_complete() {
            return Ok((self.count, self.bytes));
        }
        let missing =
            (0..self.wanted).find(|at| self.bits[(at / 64) as usize] >> (at % 64) & 1 == 0);
        let example = missing.map_or(0, |at| self.first + at);
        Err(format!("{} of {} documents came; {example} is missing", self.count, self.wanted)
            .into())
    }
}
