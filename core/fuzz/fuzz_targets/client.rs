//! Any bytes as what a server says: clients refuse them or read them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = millstream::testing::frames::client(bytes);
});
