//! `a2` to `a5`, `a8`, `a9` write a version of a document, or a tombstone, that was made elsewhere.
//!
//! ```text
//!  request: extras 24: 0 flags u32 | 4 expiry u32 | 8 revision u64 | 16 cas u64
//!           then, in any combination: 4 options u32; 2 length of what is behind the value, u16
//!           key; value; datatype and the CAS that the document must have now in the header
//!  answer:  see WriteAnswer
//! ```

use crate::types::{Cas, Datatype, Opaque, RevSeqno, VbId};
use crate::wire::flags::flags;
use crate::wire::layout::{Lead, put};
use crate::wire::shape::Shape;
use crate::wire::{Frame, HEADER_BYTES, Opcode, WireError};
use bytes::{Buf, BufMut, BytesMut};

flags! {
    /// How a version that was made elsewhere is taken.
    MetaOptions {
        /// It is taken also if the document has a newer version.
        SKIP_CONFLICT_RESOLUTION = 0x01;
        /// It is taken whatever the bucket resolves conflicts by.
        FORCE_ACCEPT = 0x02;
        /// It gets a new CAS; only with [`MetaOptions::SKIP_CONFLICT_RESOLUTION`].
        REGENERATE_CAS = 0x04;
        /// The tombstone is that of a document whose time ran out.
        IS_EXPIRATION = 0x10;
    }
}

/// Write a version that was made elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithMeta<'a> {
    /// Its command, of those that are answered.
    pub opcode: Opcode,
    /// Whether only a failure is answered.
    pub quiet: bool,
    /// The vbucket.
    pub vb: VbId,
    /// The CAS that the document must have now, or 0 for any.
    pub expected: Cas,
    /// The writer's own 32 bits.
    pub flags: u32,
    /// When it expires, in seconds since 1970, or 0; of a tombstone, when it was made.
    pub expiry: u32,
    /// How often the document was changed.
    pub rev: RevSeqno,
    /// Its CAS.
    pub cas: Cas,
    /// How it is taken.
    pub options: MetaOptions,
    /// What the value is made of.
    pub datatype: Datatype,
    /// The key.
    pub key: &'a [u8],
    /// The value; empty for a tombstone.
    pub value: &'a [u8],
}

impl<'a> WithMeta<'a> {
    pub(super) const SHAPE: Shape = Shape::of(&[
        Opcode::SET_WITH_META,
        Opcode::SETQ_WITH_META,
        Opcode::ADD_WITH_META,
        Opcode::ADDQ_WITH_META,
        Opcode::DEL_WITH_META,
        Opcode::DELQ_WITH_META,
    ])
    .extras(&[EXTRAS, EXTRAS + 2, EXTRAS + 4, EXTRAS + 6])
    .doc_key()
    .doc_value()
    .any_datatype();

    /// Appends it.
    ///
    /// # Panics
    /// When the key is longer than its length field can say.
    pub fn encode(&self, opaque: Opaque, out: &mut BytesMut) {
        let opcode = Opcode(self.opcode.0 + u8::from(self.quiet));
        let lead = Lead::request(opcode, self.vb, opaque).cas(self.expected);
        let mut head: [u8; HEADER_BYTES + EXTRAS + 4] =
            lead.datatype(self.datatype).head(self.key.len(), self.value.len());
        let mut extras = &mut head[HEADER_BYTES..];
        extras.put_u32(self.flags);
        extras.put_u32(self.expiry);
        extras.put_u64(self.rev.0);
        extras.put_u64(self.cas.get());
        extras.put_u32(self.options.0);
        put(out, &head, self.key, self.value);
    }

    /// Reads it.
    ///
    /// # Errors
    /// When a part does not have its length, an option is unknown or cannot be, or the CAS is one that no version has.
    pub fn parse(frame: &'a Frame) -> Result<Self, WireError> {
        Self::SHAPE.check(frame)?;
        let opcode = frame.opcode();
        let mut extras = frame.extras();
        let (flags, expiry) = (extras.get_u32(), extras.get_u32());
        let (rev, cas) = (RevSeqno(extras.get_u64()), Cas(extras.get_u64()));
        let options = if extras.len() >= 4 { extras.get_u32() } else { 0 };
        check_options(opcode, MetaOptions(options))?;
        if cas == Cas::ZERO || cas.get() > CAS_MAX {
            let what = "the CAS is 0, or too far in the future";
            return Err(WireError::Content { opcode, what });
        }
        // What is behind the value was once read by other clusters, and is dropped.
        let behind = if extras.is_empty() { 0 } else { usize::from(extras.get_u16()) };
        let Some(len) = frame.value().len().checked_sub(behind) else {
            let what = "what is behind the value is longer than all of it";
            return Err(WireError::Content { opcode, what });
        };
        Ok(Self {
            opcode: opcode.loud(),
            quiet: opcode.is_quiet(),
            vb: frame.vbucket(),
            expected: frame.cas(),
            flags,
            expiry,
            rev,
            cas,
            options: MetaOptions(options),
            datatype: frame.datatype(),
            key: frame.key(),
            value: &frame.value()[..len],
        })
    }
}

fn check_options(opcode: Opcode, options: MetaOptions) -> Result<(), WireError> {
    let refuse = |what| Err(WireError::Flags { opcode, flags: options.0, what });
    if options.0 & !MetaOptions::KNOWN.0 != 0 {
        return refuse("they have unknown bits");
    }
    if options.contains(MetaOptions::REGENERATE_CAS)
        && !options.contains(MetaOptions::SKIP_CONFLICT_RESOLUTION)
    {
        return refuse("a new CAS goes only with skipped conflict resolution");
    }
    if options.contains(MetaOptions::IS_EXPIRATION) && opcode.loud() != Opcode::DEL_WITH_META {
        return refuse("only a tombstone can be that of a document whose time ran out");
    }
    Ok(())
}

const EXTRAS: usize = 4 + 4 + 8 + 8;
/// The CAS of a version made about the year 2262, in nanoseconds since 1970: later ones still fit above it.
const CAS_MAX: u64 = i64::MAX as u64;
