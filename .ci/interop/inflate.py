"""Snappy's raw form, read: the only compression that values have on the wire."""

from __future__ import annotations

from wire import ProtocolError


def inflate(data: bytes) -> bytes:
    """The plain bytes: their number stands in front, then come literals, and copies of what came before."""
    try:
        wanted, at = plain_bytes(data)
        out = bytearray()
        while at < len(data):
            at = element(data, at, out)
    except IndexError:
        raise ProtocolError(f"a compressed value that ends early, after {len(data)} bytes") from None
    if len(out) != wanted:
        raise ProtocolError(f"a compressed value of {len(out)} bytes, which says {wanted}")
    return bytes(out)


def plain_bytes(data: bytes) -> tuple[int, int]:
    """The number in front, and where what follows begins."""
    number = 0
    for at in range(5):
        number |= (data[at] & 0x7F) << (7 * at)
        if data[at] < 0x80:
            return number, at + 1
    raise ProtocolError("a compressed value whose length does not end")


def element(data: bytes, at: int, out: bytearray) -> int:
    """One literal or copy, whose tag is at `at`; returns where the next begins."""
    tag = data[at]
    kind, upper, at = tag & 3, tag >> 2, at + 1
    if kind == 0:
        length = upper + 1
        if length > 60:
            width = length - 60
            length, at = little_endian(data, at, width) + 1, at + width
        if at + length > len(data):
            raise IndexError
        out += data[at : at + length]
        return at + length
    if kind == 1:
        length, offset, at = (upper & 7) + 4, (tag >> 5) << 8 | data[at], at + 1
    else:
        width = 2 if kind == 2 else 4
        length, offset, at = upper + 1, little_endian(data, at, width), at + width
    if not 0 < offset <= len(out):
        raise ProtocolError(f"a copy from {offset} bytes back, of {len(out)}")
    for _ in range(length):
        # One at a time, since a copy may overlap with what it makes.
        out.append(out[-offset])
    return at


def little_endian(data: bytes, at: int, width: int) -> int:
    if at + width > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + width], "little")
