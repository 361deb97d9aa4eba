//! A list of statistics on its way: it goes on only while there is room for more.

use super::asked::{Asked, StreamFormat};
use super::manifest::Part;
use super::totals::DcpTotals;
use super::vbuckets::VbGroup;
use super::{aggregate, connections, general};
use crate::engine::ConnectionSnapshot;
use crate::server::call::{Call, Stop};
use crate::server::shared::Shared;
use crate::server::status::Refused;
use crate::types::VbId;
use crate::wire::kv::{Stat, StatEntry};
use crate::wire::{Header, Status};
use bytes::BytesMut;
use core::fmt::Display;
use std::time::Instant;
use std::vec;

/// A list of statistics that has not been told to its end.
#[derive(Debug)]
pub(in crate::server) struct StatWalk {
    request: Header,
    left: Left,
}

/// What is still to be told.
#[derive(Debug)]
enum Left {
    General,
    Vbuckets { group: VbGroup, next: u32, end: u32 },
    Sums { separator: Box<str> },
    Connections { next: vec::IntoIter<ConnectionSnapshot>, format: StreamFormat, all: DcpTotals },
    Manifest(Part),
    Nothing,
}

/// Where the entries of one answer go.
pub(super) struct Entries<'a> {
    request: &'a Header,
    out: &'a mut BytesMut,
}

impl Entries<'_> {
    pub(super) fn put(&mut self, name: impl Display, value: impl Display) {
        let (name, value) = (name.to_string(), value.to_string());
        let entry = StatEntry { name: name.as_bytes(), value: value.as_bytes() };
        entry.encode(self.request, self.out);
    }
}

/// `10` STAT.
pub(in crate::server) fn stat(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = Stat::parse(call.frame)?;
    let left = Left::of_group(&request, call.shared)?;
    *call.walk = Some(StatWalk { request: *call.frame.header(), left });
    Ok(())
}

impl Left {
    fn of_group(request: &Stat<'_>, shared: &Shared) -> Result<Self, Refused> {
        let unknown = || Refused::new(Status::KEY_ENOENT, "there is no such group of statistics");
        let text = core::str::from_utf8(request.group).map_err(|_| unknown())?;
        let mut words = text.split_ascii_whitespace();
        let (name, argument) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(unknown());
        }
        if !request.value.is_empty() && name != "dcp" {
            return Err(Refused::new(Status::EINVAL, "only the group dcp takes a value"));
        }
        if let Some(group) = VbGroup::of_name(name) {
            let (next, end) = vbuckets(argument, shared.engine.vbuckets())?;
            return Ok(Self::Vbuckets { group, next, end });
        }
        match (name, argument) {
            ("", None) => Ok(Self::General),
            ("dcp", None) => {
                let asked = Asked::parse(request.value)?;
                let mut connections = shared.engine.connections();
                let all = DcpTotals::of(&connections, |connection| asked.wants(connection));
                connections.retain(|connection| asked.wants(connection));
                let (next, format) = (connections.into_iter(), asked.format);
                Ok(Self::Connections { next, format, all })
            }
            ("reset", None) => {
                shared.engine.reset_stats();
                Ok(Self::Nothing)
            }
            ("dcpagg", separator) => {
                Ok(Self::Sums { separator: separator.unwrap_or(aggregate::SEPARATOR).into() })
            }
            (name, argument) => match Part::of(name, argument, &shared.engine.manifest()) {
                Some(part) => Ok(Self::Manifest(part?)),
                None => Err(unknown()),
            },
        }
    }
}

impl StatWalk {
    /// Tells more of the list, until `room` bytes are in `out` or it has come to its end; whether it has.
    pub(in crate::server) fn go_on(
        &mut self,
        shared: &Shared,
        out: &mut BytesMut,
        room: usize,
    ) -> bool {
        let request = &self.request;
        while out.len() < room {
            let mut entries = Entries { request, out };
            match &mut self.left {
                Left::General => {
                    general::tell(shared, &mut entries);
                    self.left = Left::Nothing;
                }
                Left::Vbuckets { next, end, .. } if *next >= *end => self.left = Left::Nothing,
                Left::Vbuckets { group, next, .. } => {
                    // Lossless: below the number of vbuckets, whose ids are 16 bits.
                    group.tell(VbId(*next as u16), shared, &mut entries);
                    *next += 1;
                }
                Left::Sums { separator } => {
                    aggregate::tell(&shared.engine.connections(), separator, &mut entries);
                    self.left = Left::Nothing;
                }
                Left::Manifest(part) => {
                    part.tell(&shared.engine, &mut entries);
                    self.left = Left::Nothing;
                }
                Left::Connections { next, format, all } => match next.next() {
                    Some(connection) => {
                        let times = (shared.started, Instant::now());
                        connections::tell(&connection, *format, times, &mut entries);
                    }
                    None => {
                        all.tell(&shared.engine.stats(), &mut entries);
                        self.left = Left::Nothing;
                    }
                },
                Left::Nothing => {
                    StatEntry::LAST.encode(request, out);
                    return true;
                }
            }
        }
        false
    }
}

/// The vbuckets that a group is asked for: all, or the one that the argument names.
fn vbuckets(argument: Option<&str>, count: u32) -> Result<(u32, u32), Refused> {
    let Some(argument) = argument else { return Ok((0, count)) };
    match argument.parse::<u32>() {
        Ok(vb) if vb < count => Ok((vb, vb + 1)),
        Ok(_) => Err(Refused::not_my_vbucket()),
        Err(_) => Err(Refused::new(Status::EINVAL, "a vbucket is a number")),
    }
}
