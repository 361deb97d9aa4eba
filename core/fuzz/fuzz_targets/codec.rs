//! Any bytes as messages: the reader, the parsers and the encoders.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = millstream::testing::frames::codec(bytes);
});
