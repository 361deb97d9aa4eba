//! The whole: vbuckets, and connections by name.

use super::item::lock;
use super::producer::Producer;
use super::vbucket::{Memory, VBucket};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Vbuckets and connections.
#[derive(Debug)]
pub struct Bucket {
    pub(super) vbuckets: Box<[Arc<VBucket>]>,
    connections: Mutex<HashMap<String, Arc<Producer>, RandomState>>,
}

impl Bucket {
    pub(super) fn new(vbuckets: u32, memory: Memory) -> Self {
        let vbucket = |id| Arc::new(VBucket::new(id as u16, vbuckets, memory));
        Self { vbuckets: (0..vbuckets).map(vbucket).collect(), connections: Mutex::default() }
    }

    /// A connection; an older one of its name is closed, outside of the map's lock.
    pub(super) fn connect(&self, name: &str, window: u64) -> Arc<Producer> {
        let producer = Producer::new(window);
        let older = lock(&self.connections).insert(name.into(), Arc::clone(&producer));
        if let Some(older) = older {
            older.close_all();
        }
        producer
    }

    pub(super) fn disconnect(&self, name: &str, producer: &Arc<Producer>) {
        let mut connections = lock(&self.connections);
        if connections.get(name).is_some_and(|it| Arc::ptr_eq(it, producer)) {
            connections.remove(name);
        }
        drop(connections);
        producer.close_all();
    }
}
