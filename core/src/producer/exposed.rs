//! What a producer is made of, for tests of other modules.

use super::owner::Producer;
use crate::conn::Connection;
use crate::engine::EngineParts;
use millstream_reclaim::sync::Arc;

impl Producer {
    pub(crate) fn engine_parts(&self) -> &Arc<EngineParts> {
        &self.engine
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}
