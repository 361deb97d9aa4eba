"""Starts and stops a Millstream server for the checks."""

from __future__ import annotations

import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = pathlib.Path(os.environ.get("MILLSTREAM", TARGET / "release" / "millstream"))
USER, PASSWORD, BUCKET = "interop", "correct horse battery staple", "interop"


class Failed(Exception):
    """A check that does not hold."""


def environment() -> dict[str, str]:
    """The environment of a client or server program, which carries the password."""
    return os.environ | {"MILLSTREAM_PASSWORD": PASSWORD}


class Server:
    """A server process on a port that the system chose; ready when constructed."""

    def __init__(self, *arguments: str, ready_within: float = 30.0):
        command = [str(BINARY), "serve", "--listen", "127.0.0.1:0", "--bucket", BUCKET, "--user", USER, *arguments]
        begun = time.monotonic()
        self.process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            line = self.lines.get(timeout=ready_within)
        except queue.Empty:
            self.kill()
            raise Failed(f"{' '.join(command)}: not ready within {ready_within} s") from None
        self.ready_ms = (time.monotonic() - begun) * 1000
        if not line:
            raise Failed(f"{' '.join(command)}: ended with exit code {self.process.wait()} before it was ready")
        said = json.loads(line)
        if said.get("ready") is not True or not said.get("listen"):
            raise Failed(f"the first line is not a ready line: {line.strip()}")
        self.address: str = said["listen"]
        # Where the management endpoints are, if they were asked for.
        self.http: str | None = said.get("http")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def rss_mib(self) -> float:
        """Memory that is resident now."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self, within: float = 30.0) -> float:
        """Asks it to end, which it must do in order; returns how many seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"the server was still running {within} s after it was asked to end") from None
        if code != 0:
            raise Failed(f"the server ended with exit code {code} when it was asked to end")
        return time.monotonic() - begun

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.kill()
