//! Any bytes as a request for a stream.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = millstream::testing::frames::stream_request(bytes);
});
