#!/usr/bin/env python3
"""Runs the quick start as a newcomer would, in an empty folder, and checks the figures of its summary."""

import pathlib
import re
import subprocess
import sys
import tempfile
import time

from server import BINARY, ROOT

DOCUMENTS_MIN = 20_000
SECONDS_MAX = 20
SAMPLE = ROOT / "core" / "data" / "cities.ndjson"


# As the README says it, but that the data shall not be in the repository.
FIRST_COMMAND = ["cargo", "run", "--quiet", "--release", "--manifest-path", str(ROOT / "Cargo.toml"), "--", "--once"]


def run(folder: str, command: list[str]) -> tuple[str, float]:
    begun = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        sys.exit(f"quick start: exit code {done.returncode}:\n{done.stdout}")
    return done.stdout, time.monotonic() - begun


def documents_of(summary: str) -> int:
    """The number in `N documents`, however its thousands are parted."""
    found = re.search(r"(\d[\d,._ ]*)\s+documents", summary)
    if not found:
        sys.exit(f"quick start: no `N documents` in what it printed:\n{summary}")
    return int(re.sub(r"\D", "", found[1]))


def main() -> int:
    expected = sum(1 for _ in SAMPLE.open(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for turn, command in (("an empty folder", FIRST_COMMAND), ("the same folder again", [str(BINARY), "--once"])):
            summary, seconds = run(folder, command)
            if turn == "an empty folder":
                print(summary.rstrip())
            count = documents_of(summary)
            if count != expected or count < DOCUMENTS_MIN:
                sys.exit(f"quick start in {turn}: {count} documents, the sample has {expected}")
            if "missing" in summary and not re.search(r"\b(0|nothing|none|no)\b[^\n]*missing|missing:? 0\b", summary):
                sys.exit(f"quick start in {turn}: something is missing:\n{summary}")
            if seconds >= SECONDS_MAX:
                sys.exit(f"quick start in {turn}: {seconds:.1f} s, the bar is {SECONDS_MAX} s")
            print(f"quick start in {turn}: {count} documents in {seconds:.1f} s")
        if not pathlib.Path(folder, "millstream-data").is_dir():
            sys.exit("quick start: it left no millstream-data")
    return 0


if __name__ == "__main__":
    sys.exit(main())
