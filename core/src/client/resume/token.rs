//! Where one vbucket's stream was.
//!
//! ```text
//!   seqno alone is not enough: another branch of history may have the same numbers     -> uuid
//!   nor is (seqno, uuid): a snapshot is consistent only at its end, so a client that has half of one
//!   says which, and the server decides what that half is worth                         -> snap_start, snap_end
//! ```

use crate::client::dcp::{Event, LentEvent};
use crate::types::{FailoverEntry, Seqno, VbId, VbUuid};
use crate::wire::dcp::{MarkerExtension, SnapshotMarker};
use serde_json::{Value, json};

/// Where one vbucket's stream was: what a client needs to ask for the rest.
///
/// [`ResumeToken::update`] keeps it up to date. `snap_start <= seqno <= snap_end` always holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeToken {
    /// The vbucket.
    pub vb: VbId,
    /// The last seqno.
    pub seqno: Seqno,
    /// The branch of history that it is on; 0 before the first stream.
    pub uuid: VbUuid,
    /// Start of the snapshot that it belongs to.
    pub snap_start: Seqno,
    /// End of that snapshot.
    pub snap_end: Seqno,
    /// The purge seqno of the last snapshot that told one: the server need not send the client back for it.
    pub purge_seqno: Option<Seqno>,
    /// The failover log as the server last told it, newest first.
    pub failover: Vec<FailoverEntry>,
    /// A snapshot that was announced and of which nothing has come.
    announced: Option<Announced>,
    /// Inside a snapshot in key order: the highest seqno seen in it.
    out_of_order: Option<Seqno>,
    /// The ends of the last snapshots that came whole, rising: where the client had a consistent state.
    whole: Vec<Seqno>,
}

/// What a marker says of its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Announced {
    start: Seqno,
    end: Seqno,
    purge_seqno: Option<Seqno>,
}

impl Announced {
    fn by(marker: &SnapshotMarker) -> Self {
        let purge_seqno = match marker.extension {
            MarkerExtension::V2_2 { purge, .. } => Some(purge),
            _ => None,
        };
        Self { start: marker.start, end: marker.end, purge_seqno }
    }
}

impl ResumeToken {
    /// For a vbucket of which the client has nothing.
    #[must_use]
    pub const fn new(vb: VbId) -> Self {
        Self {
            vb,
            seqno: Seqno::ZERO,
            uuid: VbUuid::ZERO,
            snap_start: Seqno::ZERO,
            snap_end: Seqno::ZERO,
            purge_seqno: None,
            failover: Vec::new(),
            announced: None,
            out_of_order: None,
            whole: Vec::new(),
        }
    }

    /// Takes note of an event that was dealt with, owned or lent. Events of other vbuckets change nothing; a rollback
    /// does not either, as only the caller knows when its data has gone back ([`ResumeToken::roll_back`]).
    pub fn update<'a>(&mut self, event: impl Into<LentEvent<'a>>) {
        let event = event.into();
        if event.tag().vb != self.vb {
            return;
        }
        match event {
            LentEvent::Other(other) => self.update_by(other),
            document => self.reached(document.seqno().unwrap_or_default()),
        }
    }

    fn update_by(&mut self, event: &Event) {
        match event {
            Event::StreamOpened { failover, .. } => {
                // Granted from where the token is: what follows is on the server's newest branch.
                self.uuid = failover.first().map_or(VbUuid::ZERO, |newest| newest.uuid);
                self.failover.clone_from(failover);
                self.announced = None;
                self.out_of_order = None;
            }
            Event::SnapshotMarker(marker) => self.announced = Some(Announced::by(marker)),
            Event::OsoSnapshot { begins: true, .. } => self.out_of_order = Some(self.seqno),
            Event::OsoSnapshot { begins: false, .. } => {
                if let Some(highest) = self.out_of_order.take() {
                    self.collapse_at(highest);
                    self.is_whole_at(highest);
                }
            }
            _ => {
                if let Some(seqno) = event.seqno() {
                    self.reached(seqno);
                }
            }
        }
    }

    /// Goes back to the end of the last whole snapshot at or below `to`, or to 0 if none is known (or stays, if it
    /// is not that far): the snapshot becomes that one seqno, the branch the one that was current there, and newer
    /// branches are forgotten. Returns where it is now.
    ///
    /// Not to `to` itself: inside a snapshot the older versions of keys that change again further up were never
    /// sent, so that what is left after dropping everything above `to` is no state that the vbucket ever had.
    ///
    /// If the server then sends the client back further, call it again: each time it asks about an older branch,
    /// until one is found that both know, or 0.
    pub fn roll_back(&mut self, to: Seqno) -> Seqno {
        self.whole.retain(|end| *end <= to);
        let to = self.whole.last().copied().unwrap_or_default().min(self.seqno);
        self.failover.retain(|entry| entry.seqno <= to);
        self.uuid = match newest_entry_at(&self.failover, to) {
            Some(entry) if to > Seqno::ZERO => entry.uuid,
            _ => VbUuid::ZERO,
        };
        self.announced = None;
        self.out_of_order = None;
        // It was of a snapshot that may be gone now.
        self.purge_seqno = None;
        self.collapse_at(to);
        to
    }

    /// As JSON: an object of numbers, and the failover log as a list of pairs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let log: Vec<_> =
            self.failover.iter().map(|e| json!([e.uuid.get(), e.seqno.get()])).collect();
        json!({
            "vb": self.vb.get(),
            "uuid": self.uuid.get(),
            "seqno": self.seqno.get(),
            "snap_start": self.snap_start.get(),
            "snap_end": self.snap_end.get(),
            "purge_seqno": self.purge_seqno.map(Seqno::get),
            "failover": log,
            "whole": self.whole.iter().map(|end| end.get()).collect::<Vec<_>>(),
        })
    }

    /// From what [`ResumeToken::to_json`] wrote.
    ///
    /// # Errors
    /// Says which member is missing, of the wrong type or out of order.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let number = |name: &str| {
            let found = value.get(name).and_then(Value::as_u64);
            found.ok_or_else(|| format!("\"{name}\" is not a number"))
        };
        let vb = u16::try_from(number("vb")?).map_err(|_| "\"vb\" is above 65535")?;
        let log =
            value.get("failover").and_then(Value::as_array).ok_or("\"failover\" is not a list")?;
        let entry = |pair: &Value| {
            let at = |i| pair.get(i).and_then(Value::as_u64);
            let (uuid, seqno) =
                at(0).zip(at(1)).ok_or("\"failover\" has an entry that is not two numbers")?;
            Ok::<_, &str>(FailoverEntry { uuid: VbUuid(uuid), seqno: Seqno(seqno) })
        };
        let purge_seqno = match value.get("purge_seqno") {
            None | Some(Value::Null) => None,
            Some(_) => Some(Seqno(number("purge_seqno")?)),
        };
        let whole =
            value.get("whole").and_then(Value::as_array).ok_or("\"whole\" is not a list")?;
        let end = |end: &Value| {
            end.as_u64().map(Seqno).ok_or("\"whole\" has an entry that is not a number")
        };
        let token = Self {
            seqno: Seqno(number("seqno")?),
            uuid: VbUuid(number("uuid")?),
            snap_start: Seqno(number("snap_start")?),
            snap_end: Seqno(number("snap_end")?),
            purge_seqno,
            failover: log.iter().map(entry).collect::<Result<_, _>>()?,
            whole: whole.iter().map(end).collect::<Result<_, _>>()?,
            ..Self::new(VbId(vb))
        };
        if token.snap_start <= token.seqno && token.seqno <= token.snap_end {
            return Ok(token);
        }
        Err("\"seqno\" is outside its snapshot".into())
    }

    /// A seqno was reached.
    fn reached(&mut self, seqno: Seqno) {
        if let Some(highest) = &mut self.out_of_order {
            *highest = seqno.max(*highest);
            return;
        }
        if let Some(Announced { start, end, purge_seqno }) = self.announced.take() {
            // Only now: a token between two snapshots is at the end of the first.
            (self.snap_start, self.snap_end) = (start, end);
            self.purge_seqno = purge_seqno.or(self.purge_seqno);
        }
        self.seqno = seqno;
        // A server that strays from its markers does not make a token that every server refuses.
        self.snap_start = self.snap_start.min(seqno);
        self.snap_end = self.snap_end.max(seqno);
        if seqno == self.snap_end {
            self.is_whole_at(seqno);
        }
    }

    /// A snapshot ended here, and all of it came.
    fn is_whole_at(&mut self, end: Seqno) {
        if self.whole.len() == WHOLE_MAX {
            // The further back, the fewer are needed: every other one of the older half goes.
            let mut n = 0;
            self.whole.retain(|_| {
                n += 1;
                n > WHOLE_MAX / 2 || n % 2 == 0
            });
        }
        self.whole.push(end);
    }

    fn collapse_at(&mut self, seqno: Seqno) {
        (self.seqno, self.snap_start, self.snap_end) = (seqno, seqno, seqno);
    }
}

/// Ends of whole snapshots that a token keeps.
const WHOLE_MAX: usize = 32;

/// The newest entry of a failover log that began at or below `seqno`: the branch that `seqno` is on.
#[must_use]
pub fn newest_entry_at(log: &[FailoverEntry], seqno: Seqno) -> Option<&FailoverEntry> {
    log.iter().find(|entry| entry.seqno <= seqno)
}
