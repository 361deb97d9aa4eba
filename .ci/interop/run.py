#!/usr/bin/env python3
"""Third-party clients write, we stream, and everything has to be there: once, in its newest version, unchanged.

The writers are the programs in `writers/`; the readers are `dcp_reader.py`, which shares no code with the server, and
`millstream tail`. Run it with the Python that has the writers' packages; `install.sh` makes one.
"""

from __future__ import annotations

import base64
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import checks  # noqa: E402
from checks import check, logged_in, say, short, whereabouts_of  # noqa: E402
from dcp_reader import Document, Options, Reader  # noqa: E402
from dcp_rs_reader import DCP_RS, read_with_dcp_rs  # noqa: E402
from probes import probe  # noqa: E402
from server import BINARY, BUCKET, PASSWORD, USER, Failed, Server, environment  # noqa: E402
from wire import DELETE, GET, KEY_NOT_FOUND, OBSERVE_SEQNO, OK, SET, Connection, leb128  # noqa: E402

VBUCKETS = 1024
RAW_KEYS = 8192
PIPELINE = 128
# What each writer program is called, what it needs, and whether it may be absent.
WRITERS = {
    "python-binary-memcached": (["python", "bmemcached_writer.py"], "python:bmemcached", False),
    "memjs": (["node", "memjs_writer.js"], "node:memjs", False),
    "couchbase SDK": (["python", "couchbase_writer.py"], "python:couchbase", False),
    "pylibmc": (["python", "pylibmc_writer.py"], "python:pylibmc", True),
    "libmemcached tools": (["python", "libmemcached_writer.py"], "program:memcslap", True),
}
# Scopes and collections that the SDK writes to; the last is dropped before anything is read.
COLLECTIONS = ("shop.items", "shop.visits", "other.items", "other.gone")
DROPPED = "other.gone"
# memcslap chooses its keys at random; this is how many it may have written.
SLAP_KEYS_MAX = 4000

# What was written, by key: in the default collection; or by a collection's path and the key.
Truth = dict[bytes, dict]
Named = dict[tuple[str, bytes], dict]

# Writing ------------------------------------------------------------------------------------------


def available(need: str) -> bool:
    kind, _, name = need.partition(":")
    commands = {
        "python": [sys.executable, "-c", f"import {name}"],
        "node": ["node", "-e", f"require('{name}')"],
        "program": ["sh", "-c", f"command -v {name}"],
    }
    return subprocess.run(commands[kind], capture_output=True, check=False).returncode == 0


def run_writers(server: Server) -> tuple[Truth, Named]:
    truth: Truth = {}
    in_collections: Named = {}
    for name, ((runtime, program), need, optional) in WRITERS.items():
        if not available(need):
            check(optional, f"{name} is not installed ({need})")
            say(f"SKIPPED {name}: {need} is not installed")
            continue
        with tempfile.NamedTemporaryFile(suffix=".ndjson") as out:
            whereabouts = whereabouts_of(server) | {"MILLSTREAM_COLLECTIONS": " ".join(COLLECTIONS)}
            interpreter = sys.executable if runtime == "python" else runtime
            done = subprocess.run(
                [interpreter, HERE / "writers" / program, out.name],
                env=environment() | whereabouts,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            said = (done.stdout + done.stderr).strip()
            check(done.returncode == 0, f"{name}: exit code {done.returncode}: {said}")
            lines = [json.loads(line) for line in out]
        check(bool(lines), f"{name} wrote nothing")
        for line in lines:
            collection, key = line.pop("collection", ""), base64.b64decode(line.pop("key"))
            line["value"] = base64.b64decode(line.get("value", ""))
            if collection:
                in_collections[collection, key] = line
            else:
                truth[key] = line
        say(f"{name}: {said.splitlines()[-1]}")
    return truth, in_collections


def manage(server: Server, method: str, path: str, **form: str) -> dict:
    """A request to the management endpoints of the bucket's scopes."""
    url = f"http://{server.http}/pools/default/buckets/{BUCKET}/scopes{path}"
    data = "&".join(f"{name}={value}" for name, value in form.items()).encode() or None
    request = urllib.request.Request(url, data=data, method=method)
    credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request.add_header("Authorization", f"Basic {credentials}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def make_collections(server: Server) -> None:
    """By each of the two ways: the command line, the management endpoints."""
    for scope in sorted({path.split(".")[0] for path in COLLECTIONS}):
        millstream(server, "scope", "create", scope)
    for n, path in enumerate(COLLECTIONS):
        scope, name = path.split(".")
        if n % 2:
            manage(server, "POST", f"/{scope}/collections", name=name)
        else:
            millstream(server, "collection", "create", path)
    listed = [json.loads(line) for line in millstream(server, "collection", "list").splitlines()]
    paths = {f"{line['scope']}.{line['collection']}" for line in listed}
    check(paths == {"_default._default", *COLLECTIONS}, f"collections that were made: {paths}")


def millstream(server: Server, *arguments: str) -> str:
    """Runs a command of ours against the management endpoints."""
    command = [BINARY, *arguments, "--http", str(server.http), "--user", USER, "--bucket", BUCKET]
    done = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    check(done.returncode == 0, f"millstream {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def vbucket_of(key: bytes) -> int:
    return (zlib.crc32(key) >> 16 & 0x7FFF) % VBUCKETS


def pipelined(connection: Connection, requests: list) -> list:
    """The answers to many requests, which must come in their order."""
    answers = []
    for at in range(0, len(requests), PIPELINE):
        batch = requests[at : at + PIPELINE]
        connection.send(*batch)
        for request in batch:
            answer = connection.receive()
            check((answer.opcode, answer.opaque) == (request.opcode, request.opaque), "answers out of order")
            answers.append(answer)
    return answers


def write_everywhere(connection: Connection, prefix: str) -> Truth:
    """Sets, overwrites and deletes keys of every vbucket: the plain clients above know vbucket 0 only."""
    rng = random.Random(prefix)
    truth: Truth = {}
    requests = []
    for turn in range(2):
        for n in range(RAW_KEYS):
            key = f"{prefix}:{n}".encode()
            if turn == 1 and n % 3:
                continue
            value, flags = rng.randbytes(rng.randrange(400)), rng.getrandbits(32)
            extras = struct.pack("!II", flags, 0)
            requests.append(connection.request(SET, status=vbucket_of(key), extras=extras, key=key, value=value))
            truth[key] = {"kind": "mutation", "flags": flags, "value": value, "expiry": (0, 0)}
    for n in range(0, RAW_KEYS, 5):
        key = f"{prefix}:{n}".encode()
        requests.append(connection.request(DELETE, status=vbucket_of(key), key=key))
        truth[key] = {"kind": "deletion"}
    answers = pipelined(connection, requests)
    bad = Counter(answer.status for answer in answers if answer.status != OK)
    check(not bad, f"refused writes, by status: {dict(bad)}")
    for request, answer in zip(requests, answers, strict=True):
        # The last answer for a key is that of its newest version.
        check(answer.cas != 0, "a write was answered without a CAS")
        truth[request.key]["cas"] = answer.cas
    say(f"every vbucket: {len(requests)} operations, {len(truth)} keys")
    return truth


# Reading ------------------------------------------------------------------------------------------


def stream(server: Server, options: Options, ends: dict[int, int] | None = None) -> Reader:
    connection = logged_in(server, collections=options.collections)
    try:
        return Reader(connection, options).read(ends)
    finally:
        connection.close()


class Follower:
    """A reader that is there before the first write, and follows until told where to stop."""

    def __init__(self, server: Server):
        self.reader = Reader(logged_in(server), Options(name="interop:follower", follow=True, window=65_536))
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.reader.read()
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that asks
            self.failure = failure

    def stop(self, highs: dict[int, int]) -> Reader:
        self.reader.stop_at = highs
        self.thread.join(60)
        check(not self.thread.is_alive(), "the follower did not reach the high seqnos within 60 s")
        if self.failure is not None:
            raise self.failure
        self.reader.connection.close()
        return self.reader


def settle(server: Server) -> dict[int, int]:
    """Waits until everything that was written is persisted; returns the high seqnos."""
    deadline = time.monotonic() + 60
    readers = logged_in(server)
    logs = Reader(readers)
    logs.open()
    connection = logged_in(server)
    highs = connection.vbucket_seqnos()
    uuids = {vb: logs.failover_log(vb)[0][0] for vb, high in highs.items() if high}
    for vb, uuid in uuids.items():
        while True:
            answer = connection.must("OBSERVE_SEQNO", OBSERVE_SEQNO, status=vb, value=struct.pack("!Q", uuid))
            form, of_vb, of_uuid, persisted, current = struct.unpack("!BHQQQ", answer.value)
            check((form, of_vb, of_uuid) == (0, vb, uuid), f"OBSERVE_SEQNO of vb {vb}: {answer.value.hex()}")
            check(persisted <= current, f"vb {vb}: persisted {persisted} is above {current}")
            if persisted >= highs[vb]:
                break
            if time.monotonic() > deadline:
                raise Failed(f"vb {vb}: persisted {persisted} of {highs[vb]} after 60 s")
            time.sleep(0.02)
    connection.close()
    readers.close()
    return highs


# Comparing ----------------------------------------------------------------------------------------


def compare(documents: dict[bytes, Document], truth: Truth, *, expirations: bool, strangers_max: int) -> Counter:
    """Everything that was written arrived, in its newest version, and nothing else did."""
    counts: Counter[str] = Counter()
    missing = [key for key in truth if key not in documents]
    check(not missing, f"{len(missing)} keys did not arrive, {', '.join(map(short, missing[:5]))} first")
    strangers = [key for key in documents if key not in truth]
    check(len(strangers) <= strangers_max, f"{len(strangers)} keys arrived that nobody wrote: {strangers[:3]}")
    for key, wanted in truth.items():
        got = documents[key]
        kind = wanted["kind"]
        if kind == "expiration" and not expirations:
            kind = "deletion"
        check(got.kind == kind, f"{short(key)}: a {got.kind}, not a {kind}")
        counts[kind] += 1
        if "cas" in wanted:
            check(got.cas == wanted["cas"], f"{short(key)}: CAS {got.cas}, and the writer was told {wanted['cas']}")
            counts["CAS"] += 1
        if kind != "mutation":
            continue
        check(got.value == wanted["value"], f"{short(key)}: another value of {len(got.value)} bytes")
        check(got.flags == wanted["flags"], f"{short(key)}: flags {got.flags}, not {wanted['flags']}")
        earliest, latest = wanted["expiry"]
        check(earliest <= got.expiry <= latest, f"{short(key)}: expiry {got.expiry}, not {earliest} to {latest}")
        counts["value bytes"] += len(got.value)
    counts["strangers"] = len(strangers)
    check(counts["CAS"] > 0, "no writer told which CAS it was answered with")
    return counts


def with_collections(server: Server, truth: Truth, named: Named) -> Truth:
    """What was written, by keys with the ids of their collections in front; nothing of the one that was dropped."""
    connection = logged_in(server, collections=True)
    ids = {path: leb128(connection.collection_id(path)) for path in COLLECTIONS if path != DROPPED}
    connection.close()
    everything = {b"\0" + key: fields for key, fields in truth.items()}
    everything |= {ids[path] + key: fields for (path, key), fields in named.items() if path in ids}
    check(len(everything) > len(truth), "nothing was written to the collections")
    return everything


def check_system_events(count: int, who: str) -> None:
    """Two scopes and the collections come in each vbucket, and one goes, which may hide that it came."""
    made = 2 + len(COLLECTIONS)
    check(VBUCKETS * made <= count <= VBUCKETS * (made + 1), f"{who}: {count} system events")


def read_collections(server: Server, truth: Truth, named: Named) -> Reader:
    """Everything of every collection on one connection, with the events that tell of them."""
    everything = with_collections(server, truth, named)
    reader = stream(server, Options(name="interop:collections", collections=True))
    report("stream of all collections", reader, everything)
    events = reader.counts["system events"]
    check_system_events(events, "stream of all collections")
    count = len(everything) - len(truth)
    say(f"collections: {count} keys in {len(COLLECTIONS) - 1} collections, {events} system events")
    return reader


def compare_with_gets(server: Server, documents: dict[bytes, Document]) -> int:
    """What GET answers is what the stream said, CAS included."""
    connection = logged_in(server)
    requests = [connection.request(GET, status=document.vb, key=key) for key, document in documents.items()]
    answers = pipelined(connection, requests)
    for (key, document), answer in zip(documents.items(), answers, strict=True):
        if document.kind == "mutation":
            check(answer.status == OK, f"GET {short(key)}: status 0x{answer.status:02x}")
            check(answer.value == document.value, f"GET {short(key)}: not the value that was streamed")
            check(answer.extras == struct.pack("!I", document.flags), f"GET {short(key)}: other flags")
            check(answer.cas == document.cas, f"GET {short(key)}: CAS {answer.cas}, streamed {document.cas}")
        else:
            check(answer.status == KEY_NOT_FOUND, f"GET {short(key)}, which is deleted: 0x{answer.status:02x}")
    connection.close()
    return len(answers)


def tailed(server: Server, *options: str) -> list[dict]:
    """The events that `millstream tail` prints."""
    command = [BINARY, "tail", "--server", server.address, "--user", USER, "--bucket", BUCKET, *options]
    done = subprocess.run(
        [*command, "--from-beginning", "--until-caught-up"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    check(done.returncode == 0, f"millstream tail: exit code {done.returncode}: {done.stderr.decode()[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def text_or_bytes(event: dict, name: str) -> bytes:
    """A field that is text where it is UTF-8, and base64 under another name where it is not."""
    if f"{name}_base64" in event:
        return base64.b64decode(event[f"{name}_base64"])
    field = event.get(name, "")
    return field.encode() if isinstance(field, str) else json.dumps(field).encode()


def compare_with_tail(server: Server, reader: Reader, *, from_disk: bool = False) -> int:
    """`millstream tail` shows the same documents, of the same collections, seqnos rising; from the disk each once."""
    documents, collections = reader.documents, reader.options.collections
    events = tailed(server, *(["--collections"] if collections else []))
    seen: set[bytes] = set()
    last: Counter[int] = Counter()
    for event in events:
        if event.get("event") not in ("mutation", "deletion", "expiration"):
            continue
        key = text_or_bytes(event, "key")
        check(("collection" in event) == collections, f"tail: collections {collections}: {event}")
        if collections:
            key = leb128(int(event["collection"], 16)) + key
        check(key in documents, f"tail: {short(key)}, which the other reader did not see")
        document = documents[key]
        check(event["seqno"] > last[event["vbucket"]], f"tail: vb {event['vbucket']} seqno {event['seqno']} does not rise")
        last[event["vbucket"]] = event["seqno"]
        if event["seqno"] < document.seqno and not from_disk:
            continue
        check(key not in seen, f"tail: {short(key)} twice")
        seen.add(key)
        check((event["vbucket"], event["seqno"]) == (document.vb, document.seqno), f"tail: {short(key)} at {event}")
        check(int(event["cas"]) == document.cas, f"tail: {short(key)} with CAS {event['cas']}")
        alive = event["event"] == "mutation"
        check(alive == (document.kind == "mutation"), f"tail: {short(key)} as {event['event']}")
        if alive:
            check(event["flags"] == document.flags, f"tail: {short(key)} with flags {event['flags']}")
            same = same_value(event, document.value)
            check(same, f"tail: {short(key)} with another value")
    check(len(seen) == len(documents), f"tail: {len(seen)} documents of {len(documents)}")
    told = sum(event.get("event") == "system_event" for event in events)
    if collections:
        check_system_events(told, "tail")
    check(collections or told == 0, f"tail: {told} system events that nobody asked for")
    return len(seen)


def same_value(event: dict, value: bytes) -> bool:
    """A value is JSON where it is JSON, text where it is text, base64 where it is neither."""
    if "value_base64" in event or isinstance(event.get("value"), str):
        return text_or_bytes(event, "value") == value
    return event.get("value") == json.loads(value)


# The whole ----------------------------------------------------------------------------------------


def first_run(folder: str) -> tuple[Truth, Named, Reader]:
    with Server("--data", folder, "--vbuckets", str(VBUCKETS), "--http-listen", "127.0.0.1:0") as server:
        say(f"serving on {server.address}, {VBUCKETS} vbuckets")
        follower = Follower(server)
        make_collections(server)
        truth, named = run_writers(server)
        millstream(server, "collection", "drop", DROPPED)
        connection = logged_in(server)
        truth |= write_everywhere(connection, "raw")
        connection.close()
        highs = settle(server)
        check(len(highs) == VBUCKETS, f"{len(highs)} vbuckets, not {VBUCKETS}")

        plain = stream(server, Options(name="interop:plain"))
        report("stream", plain, truth)
        small = Options(name="interop:window", window=8192, starve=20, expiry_opcode=True)
        careful = stream(server, small)
        report("stream, window 8192, expirations", careful, truth, expirations=True)
        check(careful.starved == small.starve, f"the window ran full {careful.starved} times of {small.starve}")
        say(f"window 8192: {careful.unacked_max} bytes out at most, largest message {careful.largest}")
        unbounded = stream(server, Options(name="interop:unbounded", window=0))
        report("stream without flow control", unbounded, truth)
        for reader in (careful, unbounded):
            check(identities(reader) == identities(plain), "two readers saw different histories")

        followed = follower.stop(highs)
        counts = compare(followed.documents, truth, expirations=False, strangers_max=SLAP_KEYS_MAX)
        check(identities(followed) == identities(plain), "the follower ended with another history")
        say(f"followed live: {sum(counts[k] for k in ('mutation', 'deletion'))} keys, {followed.counts['superseded']} "
            f"older versions before them, {sum(s.snapshots for s in followed.streams.values())} snapshots")
        say(f"GET: {compare_with_gets(server, plain.documents)} answers are what was streamed")
        say(f"millstream tail: {compare_with_tail(server, plain)} documents")
        everything = read_collections(server, truth, named)
        say(f"millstream tail: {compare_with_tail(server, everything)} documents of all collections")
        if DCP_RS:
            read_with_dcp_rs(server, plain.documents, everything.documents)
        else:
            say("SKIPPED dcp-rs: MILLSTREAM_INTEROP_DCP_RS names no program")
        probe_everything(server)
        say(f"stopped in {server.stop():.2f} s")
    return truth, named, plain


def probe_everything(server: Server) -> None:
    """Everything that is promised of refusals; says all that is not kept before it fails."""
    outcomes = list(probe(lambda: logged_in(server), lambda: Connection.open(server.address), VBUCKETS))
    broken = [(what, came, promised) for what, came, promised in outcomes if came != promised]
    for what, came, promised in broken:
        say(f"probe: {what}: {number(came)}, promised {number(promised)}")
    checks.passed += len(outcomes) - len(broken)
    check(not broken, f"{len(broken)} of {len(outcomes)} probes were not answered as promised")
    say(f"probes: {len(outcomes)} answered as promised")


def number(status: int | None) -> str:
    return "the connection was closed" if status is None else f"0x{status:02x}"


def report(what: str, reader: Reader, truth: Truth, *, expirations: bool = False, from_disk: bool = False) -> None:
    """Compares and says so. A backfill shows each key once; from memory, each snapshot does, and a key that was written
    in two of them comes in both."""
    counts = compare(reader.documents, truth, expirations=expirations, strangers_max=SLAP_KEYS_MAX)
    older, snapshots = reader.counts["superseded"], sum(s.snapshots for s in reader.streams.values())
    if from_disk or all(s.snapshots <= 1 for s in reader.streams.values()):
        check(older == 0, f"{what}: {older} older versions arrived too")
    check(reader.counts["ended streams"] == VBUCKETS, f"{what}: {reader.counts['ended streams']} streams ended")
    say(f"{what}: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        + f"; {snapshots} snapshots, {older} older versions, {reader.counts['bytes']} bytes, {reader.counts['acks']} acks")


def identities(reader: Reader) -> dict[bytes, tuple[int, int, int, int]]:
    return {key: (d.vb, d.seqno, d.cas, d.rev) for key, d in reader.documents.items()}


def after_a_stop(folder: str, truth: Truth, named: Named, before: Reader) -> None:
    """The same history from the disk; then resumed from the middle, and followed by a crash."""
    with Server("--data", folder, "--vbuckets", str(VBUCKETS)) as server:
        again = stream(server, Options(name="interop:again"))
        report("after a clean stop", again, truth, from_disk=True)
        check(identities(again) == identities(before), "a clean stop changed the history")
        everything = read_collections(server, truth, named)
        counts = [compare_with_tail(server, reader, from_disk=True) for reader in (again, everything)]
        say(f"millstream tail after a clean stop: {counts[0]} documents, {counts[1]} of all collections, each once")
        logs = {vb: (again.streams[vb].failover, s.failover) for vb, s in before.streams.items()}
        check(all(new == old for new, old in logs.values()), "a clean stop changed a failover log")

        highs = {vb: stream.seqno for vb, stream in before.streams.items()}
        halves = {vb: (s.failover[0][0], highs[vb] // 2) for vb, s in before.streams.items()}
        resume = {vb: (uuid, seqno, seqno, seqno) for vb, (uuid, seqno) in halves.items() if seqno}
        rest = stream(server, Options(name="interop:resumed", resume=resume))
        wanted = {key for key, d in again.documents.items() if d.seqno > resume.get(d.vb, (0, 0))[1]}
        check(set(rest.documents) == wanted, f"resumed: {len(rest.documents)} keys, not {len(wanted)}")
        say(f"resumed in {len(resume)} vbuckets: the {len(wanted)} keys behind them")

        connection = logged_in(server)
        write_everywhere(connection, "unsynced")
        server.kill()
        connection.close()


def after_a_kill(folder: str, before: Reader) -> None:
    """Everything that was reported as persisted is there, and the history says that it may have branched."""
    with Server("--data", folder, "--vbuckets", str(VBUCKETS)) as server:
        after = stream(server, Options(name="interop:after-kill"))
        kept = {key: identity for key, identity in identities(after).items() if key in before.documents}
        check(kept == identities(before), "a kill changed documents that were persisted")
        for vb, stream_before in before.streams.items():
            old, new = stream_before.failover, after.streams[vb].failover
            check(new[0] not in old or not stream_before.seqno, f"vb {vb}: no new failover entry after a kill")
            check(set(old) <= set(new), f"vb {vb}: the failover log lost an entry")
            check(new[0][1] >= stream_before.seqno, f"vb {vb}: the new branch begins below what was persisted")
        survivors = len(after.documents) - len(kept)
        connection = logged_in(server)
        truth = write_everywhere(connection, "after-kill")
        connection.close()
        settle(server)
        last = stream(server, Options(name="interop:last"))
        low = [key for key in truth if last.documents[key].seqno <= after.streams[last.documents[key].vb].seqno]
        check(not low, f"{len(low)} writes after the kill reused a seqno")
        say(f"after a kill: {len(kept)} persisted keys unchanged, {survivors} of {RAW_KEYS} unsynced ones there")
        server.stop()


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="millstream-interop-") as folder:
        data = os.path.join(folder, "data")
        try:
            truth, named, before = first_run(data)
            after_a_stop(data, truth, named, before)
            after_a_kill(data, before)
        except Exception as failure:  # noqa: BLE001 - one line is what a reader of the log needs
            print(f"interop: {type(failure).__name__}: {failure}", file=sys.stderr)
            print(f"interop: {checks.passed} passed, 1 failed")
            return 1
    print(f"interop: {checks.passed} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
