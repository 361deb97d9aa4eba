//! Keys and values.

/// Keys by number, without an allocation for each.
#[derive(Clone, Debug)]
pub struct Documents {
    key: [u8; 16],
    value: Vec<u8>,
}

impl Documents {
    /// Documents with values of that many bytes and keys of 16.
    #[must_use]
    pub fn of(value_bytes: usize) -> Self {
        Self { key: *b"key-000000000000", value: value_of(value_bytes) }
    }

    /// The key of that number, and a value that differs with it.
    pub fn nth(&mut self, n: u64) -> (&[u8], &[u8]) {
        let mut rest = n;
        for digit in self.key[4..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if let Some(first) = self.value.first_chunk_mut() {
            *first = n.to_ne_bytes();
        }
        (&self.key, &self.value)
    }
}

/// Bytes that do not compress.
#[must_use]
pub fn value_of(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| next()).collect()
}
