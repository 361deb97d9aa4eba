//! Valid messages: at least one for each command, to begin with.

use crate::types::{Cas, Datatype, Opaque};
use crate::wire::{Header, Magic, Opcode};

/// The parts of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Its header; lengths are filled in by [`bytes`](Self::bytes).
    pub header: Header,
    /// Framing extras; only with a flexible magic.
    pub framing: Vec<u8>,
    /// Extras.
    pub extras: Vec<u8>,
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

impl Seed {
    /// A request of vbucket 1.
    #[must_use]
    pub fn request(opcode: Opcode, extras: &[u8], key: &[u8], value: &[u8]) -> Self {
        let header = Header {
            magic: Magic::REQUEST,
            opcode,
            framing_len: 0,
            key_len: 0,
            extras_len: 0,
            datatype: Datatype::RAW,
            vbucket_or_status: 1,
            body_len: 0,
            opaque: Opaque(7),
            cas: Cas::ZERO,
        };
        let [extras, key, value] = [extras, key, value].map(<[u8]>::to_vec);
        Self { header, framing: Vec::new(), extras, key, value }
    }

    /// The answer of success to a command.
    #[must_use]
    pub fn answer(opcode: Opcode, extras: &[u8], key: &[u8], value: &[u8]) -> Self {
        let mut seed = Self::request(opcode, extras, key, value);
        (seed.header.magic, seed.header.vbucket_or_status) = (Magic::RESPONSE, 0);
        seed
    }

    /// The same with framing extras.
    #[must_use]
    pub fn framing(mut self, framing: &[u8]) -> Self {
        self.header.magic = if self.header.magic.is_response() {
            Magic::FLEX_RESPONSE
        } else {
            Magic::FLEX_REQUEST
        };
        self.framing = framing.to_vec();
        self
    }

    /// The same with another datatype.
    #[must_use]
    pub fn datatype(mut self, datatype: u8) -> Self {
        self.header.datatype = Datatype(datatype);
        self
    }

    /// The message, with the lengths that its parts have.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let parts = [&self.framing, &self.extras, &self.key, &self.value];
        let body_len = parts.iter().map(|part| part.len()).sum::<usize>();
        let header = Header {
            // Whoever makes them longer than the header can say gets a message that lies.
            framing_len: self.framing.len() as u8,
            extras_len: self.extras.len() as u8,
            key_len: self.key.len() as u16,
            body_len: body_len as u32,
            ..self.header
        };
        let mut bytes = header.to_bytes().to_vec();
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// One or more requests of each command.
#[must_use]
pub fn requests() -> Vec<Seed> {
    let mut all = Vec::new();
    for &opcode in Opcode::ALL {
        let (extras, key, value) = shape(opcode);
        all.push(Seed::request(opcode, &extras, key, value));
    }
    let mut add = |opcode, extras: &[u8], key: &[u8], value: &[u8]| {
        all.push(Seed::request(opcode, extras, key, value));
    };
    // The default collection and one that is there, named by LEB128.
    for key in [&b"\0key"[..], b"\x08key", b"\x89\x01key"] {
        add(Opcode::GET, &[], key, b"");
        add(Opcode::SET, &[0; 8], key, b"{\"a\":1}");
    }
    add(Opcode::SET, &[0; 8], b"count", b"10");
    for group in ["vbucket", "vbucket-details 1", "vbucket-seqno", "failovers", "dcp", "reset"]
        .into_iter()
        .chain(["dcpagg :", "collections", "scopes", "collections-byid 0x8", "no such group"])
    {
        add(Opcode::STAT, &[], group.as_bytes(), b"");
    }
    for (key, value) in CONTROLS {
        add(Opcode::DCP_CONTROL, &[], key.as_bytes(), value.as_bytes());
    }
    for value in VALUES {
        add(Opcode::DCP_STREAM_REQ, &stream_extras(0, 0, u64::MAX), b"", value.as_bytes());
    }
    for flags in [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100] {
        add(Opcode::DCP_STREAM_REQ, &stream_extras(flags, 0, 5), b"", b"");
    }
    add(Opcode::DCP_STREAM_REQ, &stream_extras(0, 3, 9), b"", b"");
    all.push(Seed::request(Opcode::SET, &[0; 8], b"key", b"{\"a\":1}").datatype(1));
    let snappy = Seed::request(Opcode::SET, &[0; 8], b"key", b"\x05\x10value");
    all.push(snappy.clone().datatype(2));
    all.push(snappy.datatype(3));
    // Expiry kept, a durable write, on whose behalf, a stream's number.
    for framing in [&[0x50][..], &[0x11, 1], &[0x41, 1], &[0xf2, 0, 1, 2], &[0x22, 0, 5]] {
        all.push(Seed::request(Opcode::SET, &[0; 8], b"key", b"value").framing(framing));
        all.push(Seed::request(Opcode::DCP_CLOSE_STREAM, &[], b"", b"").framing(framing));
    }
    let noop = Seed::answer(Opcode::DCP_NOOP, &[], b"", b"");
    let end = Seed::answer(Opcode::DCP_STREAM_END, &[], b"", b"");
    all.extend([noop, end, Seed::answer(Opcode::DCP_MUTATION, &[], b"", b"")]);
    all
}

/// Extras, key and value of a request that suit a command.
fn shape(opcode: Opcode) -> (Vec<u8>, &'static [u8], &'static [u8]) {
    let none = Vec::new;
    match opcode.loud() {
        Opcode::SET | Opcode::ADD | Opcode::REPLACE => (vec![0; 8], b"key", b"value"),
        Opcode::APPEND | Opcode::PREPEND => (none(), b"key", b"more"),
        Opcode::INCREMENT | Opcode::DECREMENT => (
            [1_u64.to_be_bytes(), 5_u64.to_be_bytes()].concat().into_iter().chain([0; 4]).collect(),
            b"count",
            b"",
        ),
        Opcode::TOUCH | Opcode::GAT => (vec![0, 0, 0x0e, 0x10], b"key", b""),
        Opcode::GET | Opcode::GETK | Opcode::DELETE | Opcode::GET_META => (none(), b"key", b""),
        Opcode::GET_LOCKED => (vec![0, 0, 0, 1], b"key", b""),
        Opcode::UNLOCK_KEY => (none(), b"key", b""),
        Opcode::SET_WITH_META | Opcode::ADD_WITH_META => {
            ([&[0; 15][..], &[1], &[0, 0, 0, 0, 0, 1, 0, 0]].concat(), b"meta", b"value")
        }
        Opcode::DEL_WITH_META => {
            ([&[0; 15][..], &[2], &[0, 0, 0, 0, 0, 2, 0, 0]].concat(), b"meta", b"")
        }
        Opcode::HELLO => {
            (none(), b"agent", b"\0\x03\0\x04\0\x07\0\x08\0\x0a\0\x0b\0\x10\0\x12\0\x14\0\x1d")
        }
        Opcode::SASL_AUTH => (none(), b"PLAIN", b"\0user\0word"),
        Opcode::SASL_STEP => (none(), b"SCRAM-SHA512", b"c=biws,r=nonce,p=cHJvb2Y="),
        Opcode::SELECT_BUCKET => (none(), b"default", b""),
        Opcode::GET_ERROR_MAP => (none(), b"", b"\0\x02"),
        Opcode::OBSERVE_SEQNO => (none(), b"", &[0; 8]),
        Opcode::SET_VBUCKET => (vec![1], b"", b""),
        Opcode::COLLECTIONS_GET_ID => (none(), b"", b"_default.c"),
        Opcode::COLLECTIONS_GET_SCOPE_ID => (none(), b"", b"_default"),
        Opcode::DCP_OPEN => (vec![0, 0, 0, 0, 0, 0, 0, 1], b"frames", b""),
        Opcode::DCP_ADD_STREAM => (vec![0; 4], b"", b""),
        Opcode::DCP_STREAM_REQ => (stream_extras(0, 0, u64::MAX), b"", b""),
        Opcode::DCP_CONTROL => (none(), b"enable_noop", b"true"),
        Opcode::DCP_BUFFER_ACK => (vec![0, 0, 0, 100], b"", b""),
        Opcode::SUBDOC_MULTI_LOOKUP => (none(), b"key", b"\xc5\0\0\x01a"),
        _ => (none(), b"", b""),
    }
}

/// Flags, then start, end, branch and snapshot of a request.
fn stream_extras(flags: u32, start: u64, end: u64) -> Vec<u8> {
    let mut extras = flags.to_be_bytes().to_vec();
    extras.extend([0; 4]);
    for number in [start, end, 0, start, start] {
        extras.extend(number.to_be_bytes());
    }
    extras
}

const CONTROLS: &[(&str, &str)] = &[
    ("connection_buffer_size", "1024"),
    ("connection_buffer_size", "20971520"),
    ("set_noop_interval", "1"),
    ("set_priority", "high"),
    ("enable_expiry_opcode", "true"),
    ("send_stream_end_on_client_close_stream", "true"),
    ("enable_stream_id", "true"),
    ("force_value_compression", "true"),
    ("max_marker_version", "2.2"),
    ("backfill_order", "sequential"),
    ("v7_dcp_status_codes", "true"),
    ("flatbuffers_system_events", "true"),
    ("no such control", "1"),
];

const VALUES: &[&str] = &[
    "{}",
    r#"{"collections":["8"]}"#,
    r#"{"collections":["0","8"],"sid":5}"#,
    r#"{"scope":"0"}"#,
    r#"{"uid":"1"}"#,
    r#"{"purge_seqno":"3"}"#,
    r#"{"collections":[8]}"#,
    r#"{"sid":0}"#,
    "[[[[[[[[",
];

/// One of each message of a stream, with a stream id and without.
#[must_use]
pub fn stream_messages() -> Vec<Seed> {
    let seqno = |n: u8| [0, 0, 0, 0, 0, 0, 0, n];
    let [one, two] = [seqno(1), seqno(2)];
    let marker = [&one[..], &two, &[0, 0, 0, 5]].concat();
    let document = [one, two].concat();
    let times = [&document[..], &[0, 0, 0, 9]].concat();
    let plain = [
        Seed::request(Opcode::DCP_SNAPSHOT_MARKER, &marker, b"", b""),
        Seed::request(Opcode::DCP_SNAPSHOT_MARKER, &[0], b"", &[&marker[..], &[0; 16]].concat()),
        Seed::request(Opcode::DCP_SNAPSHOT_MARKER, &[1], b"", &[&marker[..], &[0; 24]].concat()),
        Seed::request(Opcode::DCP_SNAPSHOT_MARKER, &[2], b"", &[&marker[..], &[0; 32]].concat()),
        Seed::request(Opcode::DCP_MUTATION, &[&document[..], &[0; 15]].concat(), b"key", b"value"),
        Seed::request(Opcode::DCP_DELETION, &[&document[..], &[0; 2]].concat(), b"key", b""),
        Seed::request(Opcode::DCP_DELETION, &[&times[..], &[0]].concat(), b"\0key", b""),
        Seed::request(Opcode::DCP_EXPIRATION, &times, b"key", b""),
        Seed::request(Opcode::DCP_SYSTEM_EVENT, &[&one[..], &[0; 5]].concat(), b"c", &[0; 16]),
        Seed::request(Opcode::DCP_SEQNO_ADVANCED, &two, b"", b""),
        Seed::request(Opcode::DCP_OSO_SNAPSHOT, &[0, 0, 0, 1], b"", b""),
        Seed::request(Opcode::DCP_SET_VBUCKET_STATE, &[1], b"", b""),
        Seed::request(Opcode::DCP_STREAM_END, &[0; 4], b"", b""),
    ];
    let with_sid = plain.iter().cloned().map(|seed| seed.framing(&[0x22, 0, 5]));
    plain.iter().cloned().chain(with_sid).collect()
}

/// Answers, one or more of each layout.
#[must_use]
pub fn answers() -> Vec<Seed> {
    let mut all: Vec<Seed> =
        Opcode::ALL.iter().map(|&opcode| Seed::answer(opcode, b"", b"", b"")).collect();
    let observed = [&[0, 0, 1][..], &[0; 24]].concat();
    let moved = [&[1, 0, 1][..], &[0; 40]].concat();
    all.extend([
        Seed::answer(Opcode::GET, &[0; 4], b"", b"value"),
        Seed::answer(Opcode::GETK, &[0; 4], b"key", b"value"),
        Seed::answer(Opcode::SET, &[0; 16], b"", b""),
        Seed::answer(Opcode::INCREMENT, &[0; 16], b"", &[0; 8]),
        Seed::answer(Opcode::HELLO, b"", b"", b"\0\x03\0\x12"),
        Seed::answer(Opcode::GET_META, &[0; 21], b"", b""),
        Seed::answer(Opcode::STAT, b"", b"name", b"1"),
        Seed::answer(Opcode::OBSERVE_SEQNO, b"", b"", &observed),
        Seed::answer(Opcode::OBSERVE_SEQNO, b"", b"", &moved),
        Seed::answer(Opcode::GET_ALL_VB_SEQNOS, b"", b"", &[0; 20]),
        Seed::answer(Opcode::COLLECTIONS_GET_ID, &[0; 12], b"", b""),
        Seed::answer(Opcode::DCP_STREAM_REQ, b"", b"", &[0; 32]),
        Seed::answer(Opcode::DCP_GET_FAILOVER_LOG, b"", b"", &[0; 16]),
    ]);
    let mut rollback = Seed::answer(Opcode::DCP_STREAM_REQ, b"", b"", &[0; 8]);
    rollback.header.vbucket_or_status = 0x23;
    all.push(rollback);
    all
}
