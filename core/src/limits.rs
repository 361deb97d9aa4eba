//! Every bound of the engine, each with its reason.
#![forbid(unsafe_code)]

/// Longest key, in bytes: the protocol's own limit.
pub const KEY_BYTES_MAX: usize = 250;
/// The longest key with its collection's id in front: an id of 32 bits has five bytes at most.
pub const STORED_KEY_BYTES_MAX: usize = KEY_BYTES_MAX + 5;
/// The most collections of a bucket, as elsewhere: each has a place in each vbucket.
pub const COLLECTIONS_MAX: usize = 1200;
/// The longest name of a scope or collection.
pub const COLLECTION_NAME_BYTES_MAX: usize = 251;
/// Entries of a backfill in a row that a stream does not show before it tells how far it is, as the protocol has it.
pub const FILTERED_ITEMS_MAX: u32 = 10_000;
/// How long a change of the manifest waits for memory to tell a vbucket of it.
pub const MANIFEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Largest value, in bytes: the protocol's own limit.
pub const VALUE_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Entries kept in a failover log; clients refuse longer ones.
pub const FAILOVER_ENTRIES_MAX: usize = 25;
/// Largest frame body from a peer that has authenticated: a value, its key and its extras.
pub const FRAME_BODY_BYTES_MAX: usize = VALUE_BYTES_MAX + KEY_BYTES_MAX + 256;
/// Largest frame body from a peer that has not: a SASL message is far smaller.
pub const FRAME_BODY_BYTES_MAX_BEFORE_AUTH: usize = 16 * 1024;
/// Longest DCP connection name, in bytes: what the documents recommend.
pub const CONNECTION_NAME_BYTES_MAX: usize = 200;
/// Most vbuckets of one engine: the id is 16 bits.
pub const VBUCKETS_MAX: u32 = 65_536;
/// Vbuckets of one engine unless told otherwise: what every client expects.
pub const VBUCKETS_DEFAULT: u32 = 1024;
/// Backfills that one connection may have in progress; the rest wait.
pub const BACKFILLS_PER_CONNECTION_MAX: usize = 64;
/// Backfills that an engine may have in progress, over all connections, however much memory it has.
pub const BACKFILLS_MAX: usize = 4096;
/// And however little: one that waits for its client must not keep all others from the store.
pub const BACKFILLS_MIN: usize = 2;
/// How long COMPACT_DB waits until what was written before it is persisted.
pub const COMPACT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// What an open scan takes of memory, so that all of them together may take one hundredth of it.
pub const BACKFILL_SCAN_BYTES: u64 = 10 * 1024;
/// How long one run of a backfill may read before another has its turn: a slow disk shows at its own connection only.
pub const BACKFILL_RUN_TIME: std::time::Duration = std::time::Duration::from_millis(300);
/// Bytes of a run between two looks at the clock.
pub const BACKFILL_PAGE_BYTES: usize = 256 * 1024;
/// Share (in percent) of the memory at which writes are refused above which backfills pause: what they read would only
/// be in the way of what is being written.
pub const BACKFILL_MEMORY_PERCENT: u64 = 96;
/// How often a worker whose backfills pause looks whether memory was freed.
pub const BACKFILL_SNOOZE: std::time::Duration = std::time::Duration::from_millis(100);
/// Bytes read by backfills and not yet sent, per connection.
pub const BACKFILL_BUFFER_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// A full backfill buffer is refilled when this share of it (in percent) has drained.
pub const BACKFILL_DRAIN_PERCENT: u64 = 25;
/// Bytes that one run of a backfill reads before another may have its turn.
pub const BACKFILL_SLICE_BYTES: usize = 1024 * 1024;
/// Items that one run of a backfill reads before another may have its turn.
pub const BACKFILL_SLICE_ITEMS: usize = 4096;
/// A frame whose body is over its limit, but not over this, is answered with an error and its body is skipped
/// as it arrives, so that one document that is too large does not cost the client its connection.
pub const FRAME_SKIP_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest body of a client's answer to a message of the server: a refusal with its reason is far smaller.
pub const ANSWER_BODY_BYTES_MAX: usize = 16 * 1024;
/// Spare room that a connection's read buffer is given ahead of what its peer has sent.
pub const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Seqnos of one snapshot from memory: long enough that markers cost nothing, short enough that a client that stops
/// inside one has little to repeat.
pub const SNAPSHOT_ITEMS_MAX: u64 = 4096;
/// Silence after which a connection with no-ops on is given up.
pub const IDLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(360);
/// Longest such silence that a setting may ask for, so that a deadline stays within a clock's range.
pub const IDLE_TIMEOUT_MAX: std::time::Duration = std::time::Duration::from_secs(u32::MAX as u64);
/// How long the window of a connection that is watched for it may be full without an acknowledgement.
pub const STUCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(720);
/// Time between no-ops unless the client says otherwise.
pub const NOOP_INTERVAL_DEFAULT: std::time::Duration = std::time::Duration::from_secs(20);
/// The number of a connection's first no-op: far from what clients count up from.
pub const NOOP_OPAQUE_FIRST: u32 = 10_000_001;
/// Messages of one stream before the connection's next stream has its turn: as many as a segment of the log holds, so
/// that what a turn costs is little for each.
pub const STREAM_TURN_MESSAGES: u32 = 64;
/// How often a connection's slots for streams grow, each time by twice as many: beside one for each vbucket it has
/// room for 1,048,512 streams, with some 16 stream ids on each of 65,536 vbuckets.
pub const STREAM_SHELVES: u32 = 14;
/// How often its set of ready streams grows, for as many.
pub const READY_SHELVES: u32 = 9;
/// Ends of streams that a connection has asked for again before they were told, and that wait for its window: a client
/// that goes on so without reading is asked to come again later.
pub const UNTOLD_ENDS_MAX: usize = 65_536;
/// Connections of one engine.
pub const CONNECTIONS_MAX: usize = 60_000;
/// Documents among which one is drawn at random: so many that where there are more, their neighbours in the history
/// stand for them, and so few that looking at them costs little.
pub const DRAW_AMONG: u64 = 256;
/// Entries that are looked at for more documents to draw from when there is one: where most are of overwritten
/// versions, some tenths of a millisecond.
pub const DRAW_LOOKS_FOR_MORE: u64 = 65_536;
/// Entries that are looked at for a document to draw: a client that asks for a rare one costs a second at most.
pub const DRAW_LOOKS_MAX: u64 = 1 << 20;
/// Bytes of one commit of the flusher: large enough that a sync costs little for each, small enough to be soon done.
pub const FLUSH_BYTES: usize = 8 * 1024 * 1024;
/// Seqnos of one vbucket in one commit.
pub const FLUSH_ITEMS: u64 = 16_384;
/// Shortest time between no-ops that a client may ask for: how often connections are looked after.
pub const NOOP_INTERVAL_MIN: std::time::Duration = std::time::Duration::from_millis(100);
/// Longest time between no-ops that a client may ask for, so that a deadline stays within a clock's range.
pub const NOOP_INTERVAL_MAX: std::time::Duration = std::time::Duration::from_secs(u32::MAX as u64);
/// Bytes of stream messages that a DCP client keeps while it waits for the answer to a question of its own.
pub const CLIENT_BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Room for what one read of the socket brings to a DCP client that looks at events where they lie: so much that the
/// read costs little for each, and so little that they are still in the cache when they are looked at.
pub const CLIENT_READ_BYTES: usize = 256 * 1024;
/// Documents of a bulk write between two questions whether they have all been dealt with.
pub const CLIENT_BULK_WINDOW: usize = 1024;
/// Bytes of requests that a client gathers before it waits for the socket.
pub const CLIENT_SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Sockets of one server: as many as an engine has connections, and some that only read and write.
pub const SERVER_SOCKETS_MAX: usize = CONNECTIONS_MAX + 4096;
/// How long a client may take to log in unless told otherwise: enough for a slow network, short enough that strangers
/// hold no sockets.
pub const LOGIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// Wrong passwords that one socket may try.
pub const AUTH_FAILURES_MAX: u32 = 8;
/// Unsent bytes above which a connection's requests wait: more than a connection's stream messages, so that
/// requests are still heard when the stream waits for the socket.
pub const OUTPUT_BYTES_HIGH: usize = 2 * 1024 * 1024;
/// Unsent stream messages of a connection: large enough that a write costs little for each byte, and small enough that
/// with many connections they are still in the cache when the socket takes them.
pub const OUTPUT_BYTES_STREAM: usize = 256 * 1024;
/// Bytes that a connection of high priority moves before others have their turn.
pub const TURN_BYTES_HIGH_PRIORITY: usize = 1024 * 1024;
/// The same for medium priority.
pub const TURN_BYTES_MEDIUM_PRIORITY: usize = 512 * 1024;
/// The same for low priority, which most clients ask for.
pub const TURN_BYTES_LOW_PRIORITY: usize = 256 * 1024;
/// Room in which a connection inflates and compresses values that it keeps between its turns.
pub const VALUE_ROOM_BYTES_KEPT: usize = 64 * 1024;
/// Room that an idle connection's output buffer keeps.
pub const OUTPUT_BYTES_KEPT: usize = 64 * 1024;
/// Different things that are not built of which a connection's asking is logged: more than any client has been seen to
/// ask for, few enough that nobody fills the log.
pub const NOTED_REFUSALS_MAX: usize = 32;
/// Requests that a connection handles before other connections have their turn.
pub const TURN_REQUESTS: u32 = 1024;
/// Bytes that a connection's requests may answer before they are sent and other connections have their turn.
pub const TURN_BYTES: usize = 256 * 1024;
/// How long a document is locked unless the client says otherwise.
pub const LOCK_DEFAULT: std::time::Duration = std::time::Duration::from_secs(15);
/// Longest lock on a document: who asks for more gets the default.
pub const LOCK_MAX: std::time::Duration = std::time::Duration::from_secs(30);
/// How long a write waits for memory unless told otherwise: below the patience of clients, which give up a request
/// after 2.5 seconds.
pub const MEMORY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);
/// How often a request that needs a stored value reads it: each time another writer has replaced the document.
pub const STORED_READS_MAX: u32 = 8;
/// How long a connection that is being closed may take to receive its last answers.
pub const CLOSE_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(2);
/// Pause after a connection could not be accepted, for instance because all file descriptors are in use.
pub const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Documents of one bulk write of `load`, unless the user says otherwise: several windows, so that none runs dry.
pub const LOAD_BATCH_DOCUMENTS: usize = 8192;
/// Bytes of one bulk write of `load`; a few of them are in memory at a time.
pub const LOAD_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Batches that `load` reads ahead of what is being written.
pub const LOAD_BATCHES_AHEAD: usize = 2;
/// Bad lines that `load` shows when it skips them; the rest are counted.
pub const LOAD_BAD_LINES_SHOWN: usize = 10;
/// Longest pause of `load` before it offers documents again that the server had no room for.
pub const LOAD_RETRY_PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(1);
/// How long `load` goes on while the server takes nothing at all, and `tail` while it opens no stream, unless the user
/// says otherwise: a store that compacts is back long before.
pub const LOAD_PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
