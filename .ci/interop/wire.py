"""Frames of the memcached binary protocol, and a small client made of them.

Written from the protocol's description alone and sharing nothing with the server's code, so that a mistake in one is not
repeated in the other.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

HEADER = struct.Struct("!BBHBBHIIQ")
HEADER_BYTES = 24
REQUEST, RESPONSE = 0x80, 0x81
# No frame that these scripts provoke has a longer body.
BODY_BYTES_MAX = 21 * 1024 * 1024

GET, SET, DELETE, NOOP, STAT = 0x00, 0x01, 0x04, 0x0A, 0x10
HELLO, SASL_LIST_MECHS, SASL_AUTH, DCP_NOOP = 0x1F, 0x20, 0x21, 0x5C
GET_ALL_VB_SEQNOS, SELECT_BUCKET, OBSERVE_SEQNO, GET_COLLECTION_ID = 0x48, 0x89, 0x91, 0xBB

FEATURE_XERROR, FEATURE_SELECT_BUCKET, FEATURE_JSON, FEATURE_COLLECTIONS = 0x07, 0x08, 0x0B, 0x12

OK, KEY_NOT_FOUND = 0x00, 0x01


class ProtocolError(Exception):
    """The server sent what the protocol does not allow."""


class Refused(Exception):
    """The server answered with a status other than success."""

    def __init__(self, what: str, frame: Frame):
        text = frame.value.decode("utf-8", "replace")
        super().__init__(f"{what}: status 0x{frame.status:02x} {text}".rstrip())
        self.status = frame.status


@dataclass(frozen=True)
class Frame:
    """One frame, cut into its parts. `status` is the vbucket in a request."""

    magic: int
    opcode: int
    status: int = 0
    opaque: int = 0
    cas: int = 0
    datatype: int = 0
    extras: bytes = b""
    key: bytes = b""
    value: bytes = b""

    @property
    def vb(self) -> int:
        return self.status

    @property
    def size(self) -> int:
        return HEADER_BYTES + len(self.extras) + len(self.key) + len(self.value)

    def encode(self) -> bytes:
        body = self.extras + self.key + self.value
        head = HEADER.pack(
            self.magic,
            self.opcode,
            len(self.key),
            len(self.extras),
            self.datatype,
            self.status,
            len(body),
            self.opaque,
            self.cas,
        )
        return head + body


def decode(data: bytes | bytearray | memoryview) -> tuple[Frame, int] | None:
    """The first frame of `data` and its size, or None when more bytes are needed."""
    if len(data) < HEADER_BYTES:
        return None
    magic, opcode, key_len, extras_len, datatype, status, body_len, opaque, cas = HEADER.unpack_from(data)
    if magic not in (REQUEST, RESPONSE):
        raise ProtocolError(f"magic 0x{magic:02x}")
    if body_len > BODY_BYTES_MAX:
        raise ProtocolError(f"opcode 0x{opcode:02x}: a body of {body_len} bytes")
    if extras_len + key_len > body_len:
        raise ProtocolError(
            f"opcode 0x{opcode:02x}: extras of {extras_len} and key of {key_len} bytes in a body of {body_len}"
        )
    size = HEADER_BYTES + body_len
    if len(data) < size:
        return None
    body = bytes(data[HEADER_BYTES:size])
    key_at, value_at = extras_len, extras_len + key_len
    frame = Frame(
        magic, opcode, status, opaque, cas, datatype, body[:key_at], body[key_at:value_at], body[value_at:]
    )
    return frame, size


class Connection:
    """A connection that takes one frame at a time."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = bytearray()
        self.consumed = 0
        self.next_opaque = 1

    @classmethod
    def open(cls, server: str, timeout: float = 30.0) -> Connection:
        host, _, port = server.rpartition(":")
        sock = socket.create_connection((host.strip("[]"), int(port)), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock)

    def close(self) -> None:
        self.sock.close()

    def send(self, *frames: Frame) -> None:
        self.sock.sendall(b"".join(frame.encode() for frame in frames))

    def buffered(self) -> Frame | None:
        """The next frame, if it is already here."""
        found = decode(memoryview(self.buffer)[self.consumed :])
        if found is None:
            return None
        self.consumed += found[1]
        if self.consumed > 1 << 20:
            del self.buffer[: self.consumed]
            self.consumed = 0
        return found[0]

    def receive(self) -> Frame:
        """The next frame; waits for it, but not longer than the socket's timeout."""
        while True:
            frame = self.buffered()
            if frame is not None:
                return frame
            data = self.sock.recv(1 << 18)
            if not data:
                raise ProtocolError("the server closed the connection")
            self.buffer += data

    def request(self, opcode: int, **parts) -> Frame:
        """A request with an opaque of its own."""
        opaque, self.next_opaque = self.next_opaque, self.next_opaque + 1
        return Frame(REQUEST, opcode, opaque=opaque, **parts)

    def call(self, opcode: int, **parts) -> Frame:
        """Sends one request and returns its answer, whatever its status."""
        request = self.request(opcode, **parts)
        self.send(request)
        answer = self.receive()
        while (answer.magic, answer.opcode) == (REQUEST, DCP_NOOP):
            # A connection that was opened for DCP is asked now and then whether it is alive.
            self.send(Frame(RESPONSE, DCP_NOOP, opaque=answer.opaque))
            answer = self.receive()
        if (answer.magic, answer.opcode, answer.opaque) != (RESPONSE, opcode, request.opaque):
            raise ProtocolError(f"0x{opcode:02x} was answered with {answer}")
        return answer

    def must(self, what: str, opcode: int, **parts) -> Frame:
        """Sends one request that has to succeed."""
        answer = self.call(opcode, **parts)
        if answer.status != OK:
            raise Refused(what, answer)
        return answer

    def log_in(self, user: str, password: str, bucket: str, *, collections: bool = False) -> None:
        """HELLO, SASL PLAIN, SELECT_BUCKET."""
        asked = [FEATURE_XERROR, FEATURE_SELECT_BUCKET, FEATURE_JSON]
        if collections:
            asked.append(FEATURE_COLLECTIONS)
        wanted = b"".join(struct.pack("!H", feature) for feature in asked)
        granted = self.must("HELLO", HELLO, key=b"interop", value=wanted).value
        if len(granted) % 2:
            raise ProtocolError(f"HELLO granted {len(granted)} bytes of 2-byte features")
        for (feature,) in struct.iter_unpack("!H", granted):
            if feature not in asked:
                raise ProtocolError(f"HELLO granted 0x{feature:02x}, which nobody asked for")
        if collections and (FEATURE_COLLECTIONS,) not in struct.iter_unpack("!H", granted):
            raise ProtocolError("HELLO did not grant collections")
        mechanisms = self.must("SASL_LIST_MECHS", SASL_LIST_MECHS).value.decode().split(" ")
        if "PLAIN" not in mechanisms:
            raise ProtocolError(f"PLAIN is not among the mechanisms {mechanisms}")
        credentials = b"\0" + user.encode() + b"\0" + password.encode()
        self.must("SASL_AUTH", SASL_AUTH, key=b"PLAIN", value=credentials)
        self.must("SELECT_BUCKET", SELECT_BUCKET, key=bucket.encode())

    def collection_id(self, path: str) -> int:
        """The id of `scope.collection`."""
        answer = self.must(f"id of {path}", GET_COLLECTION_ID, value=path.encode())
        _manifest, collection = struct.unpack("!QI", answer.extras)
        return collection

    def vbucket_seqnos(self) -> dict[int, int]:
        """The high seqno of every active vbucket."""
        value = self.must("GET_ALL_VB_SEQNOS", GET_ALL_VB_SEQNOS, extras=struct.pack("!I", 1)).value
        if len(value) % 10:
            raise ProtocolError(f"GET_ALL_VB_SEQNOS answered {len(value)} bytes of 10-byte entries")
        seqnos = dict(struct.iter_unpack("!HQ", value))
        if len(seqnos) != len(value) // 10:
            raise ProtocolError("GET_ALL_VB_SEQNOS named a vbucket twice")
        return seqnos


def leb128(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))
