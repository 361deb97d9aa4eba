//! A store is made while its server is in use already; the server is killed before it is done, or just after.

use super::serve;
use millstream::client::{ConnectSettings, KvClient, WriteOptions, Written};
use millstream::types::{Seqno, VbUuid};
use std::path::Path;

/// Writes to one key, so many times; the branch and seqno of the last one.
async fn write(address: &str, times: u32) -> (VbUuid, Seqno) {
    let settings = ConnectSettings::new(address, "default");
    let mut client = KvClient::connect(&settings).await.expect("the server is there");
    let mut last = (VbUuid::ZERO, Seqno::ZERO);
    for n in 0..times {
        let value = n.to_string();
        let written: Written =
            client.set(b"key", value.as_bytes(), WriteOptions::default()).await.expect("it writes");
        let token = written.token.expect("the server granted mutation tokens");
        assert!(token.seqno > last.1, "{token:?} after {last:?}");
        last = (token.uuid, token.seqno);
    }
    last
}

/// Makes the store in a folder, and something that is persisted in it.
pub(super) async fn make(data: &Path) {
    let server = serve(data, true);
    write(&server.address, 1).await;
    server.kill();
}

#[tokio::test]
async fn a_store_whose_making_was_killed_is_made_again_and_no_seqno_is_given_out_twice() {
    for times in [1, 20, 400, 4000] {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let data = folder.path().join("data");
        let mut before = (VbUuid::ZERO, Seqno::ZERO);
        for kill in 0..3 {
            let server = serve(&data, false);
            let first = write(&server.address, 1).await;
            assert!(first.1 > before.1, "kill {kill}: {first:?} after {before:?}");
            assert_ne!(first.0, before.0, "kill {kill}: on a branch of its own");
            before = write(&server.address, times).await;
            server.kill();
        }
        let server = serve(&data, true);
        let persisted = write(&server.address, 1).await;
        assert!(persisted.1 > before.1);
        server.kill();
        let server = serve(&data, false);
        let settings = ConnectSettings::new(&server.address, "default");
        let mut client = KvClient::connect(&settings).await.expect("the server is there");
        let document = client.get(b"key").await.expect("it answers").expect("it was persisted");
        assert_eq!(&document.value[..], b"0");
    }
}
