"""Checks of the reader itself: it reads what the protocol allows, and refuses each thing that it does not."""

import socket
import struct
import threading
import unittest

import dcp_reader as dcp
from dcp_reader import Options, Reader
from wire import RESPONSE, REQUEST, Connection, Frame, ProtocolError, Refused, decode

# Whole frames as they travel, by hand from the protocol's layouts.
MARKER = bytes.fromhex(
    "80 56 0000 14 00 0003 00000014 00000011 0000000000000000"
    "0000000000000000 0000000000000002 00000005"
)
MUTATION = bytes.fromhex(
    "80 57 0001 1f 01 0003 00000022 00000011 0000000000000099"
    "0000000000000002 0000000000000001 0a0b0c0d 00000000 00000000 0000 00"
    "6b 7b7d"
)
DELETION = bytes.fromhex(
    "80 58 0001 12 00 0003 00000013 00000011 0000000000000098"
    "0000000000000001 0000000000000007 0000"
    "64"
)
END = bytes.fromhex("80 55 0000 04 00 0003 00000004 00000011 0000000000000000 00000000")
LOG = struct.pack("!QQQQ", 7, 1, 5, 0)


def event(opcode: int, extras: bytes, key: bytes = b"", value: bytes = b"", **parts) -> bytes:
    fields = {"status": 3, "opaque": 0x11, "cas": 1} | parts
    return Frame(REQUEST, opcode, extras=extras, key=key, value=value, **fields).encode()


def marker(start: int, end: int, flags: int = 1, **parts) -> bytes:
    return event(dcp.SNAPSHOT_MARKER, struct.pack("!QQI", start, end, flags), **parts)


def mutation(seqno: int, key: bytes = b"k", value: bytes = b"v", rev: int = 1, **parts) -> bytes:
    extras = struct.pack("!QQIIIHB", seqno, rev, 0, 0, 0, 0, 0)
    return event(dcp.MUTATION, extras, key, value, **({"cas": seqno} | parts))


SOCKETS: list[socket.socket] = []


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection, closed after the test."""
    ends = socket.socketpair()
    SOCKETS.extend(ends)
    return ends


class Case(unittest.TestCase):
    def tearDown(self):
        while SOCKETS:
            SOCKETS.pop().close()


def opened(*, options: Options | None = None, end: int = 2) -> Reader:
    """A reader with one stream open, of vbucket 3 from 0 to `end` with opaque 0x11."""
    ours, theirs = pair()
    ours.settimeout(0.2)
    reader = Reader(Connection(ours), options or Options(timeout=0.2))
    reader.peer = theirs
    stream = dcp.Stream(3, 0x11, 0, end, open=True)
    reader.streams[3] = reader.by_opaque[0x11] = stream
    return reader


def feed(reader: Reader, data: bytes) -> Reader:
    while data:
        frame, size = decode(data)
        data = data[size:]
        reader.take(frame)
    return reader


class Codec(Case):
    def test_fixtures_are_cut_into_their_parts(self):
        frame, size = decode(MUTATION + b"more")
        self.assertEqual(size, len(MUTATION))
        self.assertEqual((frame.magic, frame.opcode, frame.vb, frame.opaque), (0x80, 0x57, 3, 0x11))
        self.assertEqual((frame.cas, frame.datatype, frame.key, frame.value), (0x99, 1, b"k", b"{}"))
        self.assertEqual(frame.size, 24 + 31 + 1 + 2)

    def test_what_is_cut_is_put_together_again(self):
        for fixture in (MARKER, MUTATION, DELETION, END):
            self.assertEqual(decode(fixture)[0].encode(), fixture)

    def test_every_prefix_asks_for_more(self):
        for cut in range(len(MUTATION)):
            self.assertIsNone(decode(MUTATION[:cut]))

    def test_bad_headers_are_refused(self):
        with self.assertRaisesRegex(ProtocolError, "magic 0x47"):
            decode(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
        with self.assertRaisesRegex(ProtocolError, "in a body of 4"):
            decode(bytes.fromhex("80 55 0001 04 00 0003 00000004 00000011 0000000000000000 00000000"))
        with self.assertRaisesRegex(ProtocolError, "a body of 4294967295"):
            decode(bytes.fromhex("80 55 0000 04 00 0003 ffffffff 00000011 0000000000000000"))


class Events(Case):
    def test_a_whole_stream(self):
        reader = feed(opened(), MARKER + DELETION + MUTATION + END)
        self.assertTrue(reader.finished())
        document = reader.documents[b"k"]
        self.assertEqual((document.seqno, document.cas, document.flags), (2, 0x99, 0x0A0B0C0D))
        self.assertEqual((document.value, document.datatype, document.rev), (b"{}", 1, 1))
        self.assertEqual(reader.documents[b"d"].kind, "deletion")
        self.assertEqual(reader.counts["bytes"], len(MARKER + DELETION + MUTATION + END))

    def refused(self, data: bytes, why: str, **how):
        with self.assertRaisesRegex(ProtocolError, why):
            feed(opened(**how), data)

    def test_an_event_before_a_marker(self):
        self.refused(mutation(1), "before any marker")

    def test_an_event_outside_its_snapshot(self):
        self.refused(marker(0, 2) + mutation(3), "outside its snapshot 0 to 2", end=9)

    def test_an_event_beyond_the_end(self):
        self.refused(marker(0, 9) + mutation(3), "beyond the end 2")

    def test_seqnos_that_do_not_rise(self):
        self.refused(marker(0, 2) + mutation(2, b"a") + mutation(1, b"b"), "seqno 1: after seqno 2")
        self.refused(marker(0, 2) + mutation(2, b"a") + mutation(2, b"b"), "seqno 2: after seqno 2")

    def test_a_key_twice_in_a_snapshot(self):
        self.refused(marker(0, 2) + mutation(1) + mutation(2, rev=2), "twice in a snapshot")

    def test_a_key_again_in_the_next_snapshot_is_a_new_version(self):
        data = marker(0, 1) + mutation(1) + marker(2, 2) + mutation(2, value=b"w", rev=2)
        reader = feed(opened(), data)
        self.assertEqual(reader.documents[b"k"].value, b"w")
        self.assertEqual(reader.counts["superseded"], 1)
        stale = marker(0, 1) + mutation(1, rev=2) + marker(2, 2) + mutation(2, rev=2)
        self.refused(stale, "revision 2 after 2")

    def test_markers(self):
        self.refused(marker(1, 2), "the first marker starts at 1, not at 0")
        self.refused(marker(0, 1) + mutation(1) + marker(1, 2), "a marker from 1 after a snapshot up to 1")
        self.refused(marker(0, 2, flags=0x12), "marker flags 0x12")
        self.refused(marker(0, 2, key=b"k"), "with key or value")
        self.refused(event(dcp.SNAPSHOT_MARKER, bytes(16)), "extras of 16 bytes")

    def test_ends(self):
        end = struct.pack("!I", 0)
        self.refused(event(dcp.STREAM_END, end), "ended at 0, though 2 was asked for")
        self.refused(event(dcp.STREAM_END, struct.pack("!I", 2)), "ended with reason 2")
        done = marker(0, 2) + mutation(2) + event(dcp.STREAM_END, end)
        self.refused(done + marker(3, 4), "opcode 0x56 after its end")

    def test_opaque_and_vbucket(self):
        self.refused(marker(0, 2, opaque=9), "opaque 9, which no stream has")
        self.refused(marker(0, 2, status=4), "vb 4 with the opaque of vb 3")

    def test_extras_and_fields_of_documents(self):
        self.refused(marker(0, 2) + event(dcp.MUTATION, bytes(28), b"k"), "extras of 28 bytes")
        self.refused(marker(0, 2) + mutation(1, cas=0), "no CAS")
        self.refused(marker(0, 2) + mutation(1, rev=0), "no revision")
        self.refused(marker(0, 2) + mutation(1, datatype=2), "datatype 2")
        self.refused(marker(0, 2) + mutation(1, key=b""), "a key of 0 bytes")
        deletion = struct.pack("!QQH", 1, 1, 0)
        self.refused(marker(0, 2) + event(dcp.DELETION, deletion, b"k", b"v"), "with a value")
        times = Options(expiry_opcode=True)
        self.refused(marker(0, 2) + event(dcp.DELETION, deletion, b"k"), "18 bytes, not 21", options=times)
        expiration = struct.pack("!QQI", 1, 1, 5)
        self.refused(marker(0, 2) + event(dcp.EXPIRATION, expiration, b"k"), "which was not asked for")
        self.refused(
            marker(0, 2) + event(dcp.EXPIRATION, expiration, b"k"), "a time of deletion of 5", options=times
        )

    def test_opcodes_that_nobody_asked_for(self):
        self.refused(event(0x65, bytes(4)), "unexpected opcode 0x65")
        self.refused(event(dcp.SEQNO_ADVANCED, bytes(8)), "collections were not agreed on")
        self.refused(event(dcp.SYSTEM_EVENT, bytes(13)), "collections were not agreed on")

    def test_a_noop_is_answered_with_its_opaque(self):
        reader = opened()
        feed(reader, Frame(REQUEST, dcp.NOOP, opaque=10_000_001).encode())
        answer, _ = decode(reader.peer.recv(100))
        self.assertEqual((answer.magic, answer.opcode, answer.opaque), (RESPONSE, dcp.NOOP, 10_000_001))
        self.assertEqual(reader.unacked, 0)


def collection(seqno: int, id: int, *, made: bool = True, ttl: int | None = None) -> bytes:
    kind, name = (dcp.CREATE_COLLECTION, b"c") if made else (dcp.DROP_COLLECTION, b"")
    version, value = 0, struct.pack("!QII", 1, 8, id)
    if ttl is not None:
        version, value = 1, value + struct.pack("!I", ttl)
    return event(dcp.SYSTEM_EVENT, struct.pack("!QIB", seqno, kind, version), name, value, cas=0)


def scope(seqno: int, *, made: bool = True) -> bytes:
    kind, name = (dcp.CREATE_SCOPE, b"s") if made else (dcp.DROP_SCOPE, b"")
    return event(dcp.SYSTEM_EVENT, struct.pack("!QIB", seqno, kind, 0), name, struct.pack("!QI", 1, 8))


def advanced(seqno: int) -> bytes:
    return event(dcp.SEQNO_ADVANCED, struct.pack("!Q", seqno))


class Collections(Case):
    ALL = Options(collections=True, timeout=0.2)
    ONLY = Options(collections=True, only=(0x89,), timeout=0.2)

    def read(self, data: bytes, options: Options = ALL) -> Reader:
        reader = opened(options=options, end=9)
        reader.streams[3].collections |= set() if options.only else {0}
        return feed(reader, data)

    def refused(self, data: bytes, why: str, options: Options = ALL):
        with self.assertRaisesRegex(ProtocolError, why):
            self.read(data, options)

    def test_events_and_keys_of_every_kind(self):
        told = scope(1) + collection(2, 0x89) + collection(3, 9, ttl=60)
        shown = mutation(4, b"\0k") + mutation(5, b"\x89\x01k") + mutation(6, b"\x09k")
        gone = collection(7, 9, made=False) + scope(8, made=False)
        reader = self.read(marker(0, 9) + told + shown + gone + advanced(9) + END)
        self.assertTrue(reader.finished())
        self.assertEqual(set(reader.documents), {b"\0k", b"\x89\x01k", b"\x09k"})
        self.assertEqual((reader.counts["system events"], reader.counts["seqnos advanced"]), (5, 1))
        self.assertEqual(reader.streams[3].seqno, 9)

    def test_a_document_of_a_collection_that_was_not_told(self):
        self.refused(marker(0, 4) + mutation(4, b"\x09k"), "collection 0x9, which the stream has not told of")
        gone = collection(2, 9) + collection(3, 9, made=False)
        self.refused(marker(0, 4) + gone + mutation(4, b"\x09k"), "which the stream has not told of")

    def test_what_was_not_asked_for(self):
        self.refused(marker(0, 4) + collection(2, 9), "0x9 was not asked for", self.ONLY)
        self.refused(marker(0, 4) + mutation(2, b"\0k"), "collection 0x0", self.ONLY)
        self.read(marker(0, 4) + collection(2, 0x89) + mutation(3, b"\x89\x01k") + advanced(4), self.ONLY)

    def test_a_seqno_advanced_is_a_place_like_others(self):
        self.refused(advanced(1), "before any marker")
        self.refused(marker(0, 4) + advanced(5), "outside its snapshot")
        self.refused(marker(0, 4) + advanced(3) + mutation(3, b"\0k"), "seqno 3: after seqno 3")

    def test_ids_in_leb128(self):
        for key, expected in [(b"\0k", (0, b"k")), (b"\x7fk", (0x7F, b"k")), (b"\x80\x01k", (0x80, b"k"))]:
            self.assertEqual(dcp.collection_of(key), expected)
        self.assertEqual(dcp.collection_of(b"\xff\xff\xff\xff\x0fk"), (0xFFFF_FFFF, b"k"))
        for key in (b"", b"\x80", b"\x80\x80\x80\x80\x80\x01k", b"\x89\0k", b"\xff\xff\xff\xff\x1fk"):
            with self.assertRaises(ProtocolError):
                dcp.collection_of(key)

    def test_system_events_that_are_none(self):
        short = event(dcp.SYSTEM_EVENT, struct.pack("!QIB", 1, 0, 0), b"c", bytes(15))
        self.refused(marker(0, 4) + short, "a value of 15 bytes")
        unknown = event(dcp.SYSTEM_EVENT, struct.pack("!QIB", 1, 2, 0), b"c", bytes(16))
        self.refused(marker(0, 4) + unknown, "of kind 2")
        nameless = event(dcp.SYSTEM_EVENT, struct.pack("!QIB", 1, 0, 0), b"", struct.pack("!QII", 1, 8, 9))
        self.refused(marker(0, 4) + nameless, "with the name")


class Window(Case):
    def test_half_a_window_is_acknowledged(self):
        reader = opened(options=Options(window=200))
        feed(reader, MARKER)
        self.assertEqual(reader.unacked, 44)
        feed(reader, MUTATION)
        self.assertEqual(reader.unacked, 0)
        ack, _ = decode(reader.peer.recv(100))
        self.assertEqual((ack.opcode, ack.extras), (dcp.BUFFER_ACK, struct.pack("!I", 44 + 58)))

    def test_one_message_may_overshoot_and_no_more(self):
        reader = opened(options=Options(window=50, starve=1), end=9)
        feed(reader, marker(0, 9) + mutation(1, b"a"))
        self.assertEqual(reader.unacked, 44 + 57)
        with self.assertRaisesRegex(ProtocolError, "101 of 50 bytes outstanding already"):
            feed(reader, mutation(2, b"b"))

    def test_silence_is_expected_of_a_full_window(self):
        reader = opened(options=Options(window=50, starve=1, starve_silence=0.05), end=9)
        feed(reader, marker(0, 9) + mutation(1, b"a"))
        self.assertTrue(reader.starving())
        reader.peer.sendall(Frame(REQUEST, dcp.NOOP, opaque=1).encode())
        reader.expect_silence()
        self.assertEqual((reader.unacked, reader.counts["noops"]), (0, 1))

        reader = opened(options=Options(window=50, starve=1, starve_silence=0.05), end=9)
        feed(reader, marker(0, 9) + mutation(1, b"a"))
        reader.peer.sendall(mutation(2, b"b"))
        with self.assertRaisesRegex(ProtocolError, "although the window is full"):
            reader.expect_silence()


class Answers(Case):
    def read(self, *answers: bytes) -> Reader:
        """Reads one stream of vbucket 3 from a peer that has written everything it will ever write."""
        ours, theirs = pair()
        reader = Reader(Connection(ours), Options(timeout=0.2))
        reader.connection.next_opaque = 0x11
        reader.open = lambda: None
        theirs.sendall(b"".join(answers))
        theirs.shutdown(socket.SHUT_WR)
        return reader.read({3: 2})

    def success(self, **parts) -> bytes:
        return Frame(RESPONSE, dcp.STREAM_REQUEST, **({"opaque": 0x11, "value": LOG} | parts)).encode()

    def test_the_failover_log_comes_first(self):
        reader = self.read(self.success(), MARKER, DELETION, MUTATION, END)
        self.assertEqual(reader.streams[3].failover, [(7, 1), (5, 0)])
        with self.assertRaisesRegex(ProtocolError, "before the answer"):
            self.read(MARKER, self.success())

    def test_bad_answers(self):
        for value, why in [
            (b"", "of 0 entries"),
            (LOG[:-1], "of 31 bytes"),
            (struct.pack("!QQ", 0, 0), "uuid 0"),
            (struct.pack("!QQQQ", 7, 0, 5, 1), "out of order"),
            (struct.pack("!QQQQ", 7, 1, 7, 0), "one uuid twice"),
            (LOG * 13, "of 26 entries"),
        ]:
            with self.assertRaisesRegex(ProtocolError, why):
                self.read(self.success(value=value))
        with self.assertRaisesRegex(ProtocolError, "answers out of order"):
            self.read(self.success(opaque=0x12))
        with self.assertRaisesRegex(ProtocolError, "an answer to nothing"):
            self.read(self.success(), self.success())

    def test_refusals_carry_their_status(self):
        with self.assertRaises(Refused) as caught:
            self.read(self.success(status=0x23, value=bytes(8)))
        self.assertEqual(caught.exception.status, 0x23)
        with self.assertRaisesRegex(ProtocolError, "a rollback answer of 32 bytes"):
            self.read(self.success(status=0x23))

    def test_a_peer_that_goes_away_or_falls_silent(self):
        with self.assertRaisesRegex(ProtocolError, "closed the connection"):
            self.read(self.success(), MARKER)
        ours, _theirs = pair()
        reader = Reader(Connection(ours), Options(timeout=0.05))
        reader.open = lambda: None
        with self.assertRaisesRegex(ProtocolError, "1 streams go on, vb \\[3\\] first"):
            reader.read({3: 2})


class Bootstrap(Case):
    def test_a_conversation_from_the_first_byte(self):
        """The peer answers each request as it comes; what it was asked is checked afterwards."""
        ours, theirs = pair()
        asked = []

        def serve():
            peer = Connection(theirs)
            values = {0x20: b"PLAIN", 0x48: struct.pack("!HQ", 3, 2), dcp.STREAM_REQUEST: LOG}
            while True:
                try:
                    request = peer.receive()
                except ProtocolError:
                    return
                asked.append(request)
                value = values.get(request.opcode, b"")
                if request.opcode == dcp.BUFFER_ACK:
                    continue
                peer.send(Frame(RESPONSE, request.opcode, opaque=request.opaque, value=value))
                if request.opcode == dcp.STREAM_REQUEST:
                    theirs.sendall(marker(0, 2, opaque=request.opaque) + mutation(2, opaque=request.opaque))
                    theirs.sendall(event(dcp.STREAM_END, struct.pack("!I", 0), opaque=request.opaque))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        connection = Connection(ours)
        connection.log_in("user", "secret", "bucket")
        reader = Reader(connection, Options(window=100, expiry_opcode=True)).read()
        ours.close()
        thread.join(5)
        self.assertEqual(list(reader.documents), [b"k"])
        opcodes = [frame.opcode for frame in asked]
        self.assertEqual(opcodes[:5], [0x1F, 0x20, 0x21, 0x89, dcp.OPEN])
        self.assertEqual(asked[2].value, b"\0user\0secret")
        self.assertEqual(asked[4].extras, struct.pack("!II", 0, 0x21))
        controls = {frame.key: frame.value for frame in asked if frame.opcode == dcp.CONTROL}
        self.assertEqual(controls[b"connection_buffer_size"], b"100")
        self.assertEqual(controls[b"enable_expiry_opcode"], b"true")
        request = next(frame for frame in asked if frame.opcode == dcp.STREAM_REQUEST)
        self.assertEqual(request.extras, struct.pack("!IIQQQQQ", 0, 0, 0, 2, 0, 0, 0))
        self.assertIn(dcp.BUFFER_ACK, opcodes)


if __name__ == "__main__":
    unittest.main()
