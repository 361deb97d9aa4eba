//! The flag bits of a stream request.

use core::fmt;
use core::ops::BitOr;

/// A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct StreamFlags(u32);

impl StreamFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Hand the vbucket over at the end.
    pub const TAKEOVER: Self = Self(0x001);
    /// End at what is persisted.
    pub const DISK_ONLY: Self = Self(0x002);
    /// End at the high seqno that the vbucket, or what the filter shows of it, has now.
    pub const TO_LATEST: Self = Self(0x004);
    /// Keys without values; moved to the opening of a connection, and refused here.
    pub const NO_VALUE: Self = Self(0x008);
    /// Only from an active vbucket.
    pub const ACTIVE_VB_ONLY: Self = Self(0x010);
    /// The uuid counts even for a client that has nothing.
    pub const STRICT_VB_UUID: Self = Self(0x020);
    /// Start at the high seqno that the vbucket has now.
    pub const FROM_LATEST: Self = Self(0x040);
    /// Purged tombstones do not matter to the client.
    pub const IGNORE_PURGED_TOMBSTONES: Self = Self(0x080);
    /// Begin with the documents that are in memory.
    pub const CACHE_TRANSFER: Self = Self(0x100);
    /// Every flag that the protocol has.
    pub const ALL: Self = Self(0x1FF);

    /// From the bits on the wire, unknown ones included.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags that are set here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for StreamFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for StreamFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (flag, name) in NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = "|";
            }
        }
        let unknown = self.without(Self::ALL);
        if !unknown.is_none() {
            write!(f, "{separator}{:#x}", unknown.0)?;
        } else if self.is_none() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

const NAMES: [(StreamFlags, &str); 9] = [
    (StreamFlags::TAKEOVER, "takeover"),
    (StreamFlags::DISK_ONLY, "disk-only"),
    (StreamFlags::TO_LATEST, "to-latest"),
    (StreamFlags::NO_VALUE, "no-value"),
    (StreamFlags::ACTIVE_VB_ONLY, "active-vb-only"),
    (StreamFlags::STRICT_VB_UUID, "strict-vb-uuid"),
    (StreamFlags::FROM_LATEST, "from-latest"),
    (StreamFlags::IGNORE_PURGED_TOMBSTONES, "ignore-purged-tombstones"),
    (StreamFlags::CACHE_TRANSFER, "cache-transfer"),
];
