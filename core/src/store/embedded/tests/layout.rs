//! The layout, byte for byte: a change of any of these needs a new layout number.

use super::doc;
use crate::store::embedded::keys::{
    Gen, commit_key, counters_key, dead_key, dead_of, doc_key, failover_key, seq_key, seqno_of,
};
use crate::store::embedded::values::{
    Counters, decode_counters, decode_failover, decode_newest, decode_record, decode_superseded,
    encode_counters, encode_failover, encode_newest, encode_record, encode_superseded,
};
use crate::types::{Cas, FailoverEntry, Seqno, VbId, VbState, VbUuid};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const VB: VbId = VbId(0x0102);
const GENERATION: Gen = Gen(3);

#[test]
fn keys() {
    let key = seq_key(VB, GENERATION, Seqno(0x0A0B));
    assert_eq!(hex(&key), "0102000000030000000000000a0b");
    assert_eq!(seqno_of(&key).unwrap(), Seqno(0x0A0B));
    let mut key = vec![1, 2, 3];
    doc_key(VB, GENERATION, b"k", &mut key);
    assert_eq!(hex(&key), "0102000000036b");
    assert_eq!(hex(&counters_key(VB)), "010102");
    assert_eq!(hex(&failover_key(VB)), "020102");
    assert_eq!(hex(&dead_key(VB, GENERATION)), "03010200000003");
    assert_eq!(dead_of(&dead_key(VB, GENERATION)).unwrap(), (VB, GENERATION));
    assert_eq!(hex(&commit_key(5)), "040000000000000005");
}

#[test]
fn versions() {
    let record = doc(7, "key");
    let (key, mut value) = (seq_key(VB, GENERATION, Seqno(7)), Vec::new());
    encode_record(&key, &record, &mut value);
    let meta = "01020304050607080000000000000009a0b0c0d0000000050100";
    assert_eq!(hex(&value[..33]), format!("{meta}00036b65797b7d"));
    assert_eq!(hex(&value[33..]), "164ad6b2");
    assert_eq!(decode_record(&key, &value).unwrap(), record);
    let mut key = Vec::new();
    doc_key(VB, GENERATION, b"key", &mut key);
    encode_newest(&key, &record.meta, &mut value);
    assert_eq!(hex(&value[..34]), format!("0000000000000007{meta}"));
    assert_eq!(hex(&value[34..]), "0bb44316");
    assert_eq!(decode_newest(&key, &value).unwrap(), record.meta);
    let key = seq_key(VB, GENERATION, Seqno(7));
    let value = encode_superseded(&key, Seqno(8));
    assert_eq!(hex(&value), "0000000000000008dc7d4787");
    assert_eq!(decode_superseded(&key, &value).unwrap(), Seqno(8));
}

#[test]
fn counters() {
    let counters = Counters {
        change: 1,
        generation: Gen(2),
        state: VbState::Replica,
        failover_entries: 3,
        high: Seqno(4),
        last: Seqno(5),
        purge: Seqno(6),
        horizon: Seqno(7),
        cas_max: Cas(8),
        items: 9,
        keys: 10,
        superseded: 11,
    };
    let mut value = Vec::new();
    encode_counters(VB, &counters, &mut value);
    let numbers: String = (4..=11).map(|n| format!("{n:016x}")).collect();
    assert_eq!(hex(&value[..78]), format!("0000000000000001000000020203{numbers}"));
    assert_eq!(hex(&value[78..]), "4ad31db2");
    assert_eq!(decode_counters(&counters_key(VB), &value).unwrap(), (VB, counters));
}

#[test]
fn failover_log() {
    let entry = |uuid, seqno| FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) };
    let log = vec![entry(0xAA, 9), entry(0xBB, 0)];
    let mut value = Vec::new();
    encode_failover(VB, &log, &mut value);
    let entries = "00000000000000aa000000000000000900000000000000bb0000000000000000";
    assert_eq!(hex(&value[..32]), entries);
    assert_eq!(hex(&value[32..]), "2153153f");
    assert_eq!(decode_failover(VB, 2, &value).unwrap(), log);
    assert!(decode_failover(VB, 1, &value).is_err(), "an entry more than counted");
}

#[test]
fn a_flipped_bit_is_found_in_every_value() {
    let record = doc(7, "key");
    let (key, mut value) = (seq_key(VB, GENERATION, Seqno(7)), Vec::new());
    encode_record(&key, &record, &mut value);
    for bit in 0..value.len() * 8 {
        let mut damaged = value.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let e = decode_record(&key, &damaged).unwrap_err();
        assert!(e.to_string().contains("vb 258: entry 7 is damaged"), "{e}");
    }
    for cut in 0..value.len() {
        assert!(decode_record(&key, &value[..cut]).is_err(), "cut at {cut}");
    }
    let elsewhere = seq_key(VB, GENERATION, Seqno(8));
    assert!(decode_record(&elsewhere, &value).is_err(), "in a wrong place");
}
