//! Sizes, durations and lists of vbuckets as people write them.

use crate::limits::VBUCKETS_MAX;
use crate::types::VbId;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeSet;

/// Reads a number of bytes: `65536`, `64k`, `64KiB`, `1.5` is not one. `k`, `m`, `g` and `KiB`, `MiB`, `GiB`
/// count 1024; `kB`, `MB`, `GB` count 1000.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "" | "b" | "B" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return Err(format!("`{unit}` is no unit of size; write 64m, 64MiB or 64MB")),
    };
    number.checked_mul(factor).ok_or_else(|| format!("{text} is too large"))
}

/// Reads a duration: `250ms`, `90s`, `5m`, `2h`, `7d`; a bare number counts seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("`{unit}` is no unit of time; write 250ms, 90s, 5m, 2h or 7d")),
    };
    let total = number.checked_mul(milliseconds).ok_or_else(|| format!("{text} is too long"))?;
    Ok(Duration::from_millis(total))
}

/// [`duration`], but not none at all.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than that".into()),
        some => Ok(some),
    }
}

/// A number and what stands behind it.
fn split(text: &str) -> Result<(u64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() || unit.starts_with(['.', ',']) {
        return Err("it must be a whole number, with a unit behind it".into());
    }
    let number = number.parse().map_err(|_| format!("{number} is too large"))?;
    Ok((number, unit.trim_start()))
}

/// Vbuckets by number: `7`, `1,5-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VbucketList(BTreeSet<u16>);

impl VbucketList {
    /// The vbuckets, by rising number.
    pub(super) fn iter(&self) -> impl Iterator<Item = VbId> {
        self.0.iter().map(|&vb| VbId(vb))
    }
}

impl FromStr for VbucketList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (vbucket(first)?, vbucket(last)?);
            if first > last {
                return Err(format!("{part} runs backwards"));
            }
            all.extend(first..=last);
        }
        Ok(Self(all))
    }
}

fn vbucket(text: &str) -> Result<u16, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        let last = VBUCKETS_MAX - 1;
        format!("`{text}` is no vbucket; they have numbers from 0 to {last}, as in 1,5-9")
    })
}
