#!/usr/bin/env python3
"""Checks the sample data: as many documents as promised, each with an id of its own, and the bytes that README.md names."""

import hashlib
import json
import pathlib
import sys

DATA = pathlib.Path(__file__).resolve().parent.parent / "core" / "data"
DOCUMENTS_MIN = 20_000
FOLDER_BYTES_MAX = 8 * 1024 * 1024


def main() -> int:
    text = (DATA / "cities.ndjson").read_bytes()
    ids = [json.loads(line)["id"] for line in text.decode("utf-8").splitlines()]
    folder_bytes = sum(file.stat().st_size for file in DATA.iterdir() if file.is_file())
    digest = hashlib.sha256(text).hexdigest()
    wrong = [
        what
        for holds, what in [
            (len(ids) >= DOCUMENTS_MIN, f"{len(ids)} documents, at least {DOCUMENTS_MIN}"),
            (len(set(ids)) == len(ids), "an id occurs twice"),
            (folder_bytes < FOLDER_BYTES_MAX, f"{folder_bytes} bytes, at most {FOLDER_BYTES_MAX}"),
            (digest in (DATA / "README.md").read_text(), f"README.md does not name its SHA-256, {digest}"),
            ((DATA / "LICENSE-CC-BY-4.0").stat().st_size > 10_000, "its licence is not beside it"),
        ]
        if not holds
    ]
    for line in wrong:
        print(f"data: {line}")
    print(f"data: {len(ids)} documents, {len(text)} bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
