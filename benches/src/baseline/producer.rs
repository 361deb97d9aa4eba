//! A connection: its streams in a map under a mutex, and a ready queue that writers push to.

use super::backfill::BackfillManager;
use super::item::Item;
use super::item::lock;
use super::ready::ReadyQueue;
use super::stream::{Message, Next, Stream};
use super::vbucket::VBucket;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// One connection.
#[derive(Debug)]
pub(super) struct Producer {
    close_lock: Mutex<()>,
    disconnected: AtomicBool,
    backfills: Mutex<Option<Arc<BackfillManager>>>,
    streams: Mutex<HashMap<u16, Arc<Stream>, RandomState>>,
    ready: ReadyQueue,
    log: Mutex<BufferLog>,
    cursors: AtomicU64,
    asleep: Mutex<bool>,
    awake: Condvar,
}

/// Flow control.
#[derive(Debug)]
struct BufferLog {
    max: u64,
    outstanding: u64,
}

impl Producer {
    pub(super) fn new(window: u64) -> Arc<Self> {
        Arc::new(Self {
            close_lock: Mutex::default(),
            disconnected: AtomicBool::new(false),
            backfills: Mutex::new(Some(Arc::default())),
            streams: Mutex::default(),
            ready: ReadyQueue::default(),
            log: Mutex::new(BufferLog { max: window, outstanding: 0 }),
            cursors: AtomicU64::new(0),
            asleep: Mutex::new(false),
            awake: Condvar::new(),
        })
    }

    /// Opens a stream; false once the connection was closed.
    pub(super) fn open(self: &Arc<Self>, vb: &Arc<VBucket>, start: u64) -> bool {
        let cursor = self.cursors.fetch_add(1, Ordering::Relaxed) ^ (Arc::as_ptr(self) as u64) << 8;
        let stream = Arc::new(Stream::new(Arc::clone(vb), cursor, start));
        let mut streams = lock(&self.streams);
        // Under the lock: who closes everything sets this first, and then takes the streams that are here.
        if self.disconnected.load(Ordering::Acquire) {
            return false;
        }
        streams.insert(vb.id, stream);
        drop(streams);
        vb.add_streamer(self);
        if self.disconnected.load(Ordering::Acquire) {
            vb.remove_streamer(self);
        }
        self.make_ready(vb.id);
        true
    }

    /// Ends a stream and forgets it; whether it lived.
    pub(super) fn close_stream(&self, vb: u16) -> bool {
        let Some(stream) = lock(&self.streams).remove(&vb) else { return false };
        let manager = self.manager();
        if let Some(manager) = &manager {
            manager.remove(&stream);
        }
        let lived = stream.set_dead(manager.as_ref());
        stream.vb.remove_streamer(self);
        lived
    }

    fn find(&self, vb: u16) -> Option<Arc<Stream>> {
        lock(&self.streams).get(&vb).cloned()
    }

    fn manager(&self) -> Option<Arc<BackfillManager>> {
        lock(&self.backfills).clone()
    }

    /// A write to a vbucket.
    pub(super) fn notify(&self, vb: u16) {
        if self.find(vb).is_some_and(|stream| stream.flag()) {
            self.make_ready(vb);
        }
    }

    pub(super) fn make_ready(&self, vb: u16) {
        if self.ready.push(vb) {
            self.wake();
        }
    }

    fn wake(&self) {
        let mut asleep = lock(&self.asleep);
        if std::mem::replace(&mut *asleep, false) {
            self.awake.notify_one();
        }
    }

    /// The next message for the client; `None` when there is none or the window is full.
    pub(super) fn next(&self, items: &mut Vec<Arc<Item>>) -> Option<Message> {
        while let Some(vb) = self.ready.pop() {
            if lock(&self.log).is_full() {
                self.ready.push(vb);
                return None;
            }
            let Some(stream) = self.find(vb) else { continue };
            match stream.next() {
                Next::Message(message) => {
                    self.ready.push(vb);
                    self.count(&message);
                    return Some(message);
                }
                Next::Process => {
                    stream.process(items);
                    self.ready.push(vb);
                }
                Next::Backfill(from) => {
                    if let Some(manager) = self.manager() {
                        manager.schedule(&stream, from);
                        manager.run(self);
                    }
                }
                Next::Nothing => {}
            }
        }
        None
    }

    fn count(&self, message: &Message) {
        lock(&self.log).outstanding += message.counted_bytes();
        if let Message::Mutation { item, from_store: true } = message
            && let Some(manager) = self.manager()
        {
            manager.bytes_sent(item.counted_bytes());
            manager.run(self);
        }
    }

    /// The client acknowledges.
    pub(super) fn ack(&self, bytes: u64) {
        let mut log = lock(&self.log);
        let was_full = log.is_full();
        log.outstanding = log.outstanding.saturating_sub(bytes);
        drop(log);
        if was_full {
            self.wake();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        lock(&self.log).is_full()
    }

    /// Whether a step may find something.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty() || self.disconnected.load(Ordering::Acquire)
    }

    /// Sleeps until it is woken.
    pub(super) fn wait(&self) {
        let mut asleep = lock(&self.asleep);
        *asleep = true;
        while *asleep && !self.is_ready() {
            asleep = self.awake.wait(asleep).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        *asleep = false;
    }

    /// Ends every stream. One closer at a time; the last to come finds nothing.
    pub(super) fn close_all(&self) -> usize {
        self.disconnected.store(true, Ordering::Release);
        let _one_at_a_time = lock(&self.close_lock);
        let manager = self.manager();
        let streams = std::mem::take(&mut *lock(&self.streams));
        let mut ended = 0;
        for stream in streams.values() {
            if let Some(manager) = &manager {
                manager.remove(stream);
            }
            ended += usize::from(stream.set_dead(manager.as_ref()));
        }
        for stream in streams.values() {
            stream.vb.remove_streamer(self);
        }
        *lock(&self.backfills) = None;
        self.wake();
        ended
    }

    /// What stats show of its streams: dead ones, the highest seqno sent, the end of the furthest snapshot.
    pub(super) fn progress(&self) -> (usize, u64, u64) {
        let streams: Vec<_> = lock(&self.streams).values().cloned().collect();
        let progress = streams.iter().map(|stream| stream.progress());
        progress.fold((0, 0, 0), |(dead, sent, end), it| {
            (dead + usize::from(it.0), sent.max(it.1), end.max(it.2))
        })
    }
}

impl BufferLog {
    fn is_full(&self) -> bool {
        self.max != 0 && self.outstanding >= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::super::vbucket::Memory;
    use super::{Producer, VBucket, lock};
    use std::sync::{Arc, Barrier};
    use std::thread;

    /// It looked whether the connection was closed, and entered the stream later: one that was opened meanwhile lived.
    #[test]
    fn no_stream_outlives_its_connection() {
        let vbs: Vec<_> = (0..64).map(|vb| Arc::new(VBucket::new(vb, 64, Memory::Ample))).collect();
        for _ in 0..200 {
            let (producer, start) = (Producer::new(0), Barrier::new(2));
            let (opened, ended) = thread::scope(|scope| {
                let closer = scope.spawn(|| {
                    start.wait();
                    producer.close_all()
                });
                start.wait();
                let opened = vbs.iter().filter(|vb| producer.open(vb, 0)).count();
                (opened, closer.join().expect("it closes"))
            });
            assert_eq!(ended, opened, "each stream that was opened is ended");
            assert!(lock(&producer.streams).is_empty());
            assert!(!producer.open(&vbs[0], 0), "it is closed");
        }
    }
}
