//! Questions that a DCP connection answers between its events.

use super::client::DcpClient;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::CLIENT_BACKLOG_BYTES_MAX;
use crate::types::{FailoverEntry, Opaque, Seqno, VbId, VbState};
use crate::wire::dcp::{FailoverLogAnswer, GetFailoverLog};
use crate::wire::kv::{AllVbSeqnosAnswer, GetAllVbSeqnos};
use crate::wire::{Frame, Opcode};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

/// # Errors
/// In all of these: the server refused, took too long, sent what cannot be, or went away; `Retry` when more than 64
/// MiB of events came before the answer (a window keeps it below).
///
/// # Cancel safety
/// In all of these: cancel safe. Events that come first are kept for [`DcpClient::next_event`].
impl<S: AsyncRead + AsyncWrite + Unpin> DcpClient<S> {
    /// The failover log of a vbucket, newest entry first.
    pub async fn failover_log(&mut self, vb: VbId) -> Result<Vec<FailoverEntry>> {
        let get = GetFailoverLog { vb };
        let step = Opcode::DCP_GET_FAILOVER_LOG;
        let frame = self.ask(step, |opaque, out| get.encode(opaque, out)).await?;
        Ok(self.connection.read(FailoverLogAnswer::parse(&frame))?.entries)
    }

    /// The high seqno of every active vbucket.
    pub async fn all_vb_seqnos(&mut self) -> Result<Vec<(VbId, Seqno)>> {
        let get = GetAllVbSeqnos { state: Some(VbState::Active), collection: None };
        let step = Opcode::GET_ALL_VB_SEQNOS;
        let frame = self.ask(step, |opaque, out| get.encode(opaque, out)).await?;
        Ok(self.connection.read(AllVbSeqnosAnswer::parse(&frame))?.entries)
    }

    /// Sends a question and waits for its answer; everything that comes before it waits in the backlog.
    async fn ask(
        &mut self,
        step: Opcode,
        encode: impl FnOnce(Opaque, &mut BytesMut),
    ) -> Result<Frame> {
        self.take_back();
        let opaque = self.connection.next_opaque();
        encode(opaque, self.connection.out());
        loop {
            let frame = self.connection.receive_in_time(step).await?;
            if frame.opaque() == opaque && frame.header().magic.is_response() {
                return Ok(frame);
            }
            if self.answer_noop(&frame) {
                continue;
            }
            self.backlog_bytes += frame.wire_len();
            self.backlog.push_back(frame);
            if self.backlog_bytes > CLIENT_BACKLOG_BYTES_MAX {
                let what = format!(
                    "{}: too many events before the answer to {step}",
                    self.connection.peer()
                );
                return Err(Error::new(ErrorKind::Retry, what));
            }
        }
    }
}
