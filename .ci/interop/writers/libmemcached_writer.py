#!/usr/bin/env python3
"""Writes with the command-line programs of the C library libmemcached: memccp, memcrm and memcslap."""

import pathlib
import random
import subprocess
import sys
import tempfile

from truth import PASSWORD, SERVER, SIZES, USER, Truth

truth = Truth()
bytes_of = random.Random(3).randbytes
LOGIN = ["--binary", f"--servers={SERVER}", f"--username={USER}", f"--password={PASSWORD}"]


def run(program, *arguments):
    done = subprocess.run([program, *LOGIN, *arguments], capture_output=True, text=True, timeout=120)
    said = (done.stdout + done.stderr).replace(PASSWORD, "***")
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)[:60]}: exit code {done.returncode}: {said}")
    truth.operations += 1


with tempfile.TemporaryDirectory() as folder:
    files = []
    for size in filter(None, SIZES):
        file = pathlib.Path(folder, f"cp:{size}")
        file.write_bytes(bytes_of(size))
        files.append(file)
        truth.alive(file.name, file.read_bytes(), 0)
    run("memccp", *map(str, files))
    again = pathlib.Path(folder, "cp:1")
    again.write_bytes(b"!")
    run("memccp", "--flags=77", str(again))
    truth.alive(again.name, b"!", 77)
run("memcrm", "cp:127", "cp:128")
truth.deleted("cp:127")
truth.deleted("cp:128")
# Its keys are random, so only the stream and the answers to GET can be compared.
run("memcslap", "--test=set", "--execute-number=2000", "--concurrency=2")
truth.write()
