#!/usr/bin/env python3
"""A strict DCP reader: streams every vbucket from its beginning and checks each frame on the way.

As a module: `Reader(connection, options).read()`. As a program it prints what it saw:

    MILLSTREAM_PASSWORD=... dcp_reader.py --server HOST:PORT --user NAME --bucket NAME [--documents]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from wire import OK, REQUEST, RESPONSE, Connection, Frame, ProtocolError, Refused

OPEN, CLOSE_STREAM, STREAM_REQUEST, FAILOVER_LOG = 0x50, 0x52, 0x53, 0x54
STREAM_END, SNAPSHOT_MARKER, MUTATION, DELETION, EXPIRATION = 0x55, 0x56, 0x57, 0x58, 0x59
NOOP, BUFFER_ACK, CONTROL = 0x5C, 0x5D, 0x5E
SYSTEM_EVENT, SEQNO_ADVANCED = 0x5F, 0x64
CREATE_COLLECTION, DROP_COLLECTION, CREATE_SCOPE, DROP_SCOPE = 0, 1, 3, 4

OPEN_PRODUCER, OPEN_DELETE_TIMES = 0x01, 0x20
ROLLBACK = 0x23
MARKER_MEMORY, MARKER_DISK, MARKER_CHECKPOINT = 1, 2, 4
FAILOVER_ENTRIES_MAX = 25
FOREVER = (1 << 64) - 1


@dataclass(frozen=True)
class Options:
    """How to stream."""

    name: str = "interop:reader"
    # Bytes that may be on their way without acknowledgement; 0 switches flow control off.
    window: int = 1 << 20
    # Whether a document that expired is announced as such, with the time of its deletion.
    expiry_opcode: bool = False
    # Let the window run full this often, and check that the server falls silent.
    starve: int = 0
    starve_silence: float = 0.3
    # Stream from here: vbucket -> (uuid, seqno, snapshot start, snapshot end).
    resume: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    # Whether the connection agreed on collections: keys then begin with the id of one, and changes of them are told.
    collections: bool = False
    # Only these collections.
    only: tuple[int, ...] = ()
    # Follow the tail for ever; `Reader.stop_at` says when to stop.
    follow: bool = False
    timeout: float = 30.0


@dataclass
class Document:
    """The newest version of a key that arrived."""

    kind: str
    vb: int
    seqno: int
    cas: int
    rev: int
    flags: int
    expiry: int
    datatype: int
    value: bytes


@dataclass
class Stream:
    """One vbucket's stream, and what is due next on it."""

    vb: int
    opaque: int
    start: int
    end: int
    open: bool = False
    done: bool = False
    failover: list[tuple[int, int]] = field(default_factory=list)
    seqno: int = 0
    snapshot: tuple[int, int] | None = None
    snapshot_flags: int = 0
    keys_in_snapshot: set[bytes] = field(default_factory=set)
    # Collections that the stream has told of, and has not told are gone.
    collections: set[int] = field(default_factory=set)
    events: int = 0
    snapshots: int = 0


class Reader:
    """Reads streams on one connection until all have ended."""

    def __init__(self, connection: Connection, options: Options = Options()):
        self.connection = connection
        self.options = options
        self.streams: dict[int, Stream] = {}
        self.by_opaque: dict[int, Stream] = {}
        self.documents: dict[bytes, Document] = {}
        # Requests whose answers are due, in order: (opcode, opaque).
        self.due: list[tuple[int, int]] = []
        self.counts: Counter[str] = Counter()
        self.unacked = 0
        self.unacked_max = 0
        self.largest = 0
        self.starved = 0
        self.stop_at: dict[int, int] | None = None

    # Bootstrap ----------------------------------------------------------------------------------

    def open(self) -> None:
        """DCP_OPEN and the controls."""
        flags = OPEN_PRODUCER | (OPEN_DELETE_TIMES if self.options.expiry_opcode else 0)
        name = self.options.name.encode()
        self.connection.must("DCP_OPEN", OPEN, extras=struct.pack("!II", 0, flags), key=name)
        controls = [
            ("connection_buffer_size", str(self.options.window)),
            ("enable_noop", "true"),
            ("set_noop_interval", "1"),
            ("send_stream_end_on_client_close_stream", "true"),
        ]
        if self.options.expiry_opcode:
            controls.append(("enable_expiry_opcode", "true"))
        for key, value in controls:
            self.connection.must(f"control {key}", CONTROL, key=key.encode(), value=value.encode())

    def failover_log(self, vb: int) -> list[tuple[int, int]]:
        value = self.connection.must(f"failover log of vb {vb}", FAILOVER_LOG, status=vb).value
        return failover_entries(value)

    def request_streams(self, ends: dict[int, int]) -> None:
        """Asks for every vbucket at once, without waiting for answers."""
        frames = []
        for vb, end in sorted(ends.items()):
            uuid, start, snap_start, snap_end = self.options.resume.get(vb, (0, 0, 0, 0))
            extras = struct.pack("!IIQQQQQ", 0, 0, start, end, uuid, snap_start, snap_end)
            value = b""
            if self.options.only:
                value = json.dumps({"collections": [f"{id:x}" for id in self.options.only]}).encode()
            frame = self.connection.request(STREAM_REQUEST, status=vb, extras=extras, value=value)
            stream = Stream(vb, frame.opaque, start, end, seqno=start)
            if not self.options.only or 0 in self.options.only:
                # The default collection, which nobody makes.
                stream.collections.add(0)
            self.streams[vb] = self.by_opaque[frame.opaque] = stream
            self.due.append((STREAM_REQUEST, frame.opaque))
            frames.append(frame)
        self.connection.send(*frames)

    def read(self, ends: dict[int, int] | None = None) -> Reader:
        """Opens, streams up to the current high seqnos (or `ends`), and returns when every stream has ended."""
        self.open()
        if ends is None:
            ends = self.connection.vbucket_seqnos()
        if self.options.follow:
            ends = {vb: FOREVER for vb in ends}
        self.request_streams(ends)
        deadline = time.monotonic() + self.options.timeout
        while not self.finished():
            frame = self.next_frame(deadline)
            if frame is not None:
                self.take(frame)
            if frame is not None or self.stop_at is None:
                deadline = time.monotonic() + self.options.timeout
        return self

    def finished(self) -> bool:
        return bool(self.streams) and all(map(self.has_enough, self.streams.values()))

    def has_enough(self, stream: Stream) -> bool:
        """Whether the stream has ended, or, for a follower, has come as far as it was told."""
        if not self.options.follow:
            return stream.done
        return self.stop_at is not None and stream.seqno >= self.stop_at.get(stream.vb, 0)

    def next_frame(self, deadline: float) -> Frame | None:
        """The next frame; None when a follower should look again whether it may stop."""
        frame = self.connection.buffered()
        if frame is not None:
            return frame
        if self.starving():
            self.expect_silence()
        self.connection.sock.settimeout(0.1 if self.options.follow else self.options.timeout)
        try:
            return self.connection.receive()
        except TimeoutError:
            if self.options.follow and (self.stop_at is None or self.finished() or time.monotonic() < deadline):
                return None
            behind = [vb for vb, stream in self.streams.items() if not self.has_enough(stream)]
            raise ProtocolError(
                f"nothing came for {self.options.timeout} s while {len(behind)} streams go on, vb {behind[:5]} first"
            ) from None

    # Flow control -------------------------------------------------------------------------------

    def starving(self) -> bool:
        full = self.options.window and self.unacked >= self.options.window
        return bool(full) and self.starved < self.options.starve

    def expect_silence(self) -> None:
        """The window is full and everything that came was read: nothing but noops and answers may come."""
        self.connection.sock.settimeout(self.options.starve_silence)
        try:
            while True:
                frame = self.connection.receive()
                if frame.opcode in COUNTED and frame.magic == REQUEST:
                    raise ProtocolError(f"opcode 0x{frame.opcode:02x} came although the window is full")
                self.take(frame)
        except TimeoutError:
            self.starved += 1
            self.acknowledge()

    def count(self, frame: Frame) -> None:
        """Charges a frame to the window, before it is looked at."""
        window = self.options.window
        if window and self.unacked >= window:
            raise ProtocolError(
                f"opcode 0x{frame.opcode:02x} came with {self.unacked} of {window} bytes outstanding already"
            )
        self.unacked += frame.size
        self.unacked_max = max(self.unacked_max, self.unacked)
        self.largest = max(self.largest, frame.size)
        self.counts["bytes"] += frame.size
        if window and self.starved >= self.options.starve and self.unacked * 2 >= window:
            self.acknowledge()

    def acknowledge(self) -> None:
        if self.unacked:
            self.connection.send(Frame(REQUEST, BUFFER_ACK, extras=struct.pack("!I", self.unacked)))
            self.counts["acks"] += 1
            self.unacked = 0

    # Frames -------------------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """One frame of any kind."""
        if frame.magic == RESPONSE:
            self.answer(frame)
            return
        if frame.opcode == NOOP:
            check(not frame.extras + frame.key + frame.value, "a noop with a body")
            self.connection.send(Frame(RESPONSE, NOOP, opaque=frame.opaque))
            self.counts["noops"] += 1
            return
        taker = EVENTS.get(frame.opcode)
        check(taker is not None, f"unexpected opcode 0x{frame.opcode:02x}")
        self.count(frame)
        stream = self.by_opaque.get(frame.opaque)
        check(stream is not None, f"opcode 0x{frame.opcode:02x} with opaque {frame.opaque}, which no stream has")
        assert stream is not None and taker is not None
        check(frame.vb == stream.vb, f"vb {frame.vb} with the opaque of vb {stream.vb}")
        check(stream.open, f"vb {stream.vb}: an event before the answer to its request")
        check(not stream.done, f"vb {stream.vb}: opcode 0x{frame.opcode:02x} after its end")
        taker(self, stream, frame)

    def answer(self, frame: Frame) -> None:
        check(bool(self.due), f"an answer to nothing: {frame}")
        opcode, opaque = self.due.pop(0)
        check(
            (frame.opcode, frame.opaque) == (opcode, opaque),
            f"answers out of order: 0x{frame.opcode:02x}/{frame.opaque}, due is 0x{opcode:02x}/{opaque}",
        )
        stream = self.by_opaque[opaque]
        if frame.status == ROLLBACK:
            check(len(frame.value) == 8, f"a rollback answer of {len(frame.value)} bytes")
        if frame.status != OK:
            raise Refused(f"stream request of vb {stream.vb}", frame)
        check(not frame.extras and not frame.key, "a stream request's answer with extras or key")
        stream.failover = failover_entries(frame.value)
        stream.open = True
        self.counts["streams"] += 1

    def marker(self, stream: Stream, frame: Frame) -> None:
        where = f"vb {stream.vb}"
        check(len(frame.extras) == 20, f"{where}: a marker with extras of {len(frame.extras)} bytes")
        check(not frame.key and not frame.value, f"{where}: a marker with key or value")
        start, end, flags = struct.unpack("!QQI", frame.extras)
        check(start <= end, f"{where}: a marker from {start} to {end}")
        check(flags in (1, 2, 5, 6), f"{where}: marker flags 0x{flags:02x}")
        if stream.snapshot is None:
            check(start == stream.start, f"{where}: the first marker starts at {start}, not at {stream.start}")
        else:
            previous = stream.snapshot[1]
            check(start > previous, f"{where}: a marker from {start} after a snapshot up to {previous}")
        check(end > stream.seqno, f"{where}: a marker up to {end} after seqno {stream.seqno}")
        stream.snapshot, stream.snapshot_flags = (start, end), flags
        stream.keys_in_snapshot.clear()
        stream.snapshots += 1
        self.counts["disk snapshots" if flags & MARKER_DISK else "memory snapshots"] += 1

    def place(self, stream: Stream, seqno: int) -> str:
        """What holds for every event that has a seqno."""
        where = f"vb {stream.vb} seqno {seqno}"
        check(stream.snapshot is not None, f"{where}: before any marker")
        assert stream.snapshot is not None
        start, end = stream.snapshot
        check(start <= seqno <= end, f"{where}: outside its snapshot {start} to {end}")
        check(seqno > stream.seqno, f"{where}: after seqno {stream.seqno}")
        check(seqno <= stream.end, f"{where}: beyond the end {stream.end}")
        return where

    def document(self, stream: Stream, frame: Frame, seqno: int, rev: int) -> None:
        """What holds for every event that is about a key."""
        where = self.place(stream, seqno)
        name = frame.key
        if self.options.collections:
            collection, name = collection_of(frame.key)
            check(
                collection in stream.collections or (stream.start > 0 and not self.options.only),
                f"{where}: a document of collection 0x{collection:x}, which the stream has not told of",
            )
        check(0 < len(name) <= 250, f"{where}: a key of {len(name)} bytes")
        check(frame.cas != 0, f"{where}: no CAS")
        check(rev != 0, f"{where}: no revision")
        check(frame.key not in stream.keys_in_snapshot, f"{where}: {frame.key!r} twice in a snapshot")
        stream.keys_in_snapshot.add(frame.key)
        stream.seqno = seqno
        stream.events += 1

    def keep(self, key: bytes, document: Document) -> None:
        before = self.documents.get(key)
        if before is not None:
            check(before.vb == document.vb, f"{key!r} in vb {before.vb} and vb {document.vb}")
            check(document.rev > before.rev, f"{key!r}: revision {document.rev} after {before.rev}")
            check(document.cas > before.cas, f"{key!r}: CAS {document.cas} after {before.cas}")
            self.counts["superseded"] += 1
        self.documents[key] = document
        self.counts[document.kind] += 1

    def mutation(self, stream: Stream, frame: Frame) -> None:
        check(len(frame.extras) == 31, f"a mutation with extras of {len(frame.extras)} bytes")
        seqno, rev, flags, expiry, lock, meta_bytes, _hotness = struct.unpack("!QQIIIHB", frame.extras)
        self.document(stream, frame, seqno, rev)
        check(frame.datatype in (0, 1), f"datatype {frame.datatype}, though only JSON was agreed on")
        check(lock == 0 and meta_bytes == 0, "a mutation with a lock time or extended meta data")
        kept = Document("mutation", stream.vb, seqno, frame.cas, rev, flags, expiry, frame.datatype, frame.value)
        self.keep(frame.key, kept)

    def deletion(self, stream: Stream, frame: Frame) -> None:
        wanted = 21 if self.options.expiry_opcode else 18
        check(len(frame.extras) == wanted, f"a deletion with extras of {len(frame.extras)} bytes, not {wanted}")
        if self.options.expiry_opcode:
            seqno, rev, deleted_at, unused = struct.unpack("!QQIB", frame.extras)
            check(unused == 0, f"a deletion with 0x{unused:02x} in its last byte")
            self.deleted_lately(deleted_at)
        else:
            seqno, rev, meta_bytes = struct.unpack("!QQH", frame.extras)
            check(meta_bytes == 0, "a deletion with extended meta data")
        self.tombstone("deletion", stream, frame, seqno, rev)

    def expiration(self, stream: Stream, frame: Frame) -> None:
        check(self.options.expiry_opcode, "an expiration, which was not asked for")
        check(len(frame.extras) == 20, f"an expiration with extras of {len(frame.extras)} bytes")
        seqno, rev, deleted_at = struct.unpack("!QQI", frame.extras)
        self.deleted_lately(deleted_at)
        self.tombstone("expiration", stream, frame, seqno, rev)

    def deleted_lately(self, deleted_at: int) -> None:
        """A time of deletion is in seconds since 1970; everything here was deleted within this day."""
        check(abs(time.time() - deleted_at) < 86_400, f"a time of deletion of {deleted_at}")

    def tombstone(self, kind: str, stream: Stream, frame: Frame, seqno: int, rev: int) -> None:
        self.document(stream, frame, seqno, rev)
        check(frame.datatype == 0 and not frame.value, f"a {kind} with a value or a datatype")
        self.keep(frame.key, Document(kind, stream.vb, seqno, frame.cas, rev, 0, 0, 0, b""))

    def system_event(self, stream: Stream, frame: Frame) -> None:
        check(self.options.collections, "a system event, though collections were not agreed on")
        check(len(frame.extras) == 13, f"a system event with extras of {len(frame.extras)} bytes")
        seqno, kind, version = struct.unpack("!QIB", frame.extras)
        where = self.place(stream, seqno)
        check(kind in SYSTEM_VALUES, f"{where}: a system event of kind {kind}")
        check(version in SYSTEM_VALUES[kind], f"{where}: kind {kind} with version {version}")
        layout = struct.Struct(SYSTEM_VALUES[kind][version])
        check(len(frame.value) == layout.size, f"{where}: kind {kind} with a value of {len(frame.value)} bytes")
        parts = layout.unpack(frame.value)
        made = kind in (CREATE_COLLECTION, CREATE_SCOPE)
        check(bool(frame.key) == made, f"{where}: kind {kind} with the name {frame.key!r}")
        check(parts[0] != 0, f"{where}: no manifest")
        if kind in (CREATE_COLLECTION, DROP_COLLECTION):
            collection = parts[2]
            only = self.options.only
            check(not only or collection in only, f"{where}: collection 0x{collection:x} was not asked for")
            (stream.collections.add if made else stream.collections.discard)(collection)
        stream.seqno = seqno
        stream.events += 1
        self.counts["system events"] += 1

    def seqno_advanced(self, stream: Stream, frame: Frame) -> None:
        check(self.options.collections, "a seqno-advanced, though collections were not agreed on")
        check(len(frame.extras) == 8, f"a seqno-advanced with extras of {len(frame.extras)} bytes")
        check(not frame.key and not frame.value, "a seqno-advanced with key or value")
        (seqno,) = struct.unpack("!Q", frame.extras)
        self.place(stream, seqno)
        stream.seqno = seqno
        self.counts["seqnos advanced"] += 1

    def stream_end(self, stream: Stream, frame: Frame) -> None:
        where = f"vb {stream.vb}"
        check(len(frame.extras) == 4, f"{where}: an end with extras of {len(frame.extras)} bytes")
        check(not frame.key and not frame.value, f"{where}: an end with key or value")
        (reason,) = struct.unpack("!I", frame.extras)
        check(reason == 0, f"{where}: ended with reason {reason}")
        if stream.start < stream.end:
            covered = stream.snapshot[1] if stream.snapshot else stream.start
            check(covered >= stream.end, f"{where}: ended at {covered}, though {stream.end} was asked for")
        if stream.snapshot is not None and stream.seqno < min(stream.snapshot[1], stream.end):
            self.counts["snapshots ending without their last seqno"] += 1
        stream.done = True
        self.counts["ended streams"] += 1


EVENTS = {
    SNAPSHOT_MARKER: Reader.marker,
    MUTATION: Reader.mutation,
    DELETION: Reader.deletion,
    EXPIRATION: Reader.expiration,
    STREAM_END: Reader.stream_end,
    SYSTEM_EVENT: Reader.system_event,
    SEQNO_ADVANCED: Reader.seqno_advanced,
}
# The value of each kind of system event, by version: manifest, scope, collection, time to live.
SYSTEM_VALUES = {
    CREATE_COLLECTION: {0: "!QII", 1: "!QIII"},
    DROP_COLLECTION: {0: "!QII"},
    CREATE_SCOPE: {0: "!QI"},
    DROP_SCOPE: {0: "!QI"},
}
# What the window counts: header and body of exactly these.
COUNTED = frozenset(EVENTS)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise ProtocolError(what)


def collection_of(key: bytes) -> tuple[int, bytes]:
    """A key as it travels where collections were agreed on: the collection's id in LEB128, then the name."""
    collection = 0
    for place, byte in enumerate(key[:5]):
        collection |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            check(byte != 0 or place == 0, f"{key!r}: an id with more bytes than it needs")
            check(collection < 1 << 32, f"{key!r}: an id of more than 32 bits")
            return collection, key[place + 1 :]
    raise ProtocolError(f"{key!r}: an id that does not end")


def failover_entries(value: bytes) -> list[tuple[int, int]]:
    """A failover log: (uuid, seqno), newest first."""
    check(len(value) % 16 == 0, f"a failover log of {len(value)} bytes")
    entries = list(struct.iter_unpack("!QQ", value))
    check(0 < len(entries) <= FAILOVER_ENTRIES_MAX, f"a failover log of {len(entries)} entries")
    check(all(uuid for uuid, _ in entries), "a failover log with uuid 0")
    check(len({uuid for uuid, _ in entries}) == len(entries), "a failover log with one uuid twice")
    seqnos = [seqno for _, seqno in entries]
    check(seqnos == sorted(seqnos, reverse=True), f"a failover log out of order: {seqnos}")
    return entries


def main() -> int:
    parser = argparse.ArgumentParser(description="Streams everything once, checking every frame.")
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--user", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--window", type=int, default=Options.window)
    parser.add_argument("--expiry-opcode", action="store_true")
    parser.add_argument("--collections", action="store_true", help="show every collection, and changes of them")
    parser.add_argument("--documents", action="store_true", help="print each document as a line of JSON")
    args = parser.parse_args()
    connection = Connection.open(args.server)
    password = os.environ.get("MILLSTREAM_PASSWORD", "")
    connection.log_in(args.user, password, args.bucket, collections=args.collections)
    options = Options(window=args.window, expiry_opcode=args.expiry_opcode, collections=args.collections)
    reader = Reader(connection, options).read()
    if args.documents:
        for key, document in reader.documents.items():
            fields = vars(document) | {
                "key": key.decode("utf-8", "backslashreplace"),
                "value": base64.b64encode(document.value).decode(),
            }
            print(json.dumps(fields))
    print(json.dumps(dict(sorted(reader.counts.items()))), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
