"""What the parts of the lane share: checks that are counted, and how to get in."""

from __future__ import annotations

from server import BUCKET, PASSWORD, USER, Failed, Server
from wire import Connection

# How many checks have held.
passed = 0


def check(holds: bool, what: str) -> None:
    global passed
    if not holds:
        raise Failed(what)
    passed += 1


def say(text: str) -> None:
    print(f"interop: {text}", flush=True)


def short(key: bytes) -> str:
    return repr(key if len(key) < 60 else key[:50] + b"...")


def whereabouts_of(server: Server) -> dict[str, str]:
    """What programs of others are told in their environment."""
    return {"MILLSTREAM_SERVER": server.address, "MILLSTREAM_USER": USER, "MILLSTREAM_BUCKET": BUCKET}


def logged_in(server: Server, *, collections: bool = False) -> Connection:
    connection = Connection.open(server.address)
    connection.log_in(USER, PASSWORD, BUCKET, collections=collections)
    return connection
