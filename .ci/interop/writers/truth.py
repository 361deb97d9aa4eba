"""What a writer has written: one line of JSON for each key, as the key has to look in the end."""

from __future__ import annotations

import base64
import json
import os
import sys
import time

SERVER = os.environ["MILLSTREAM_SERVER"]
BUCKET = os.environ["MILLSTREAM_BUCKET"]
USER = os.environ["MILLSTREAM_USER"]
PASSWORD = os.environ["MILLSTREAM_PASSWORD"]

# Sizes around the borders that clients and servers have: nothing, one byte, length bytes, pages, half a mebibyte.
SIZES = (0, 1, 2, 127, 128, 129, 255, 256, 1000, 4095, 4096, 16_384, 65_535, 65_536, 262_144, 524_288)
TTL_SECONDS = 1
# Scopes and collections that are there, as SCOPE.COLLECTION with blanks between.
COLLECTIONS = [tuple(path.split(".")) for path in os.environ.get("MILLSTREAM_COLLECTIONS", "").split()]


class Truth:
    """The keys of one writer."""

    def __init__(self):
        self.keys: dict[tuple[str, bytes], dict] = {}
        self.operations = 0

    def alive(
        self,
        key: str | bytes,
        value: bytes,
        flags: int,
        expiry: tuple[int, int] | None = None,
        collection: str = "",
        cas: int = 0,
    ) -> None:
        """The key has this value; `expiry` is the range in which its time of expiry lies, none being never; `cas` is what
        the writer was told, 0 if its client does not say."""
        fields = {"kind": "mutation", "flags": flags, "value": base64.b64encode(value).decode()} | told(cas)
        self.keys[collection, encoded(key)] = fields | {"expiry": expiry or (0, 0)}

    def deleted(self, key: str | bytes, collection: str = "", cas: int = 0) -> None:
        self.keys[collection, encoded(key)] = {"kind": "deletion"} | told(cas)

    def expired(self, key: str | bytes) -> None:
        self.keys["", encoded(key)] = {"kind": "expiration"}

    def expect(self, got, wanted, what: str) -> None:
        """Counts an operation, whose outcome has to be this."""
        self.operations += 1
        if got != wanted:
            sys.exit(f"{what}: {short(got)}, not {short(wanted)}")

    def write(self) -> None:
        """To the file that the command line names."""
        with open(sys.argv[1], "w", encoding="utf-8") as out:
            for (collection, key), fields in self.keys.items():
                named = {"key": base64.b64encode(key).decode(), "collection": collection}
                out.write(json.dumps(named | fields) + "\n")
        print(f"{self.operations} operations, {len(self.keys)} keys", file=sys.stderr)


def told(cas: int) -> dict:
    return {"cas": cas} if cas else {}


def encoded(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


def short(value) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}... ({len(text)} characters)"


def in_an_hour() -> tuple[int, int]:
    """When something that lives for an hour from now expires, give or take the clock's tick."""
    now = int(time.time())
    return now + 3600 - 1, now + 3600 + 5
