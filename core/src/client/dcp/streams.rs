//! The streams of a connection, by the opaque of their request.

use crate::types::Opaque;
use crate::wire::dcp::StreamTag;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Streams that were asked for and are not over, and wishes to close one that were not answered.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: HashMap<u32, Stream, RandomState>,
    closing: HashMap<u32, StreamTag, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    tag: StreamTag,
    open: bool,
}

impl Streams {
    /// A stream was asked for.
    pub(super) fn asked(&mut self, tag: StreamTag) {
        self.streams.insert(tag.opaque.get(), Stream { tag, open: false });
    }

    /// A request was answered with success: its stream, if it was one that had not been answered.
    pub(super) fn opened(&mut self, opaque: Opaque) -> Option<StreamTag> {
        let stream = self.streams.get_mut(&opaque.get())?;
        (!core::mem::replace(&mut stream.open, true)).then_some(stream.tag)
    }

    /// Whether messages with this tag belong to a stream that is open.
    pub(super) fn is_open(&self, tag: StreamTag) -> bool {
        self.streams.get(&tag.opaque.get()).is_some_and(|stream| stream.open && stream.tag == tag)
    }

    /// A stream is over, or was refused.
    pub(super) fn over(&mut self, opaque: Opaque) -> Option<StreamTag> {
        self.streams.remove(&opaque.get()).map(|stream| stream.tag)
    }

    /// A stream is to be closed, by a request with this opaque.
    pub(super) fn closing(&mut self, request: Opaque, tag: StreamTag) {
        self.closing.insert(request.get(), tag);
    }

    /// That request was answered.
    pub(super) fn close_answered(&mut self, request: Opaque) -> Option<StreamTag> {
        self.closing.remove(&request.get())
    }

    /// How many are not over.
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }
}
