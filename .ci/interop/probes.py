"""What the server says to requests that it has to refuse, and to the borderline ones that it has to grant.

Each probe is a row: what is sent, and the status that the documentation promises (docs/src/protocol).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from dcp_reader import BUFFER_ACK, CLOSE_STREAM, CONTROL, FAILOVER_LOG, FOREVER, OPEN, STREAM_END, STREAM_REQUEST
from wire import (
    DELETE,
    GET,
    GET_ALL_VB_SEQNOS,
    NOOP,
    OBSERVE_SEQNO,
    REQUEST,
    RESPONSE,
    SASL_AUTH,
    SELECT_BUCKET,
    SET,
    Connection,
    Frame,
    ProtocolError,
)

# What comes on the wire: None stands for "the connection is closed".
Outcome = tuple[str, int | None, int | None]
LogIn = Callable[[], Connection]

OPENS = [
    ("producer", 0x001, b"p", 0x00),
    ("producer with delete times", 0x021, b"p", 0x00),
    ("the longest name", 0x001, b"n" * 200, 0x00),
    ("a consumer", 0x000, b"p", 0x83),
    ("xattrs", 0x005, b"p", 0x00),
    ("no value", 0x009, b"p", 0x00),
    ("no value, datatype kept", 0x041, b"p", 0x00),
    ("both kinds of no value", 0x049, b"p", 0x04),
    ("deleted user xattrs", 0x105, b"p", 0x00),
    ("deleted user xattrs without xattrs", 0x101, b"p", 0x04),
    ("skip deletes", 0x201, b"p", 0x04),
    ("the old notifier", 0x003, b"p", 0x04),
    ("the old collections flag", 0x011, b"p", 0x04),
    ("an unknown flag", 0x401, b"p", 0x04),
    ("no name", 0x001, b"", 0x04),
    ("a name too long", 0x001, b"n" * 201, 0x04),
    ("a name that is not UTF-8", 0x001, b"\xff\xfe", 0x04),
]

CONTROLS = [
    ("connection_buffer_size", "4294967295", 0x00),
    ("connection_buffer_size", "0", 0x00),
    ("connection_buffer_size", "4294967296", 0x04),
    ("connection_buffer_size", "-1", 0x04),
    ("connection_buffer_size", "many", 0x04),
    ("stream_buffer_size", "1024", 0x83),
    ("enable_noop", "true", 0x00),
    ("enable_noop", "false", 0x00),
    ("set_noop_interval", "20", 0x00),
    ("set_noop_interval", "0.5", 0x00),
    ("set_noop_interval", "0.01", 0x04),
    ("set_noop_interval", "soon", 0x04),
    ("set_priority", "high", 0x00),
    ("set_priority", "medium", 0x00),
    ("set_priority", "low", 0x00),
    ("set_priority", "urgent", 0x04),
    ("backfill_order", "round-robin", 0x00),
    ("backfill_order", "sequential", 0x00),
    ("backfill_order", "random", 0x04),
    ("force_value_compression", "true", 0x04),
    ("supports_cursor_dropping", "true", 0x00),
    ("supports_cursor_dropping_vulcan", "true", 0x00),
    ("supports_hifi_MFU", "true", 0x00),
    ("send_stream_end_on_client_close_stream", "true", 0x00),
    ("enable_expiry_opcode", "true", 0x00),
    ("enable_stream_id", "true", 0x00),
    ("enable_sync_writes", "true", 0x83),
    ("consumer_name", "somebody", 0x83),
    ("enable_out_of_order_snapshots", "true", 0x83),
    ("include_deleted_user_xattrs", "true", 0x04),
    ("v7_dcp_status_codes", "true", 0x00),
    ("flatbuffers_system_events", "true", 0x00),
    ("change_streams", "true", 0x83),
    ("max_marker_version", "2.2", 0x83),
    ("cache_transfer", "true", 0x83),
    ("no_such_key", "true", 0x04),
    ("enable_noop", "", 0x04),
    ("", "true", 0x04),
]


def probe(log_in: LogIn, connect: LogIn, vbuckets: int) -> Iterator[Outcome]:
    """Every probe: what it was, the status that came, the status that was promised."""
    yield from strangers(connect)
    yield from opens(log_in)
    yield from controls(log_in)
    yield from key_values(log_in, vbuckets)
    yield from streams(log_in, vbuckets)


def status(connection: Connection, opcode: int, **parts) -> int | None:
    try:
        return connection.call(opcode, **parts).status
    except (ProtocolError, ConnectionError):
        return None


def strangers(connect: LogIn) -> Iterator[Outcome]:
    """Before authentication."""
    connection = connect()
    yield "NOOP by a stranger", status(connection, NOOP), 0x00
    yield "GET by a stranger", status(connection, GET, key=b"k"), 0x24
    yield "SELECT_BUCKET by a stranger", status(connection, SELECT_BUCKET, key=b"interop"), 0x24
    yield "an unknown command by a stranger", status(connection, 0xE7), 0x81
    yield "DCP_OPEN by a stranger", status(connection, OPEN, extras=struct.pack("!II", 0, 1), key=b"p"), 0x24
    yield "a wrong password", status(connection, SASL_AUTH, key=b"PLAIN", value=b"\0nobody\0nothing"), 0x20
    connection.close()
    connection = connect()
    connection.sock.sendall(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n")
    try:
        came: int | None = connection.receive().status
        connection.receive()
    except (ProtocolError, ConnectionError):
        came = None
    yield "HTTP", came, None
    connection.close()


def opens(log_in: LogIn) -> Iterator[Outcome]:
    for what, flags, name, promised in OPENS:
        connection = log_in()
        yield f"open: {what}", status(connection, OPEN, extras=struct.pack("!II", 0, flags), key=name), promised
        connection.close()
    connection = log_in()
    yield "control before open", status(connection, CONTROL, key=b"enable_noop", value=b"true"), 0x04
    yield "stream request before open", status(connection, STREAM_REQUEST, extras=bytes(48)), 0x04
    yield "open with short extras", status(connection, OPEN, extras=bytes(4), key=b"p"), 0x04
    connection.must("open", OPEN, extras=struct.pack("!II", 0, 1), key=b"probe")
    yield "open twice", status(connection, OPEN, extras=struct.pack("!II", 0, 1), key=b"probe"), 0x04
    yield "select a bucket once open", status(connection, SELECT_BUCKET, key=b"interop"), 0x83
    yield "authenticate once open", status(connection, SASL_AUTH, key=b"PLAIN", value=b"\0a\0b"), 0x83
    connection.close()


def opened(log_in: LogIn) -> Connection:
    connection = log_in()
    connection.must("open", OPEN, extras=struct.pack("!II", 0, 1), key=b"probe")
    return connection


def controls(log_in: LogIn) -> Iterator[Outcome]:
    connection = opened(log_in)
    for key, value, promised in CONTROLS:
        came = status(connection, CONTROL, key=key.encode(), value=value.encode())
        yield f"control {key} = {value}", came, promised
    connection.close()


def key_values(log_in: LogIn, vbuckets: int) -> Iterator[Outcome]:
    connection = log_in()
    extras = bytes(8)
    yield "a command that does not exist", status(connection, 0xE7), 0x81
    yield "GET of no key", status(connection, GET), 0x04
    yield "GET with extras", status(connection, GET, extras=b"\0", key=b"k"), 0x04
    yield "SET with short extras", status(connection, SET, extras=bytes(4), key=b"k"), 0x04
    yield "SET with a key too long", status(connection, SET, extras=extras, key=b"k" * 251, value=b"v"), 0x04
    too_large = bytes(20 * 1024 * 1024 + 1)
    yield "SET of a value too large", status(connection, SET, extras=extras, key=b"probe:large", value=too_large), 0x03
    yield "SET in no vbucket", status(connection, SET, status=vbuckets, extras=extras, key=b"k"), 0x07
    yield "DELETE of nothing", status(connection, DELETE, key=b"probe:nothing"), 0x01
    yield "SET with the CAS of nothing", status(connection, SET, cas=7, extras=extras, key=b"probe:nothing"), 0x01
    yield "select a bucket that does not exist", status(connection, SELECT_BUCKET, key=b"elsewhere"), 0x24
    for state, promised in ((1, 0x00), (2, 0x00), (5, 0x04)):
        what = f"seqnos of vbuckets in state {state}"
        yield what, status(connection, GET_ALL_VB_SEQNOS, extras=struct.pack("!I", state)), promised
    yield "observe a branch that never was", status(connection, OBSERVE_SEQNO, value=struct.pack("!Q", 1)), 0x01
    connection.close()


def streams(log_in: LogIn, vbuckets: int) -> Iterator[Outcome]:
    connection = opened(log_in)
    high = connection.vbucket_seqnos()[0]
    log = connection.must("failover log", FAILOVER_LOG).value
    ((uuid, _),) = struct.iter_unpack("!QQ", log[:16])
    yield "failover log of no vbucket", status(connection, FAILOVER_LOG, status=vbuckets), 0x07

    def request(flags=0, start=0, end=FOREVER, branch=0, snap=None, vb=0, **parts) -> int | None:
        snap_start, snap_end = snap or (start, start)
        extras = struct.pack("!IIQQQQQ", flags, 0, start, end, branch, snap_start, snap_end)
        return status(connection, STREAM_REQUEST, status=vb, extras=extras, **parts)

    refusals = [
        ("short extras", status(connection, STREAM_REQUEST, extras=bytes(44)), 0x04),
        ("a filter without collections", request(value=b"{}"), 0x04),
        ("takeover", request(flags=0x01), 0x83),
        ("no value", request(flags=0x08), 0x04),
        ("cache transfer", request(flags=0x100), 0x83),
        ("an unknown flag", request(flags=0x200), 0x04),
        ("no such vbucket", request(vb=vbuckets), 0x07),
        ("start above end", request(start=5, end=4), 0x22),
        ("start below its snapshot", request(start=5, branch=uuid, snap=(6, 9)), 0x22),
        ("start above its snapshot", request(start=5, branch=uuid, snap=(1, 4)), 0x22),
        ("a branch that never was", request(start=high, branch=uuid ^ 1), 0x23),
        ("ahead of the server", request(start=high + 9, branch=uuid), 0x23),
        ("strict, from nothing, on a branch that never was", request(flags=0x20, branch=uuid ^ 1), 0x23),
    ]
    yield from ((f"stream request: {what}", came, promised) for what, came, promised in refusals)
    yield "close of no stream", status(connection, CLOSE_STREAM), 0x01
    yield "close in no vbucket", status(connection, CLOSE_STREAM, status=vbuckets), 0x01

    # An acknowledgement has no answer: the next answer is that of the request behind it.
    connection.send(connection.request(BUFFER_ACK, extras=struct.pack("!I", 1 << 31)))
    yield "request behind an acknowledgement of too much", status(connection, FAILOVER_LOG), 0x00

    connection.must("control", CONTROL, key=b"send_stream_end_on_client_close_stream", value=b"true")
    yield "from the latest, for ever", request(flags=0x40), 0x00
    yield "the same again", request(flags=0x40), 0x02
    yield "close of it", status(connection, CLOSE_STREAM), 0x00
    yield "its end, with the reason", stream_end(connection), 1
    yield "close of what is closed", status(connection, CLOSE_STREAM), 0x01
    yield "everything that there is, from all of it", request(start=high, end=high, branch=uuid), 0x00
    yield "its end at once, with the reason", stream_end(connection), 0
    connection.close()


def stream_end(connection: Connection) -> int | None:
    """The reason of the stream end that is due next."""
    frame: Frame = connection.receive()
    if (frame.magic, frame.opcode) != (REQUEST, STREAM_END):
        return frame.status if frame.magic == RESPONSE else None
    return struct.unpack("!I", frame.extras)[0]
