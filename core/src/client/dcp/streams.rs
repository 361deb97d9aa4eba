//! The streams of a connection, by the opaque of their request, and how far each has come.

use super::event::Event;
use super::progress::{Astray, Progress};
use crate::types::{Opaque, Seqno};
use crate::wire::dcp::StreamTag;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Streams that were asked for and are not over, and wishes to close one that were not answered.
#[derive(Debug, Default)]
pub(super) struct Streams {
    places: HashMap<u32, usize, RandomState>,
    /// By place; those that are over have their place in `free`.
    streams: Vec<Stream>,
    free: Vec<usize>,
    /// Whose message came last: the next one is mostly of the same stream.
    last: usize,
    closing: HashMap<u32, StreamTag, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    tag: StreamTag,
    open: bool,
    progress: Progress,
}

impl Streams {
    /// A stream was asked for.
    pub(super) fn asked(&mut self, tag: StreamTag) {
        let stream = Stream { tag, open: false, progress: Progress::default() };
        let place = match self.free.pop() {
            Some(place) => {
                self.streams[place] = stream;
                place
            }
            None => {
                self.streams.push(stream);
                self.streams.len() - 1
            }
        };
        self.places.insert(tag.opaque.get(), place);
    }

    /// A request was answered with success: its stream, if it was one that had not been answered.
    pub(super) fn opened(&mut self, opaque: Opaque) -> Option<StreamTag> {
        let stream = &mut self.streams[*self.places.get(&opaque.get())?];
        (!core::mem::replace(&mut stream.open, true)).then_some(stream.tag)
    }

    /// Whether messages with this tag belong to a stream that is open.
    #[inline]
    pub(super) fn is_open(&mut self, tag: StreamTag) -> bool {
        self.open(tag).is_some()
    }

    /// A document of an open stream came.
    #[inline]
    pub(super) fn reach(&mut self, tag: StreamTag, seqno: Seqno) -> Result<(), Astray> {
        self.open(tag).map_or(Ok(()), |stream| stream.progress.reach(seqno))
    }

    #[inline]
    fn open(&mut self, tag: StreamTag) -> Option<&mut Stream> {
        let is_last = self.streams.get(self.last).is_some_and(|s| s.open && s.tag == tag);
        if !is_last {
            self.last = *self.places.get(&tag.opaque.get())?;
        }
        self.streams.get_mut(self.last).filter(|stream| stream.open && stream.tag == tag)
    }

    /// An event of a stream came that is no document.
    pub(super) fn follow(&mut self, event: &Event) {
        if let Some(stream) = self.open(event.tag()) {
            stream.progress.follow(event);
        }
    }

    /// A stream is over, or was refused.
    pub(super) fn over(&mut self, opaque: Opaque) -> Option<StreamTag> {
        let place = self.places.remove(&opaque.get())?;
        self.free.push(place);
        let stream = &mut self.streams[place];
        stream.open = false;
        Some(stream.tag)
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
        self.places.len()
    }
}
