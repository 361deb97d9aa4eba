"""Reads with dcp-rs, a client from the registry, by way of the program in `dcp_rs/`."""

from __future__ import annotations

import os
import struct
import subprocess
from collections import Counter

from checks import check, logged_in, say, short, whereabouts_of
from dcp_reader import DELETION, EXPIRATION, MUTATION, Document, collection_of
from inflate import inflate
from relay import Relay
from server import Server, environment
from wire import REQUEST, Frame

# The program that `dcp_rs` builds.
DCP_RS = os.environ.get("MILLSTREAM_INTEROP_DCP_RS", "")
ABOUT_KEYS = (MUTATION, DELETION, EXPIRATION)
# The bit of a datatype that says that the value is compressed.
COMPRESSED = 2


def read_with_dcp_rs(
    server: Server, documents: dict[bytes, Document], everything: dict[bytes, Document]
) -> None:
    """A client from the registry, which writes its whole conversation before it reads an answer. It hands out neither
    CAS nor datatype, and values as text: what it was sent is looked at too, and what it hands out has to be that."""
    connection = logged_in(server)
    highs = connection.vbucket_seqnos()
    connection.close()
    last: dict[int, int] = {}
    for document in documents.values():
        last[document.vb] = max(last.get(document.vb, 0), document.seqno)
    check(all(highs[vb] == seqno for vb, seqno in last.items()), "seqnos of the default collection")
    with Relay(server.address) as relay:
        done = subprocess.run(
            [DCP_RS],
            env=environment() | whereabouts_of(server) | {"MILLSTREAM_SERVER": relay.address},
            input="".join(f"{vb} {seqno}\n" for vb, seqno in last.items()),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    check(done.returncode == 0, f"dcp-rs: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    sent = [frame for frame in relay.frames() if frame.magic == REQUEST and frame.opcode in ABOUT_KEYS]
    lines = done.stdout.splitlines()
    check(len(lines) <= len(sent), f"dcp-rs: {len(lines)} events, {len(sent)} were sent")
    # Whether it asks for the default collection or for everything depends on how soon it reads the answer to HELLO; so
    # does whether it takes the collections' ids off the keys. An event is known by its place in the history.
    places = {(d.vb, d.seqno): (key, d) for key, d in everything.items()}
    counts: Counter[str] = Counter()
    seqnos: Counter[int] = Counter()
    seen: set[bytes] = set()
    for line, frame in zip(lines, sent):
        seqno = handed_out(line, frame)
        check(seqno > seqnos[frame.vb], f"dcp-rs: vb {frame.vb} seqno {seqno} after {seqnos[frame.vb]}")
        seqnos[frame.vb] = seqno
        if (frame.vb, seqno) not in places:
            counts["older"] += 1  # An older version, or of the collection that was dropped meanwhile.
            continue
        key, document = places[frame.vb, seqno]
        compare_frame(frame, key, document)
        counts["compressed"] += frame.datatype >> 1 & 1
        collection, name = collection_of(key)
        if collection == 0:
            seen.add(name)
    check(seen == set(documents), f"dcp-rs: {len(seen)} keys of {len(documents)}")
    check(counts["compressed"] > 0, "dcp-rs: no value came compressed")
    say(f"dcp-rs: {len(seen)} keys of {len(last)} vbuckets, {len(lines)} events, {counts['older']} of them older, "
        f"{counts['compressed']} values compressed")


def handed_out(line: str, frame: Frame) -> int:
    """What the program prints of an event is what the client was sent; returns its seqno."""
    opcode, vb, seqno, flags, key, value = line.split(" ")
    where = f"dcp-rs: vb {vb} seqno {seqno}"
    check((int(opcode, 16), int(vb)) == (frame.opcode, frame.vb), f"{where}: opcode {opcode}, sent {frame}")
    check(frame.extras[:8] == struct.pack("!Q", int(seqno)), f"{where}: other extras than {frame.extras.hex()}")
    sent_flags = struct.unpack_from("!I", frame.extras, 16)[0] if frame.opcode == MUTATION else 0
    check(int(flags) == sent_flags, f"{where}: flags {flags}, not {sent_flags}")
    check(bytes.fromhex(key) in (frame.key, collection_of(frame.key)[1]), f"{where}: key {key}")
    text = frame.value.decode("utf-8", "replace").encode()
    check(bytes.fromhex(value) == text, f"{where}: another value than the {len(frame.value)} bytes sent")
    return int(seqno)


def compare_frame(frame: Frame, key: bytes, document: Document) -> None:
    """An event is that of the document, CAS included, whether its value is compressed or not."""
    what = f"dcp-rs: {short(key)}"
    check(frame.key == key, f"{what}: sent as {short(frame.key)}")
    check(frame.cas == document.cas, f"{what}: CAS {frame.cas}, not {document.cas}")
    check((frame.opcode == MUTATION) == (document.kind == "mutation"), f"{what}: opcode 0x{frame.opcode:02x}")
    rev = struct.unpack_from("!Q", frame.extras, 8)[0]
    check(rev == document.rev, f"{what}: revision {rev}, not {document.rev}")
    check(frame.datatype & ~COMPRESSED == document.datatype, f"{what}: datatype {frame.datatype}")
    value = inflate(frame.value) if frame.datatype & COMPRESSED else frame.value
    check(value == document.value, f"{what}: another value of {len(value)} bytes")
    if document.kind == "mutation":
        flags, expiry = struct.unpack_from("!II", frame.extras, 16)
        check((flags, expiry) == (document.flags, document.expiry), f"{what}: flags {flags}, expiry {expiry}")
