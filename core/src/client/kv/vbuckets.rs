//! What a server says about itself and its vbuckets.

use super::client::KvClient;
use crate::error::Result;
use crate::types::{Seqno, VbId, VbState, VbUuid};
use crate::wire::kv::{
    self, AllVbSeqnosAnswer, GetAllVbSeqnos, ObserveSeqno, ObserveSeqnoAnswer, Stat, StatEntry,
};
use tokio::io::{AsyncRead, AsyncWrite};

/// # Errors
/// In all of these: the server refused, took too long, sent what cannot be, or went away.
impl<S: AsyncRead + AsyncWrite + Unpin> KvClient<S> {
    /// How far a vbucket is in memory and on disk, and where branch `uuid` of its history ended, if it did.
    pub async fn observe_seqno(&mut self, vb: VbId, uuid: VbUuid) -> Result<ObserveSeqnoAnswer> {
        let observe = ObserveSeqno { vb, uuid };
        let frame = self.connection.ask(|opaque, out| observe.encode(opaque, out)).await?;
        self.connection.read(ObserveSeqnoAnswer::parse(&frame))
    }

    /// The high seqno of every active vbucket.
    pub async fn all_vb_seqnos(&mut self) -> Result<Vec<(VbId, Seqno)>> {
        let ask = GetAllVbSeqnos { state: Some(VbState::Active), collection: None };
        let frame = self.connection.ask(|opaque, out| ask.encode(opaque, out)).await?;
        Ok(self.connection.read(AllVbSeqnosAnswer::parse(&frame))?.entries)
    }

    /// The statistics of a group (the general ones if it is empty), in the server's order.
    pub async fn stats(&mut self, group: &str) -> Result<Vec<(String, String)>> {
        let stat = Stat::of(group.as_bytes());
        let first = self.connection.ask(|opaque, out| stat.encode(opaque, out)).await?;
        let opaque = first.opaque();
        let (mut stats, mut frame) = (Vec::new(), first);
        loop {
            // What comes in between belongs to a request whose caller went away.
            if frame.opaque() == opaque {
                let Some(StatEntry { name, value }) =
                    self.connection.read(StatEntry::parse(&frame))?
                else {
                    return Ok(stats);
                };
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                stats.push((text(name), text(value)));
            }
            frame = self.connection.receive_in_time(crate::wire::Opcode::STAT).await?;
        }
    }

    /// The server's version.
    pub async fn version(&mut self) -> Result<String> {
        let frame = self.connection.ask_ok(|opaque, out| kv::Version.encode(opaque, out)).await?;
        Ok(String::from_utf8_lossy(frame.value()).into_owned())
    }

    /// Waits until the server has dealt with everything that was sent before.
    pub async fn noop(&mut self) -> Result<()> {
        self.connection.ask_ok(|opaque, out| kv::Noop.encode(opaque, out)).await.map(drop)
    }
}
