//! Any bytes as what a client says: a server's whole dispatch.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = millstream::testing::frames::kv(bytes);
});
