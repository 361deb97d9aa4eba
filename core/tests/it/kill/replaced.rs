//! Versions that were replaced before they reached the store are never there again: a vbucket cannot be taken back to
//! where they were the newest, also not by whoever opens the store after a kill.

use super::{VBUCKETS, serve};
use millstream::Engine;
use millstream::client::{ConnectSettings, KvClient, WriteOptions};
use millstream::engine::EngineSettings;
use millstream::error::ErrorKind;
use millstream::store::{EmbeddedOptions, EmbeddedStore};
use millstream::types::{Seqno, VbId};
use millstream::wire::vbucket_of;
use std::time::Duration;

/// Keys that are written twice, one write behind the other.
const PAIRS: u32 = 400;
const LONG: Duration = Duration::from_secs(60);

/// The last key of each vbucket; its writes are the vbucket's last two.
fn last_keys() -> Vec<String> {
    let mut last = vec![String::new(); usize::from(VBUCKETS)];
    for n in 0..PAIRS {
        let key = format!("key {n}");
        let vb = vbucket_of(key.as_bytes(), u32::from(VBUCKETS));
        last[usize::from(vb.get())] = key;
    }
    last
}

/// Writes every key twice to a server that answers when all is persisted. The last seqno of each vbucket.
async fn write_twice(address: &str) -> Vec<Seqno> {
    let mut client =
        KvClient::connect(&ConnectSettings::new(address, "default")).await.expect("it is there");
    let both = |n| ["first", "second"].map(|value| (format!("key {n}"), value));
    let report = client
        .set_many((0..PAIRS).flat_map(both), WriteOptions::default())
        .await
        .expect("it writes");
    assert_eq!(report.stored, u64::from(2 * PAIRS), "{:?}", report.failed.first());
    let high = client.all_vb_seqnos().await.expect("it answers");
    assert!(high.iter().map(|(vb, _)| vb.get()).eq(0..VBUCKETS), "{high:?}");
    high.into_iter().map(|(_, seqno)| seqno).collect()
}

#[tokio::test]
async fn a_seqno_inside_a_commit_is_refused_after_a_kill() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let data = folder.path().join("data");
    super::young::make(&data).await;
    let server = serve(&data, true);
    let last = write_twice(&server.address).await;
    server.kill();
    let store =
        EmbeddedStore::open(&data, EmbeddedOptions::new(u32::from(VBUCKETS))).expect("a store");
    let mut settings = EngineSettings::default();
    settings.purge_after = None;
    let engine = Engine::builder(store).settings(settings).open().expect("an engine");
    let mut refused = 0;
    for ((vb, last), key) in (0..VBUCKETS).map(VbId).zip(last).zip(last_keys()) {
        let left: &[u8] = match engine.roll_back(vb, Seqno(last.0 - 1)) {
            Ok(branch) => {
                assert_eq!(branch.seqno, Seqno(last.0 - 1));
                b"first"
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
                refused += 1;
                b"second"
            }
        };
        let found = engine.session("test").get(key.as_bytes()).expect("it answers");
        assert_eq!(found.map(|record| record.value).as_deref(), Some(left), "vb {vb}");
    }
    assert!(refused > 0, "no two versions came into one commit, which proves little");
    engine.shutdown();
    assert!(engine.quiesce_blocking(LONG).expect("it ends").clean);
}
