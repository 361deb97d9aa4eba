//! Records whose keys and values lie one behind the other in one buffer.

use super::contract::Record;
use crate::types::DocMeta;
use bytes::Bytes;

/// Records in the making. They are copied in first and cut out afterwards: a count of who shares the buffer is raised
/// for each key and value, and a processor that does so in between waits each time for all that it has copied.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    meta: DocMeta,
    key_bytes: usize,
    value_bytes: usize,
}

impl Slab {
    /// Room for so many bytes of keys and values.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), places: Vec::new() }
    }

    /// Whether so many bytes go in without another allocation.
    #[cfg(feature = "embedded")]
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= bytes
    }

    /// Copies a record in.
    #[inline]
    pub(crate) fn put(&mut self, meta: DocMeta, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.places.push(Place { meta, key_bytes: key.len(), value_bytes: value.len() });
    }

    /// Appends the records to `out`. They share the buffer, which lives as long as any of them.
    pub(crate) fn cut(self, out: &mut Vec<Record>) {
        let mut bytes = Bytes::from(self.bytes);
        out.reserve(self.places.len());
        for Place { meta, key_bytes, value_bytes } in self.places {
            let key = bytes.split_to(key_bytes);
            out.push(Record { meta, key, value: bytes.split_to(value_bytes) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Cas, Datatype, DocKind, RevSeqno, Seqno};

    fn meta(seqno: u64) -> DocMeta {
        DocMeta {
            seqno: Seqno(seqno),
            rev: RevSeqno(1),
            cas: Cas(seqno),
            flags: 0,
            expiry: 0,
            datatype: Datatype::RAW,
            kind: DocKind::Alive,
        }
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let kept: [(&[u8], &[u8]); 4] =
            [(b"a", b"one"), (b"b", b""), (b"ccc", b"three"), (b"d", b"4")];
        let mut slab = Slab::with_capacity(4);
        for (seqno, (key, value)) in (1..).zip(kept) {
            slab.put(meta(seqno), key, value);
        }
        let mut out = Vec::new();
        slab.cut(&mut out);
        let seqnos: Vec<_> = out.iter().map(|record| record.meta.seqno.0).collect();
        assert_eq!(seqnos, [1, 2, 3, 4]);
        let cut: Vec<_> = out.iter().map(|record| (&record.key[..], &record.value[..])).collect();
        assert_eq!(cut, kept);
    }

    #[test]
    fn nothing_comes_out_of_an_empty_one() {
        let mut out = Vec::new();
        Slab::default().cut(&mut out);
        assert!(out.is_empty());
    }
}
