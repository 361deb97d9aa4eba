//! From key to vbucket.

/// The vbucket of a key (without its collection id) among `vbuckets`: bits 16 to 30 of its CRC-32, modulo.
///
/// # Panics
/// When `vbuckets` is 0.
///
/// # Examples
/// ```
/// # use millstream::wire::vbucket_of;
/// assert_eq!(vbucket_of(b"foo", 1024).get(), 115);
/// ```
#[must_use]
pub fn vbucket_of(key: &[u8], vbuckets: u32) -> crate::types::VbId {
    let hash = (crc32(key) >> 16) & 0x7fff;
    // Lossless: the hash has 15 bits.
    crate::types::VbId((hash % vbuckets) as u16)
}

/// CRC-32 (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// What each byte does to the remainder.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { REVERSED_POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

const REVERSED_POLYNOMIAL: u32 = 0xedb8_8320;
