#!/usr/bin/env python3
"""How soon a server is ready, and how much memory it takes while it does nothing."""

import statistics
import sys
import tempfile
import time

from server import Failed, Server

RUNS = 7
READY_MS_MAX = 200
IDLE_RSS_MIB_MAX = 48
VBUCKETS = 1024
IDLE_SECONDS = 1.0


def main() -> int:
    failed = 0
    for store in ("on disk", "ephemeral"):
        ready, rss = [], []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                where = ["--data", f"{folder}/data"] if store == "on disk" else ["--ephemeral"]
                with Server(*where, "--vbuckets", str(VBUCKETS)) as server:
                    ready.append(server.ready_ms)
                    time.sleep(IDLE_SECONDS)
                    rss.append(server.rss_mib())
                    server.stop()
        ready_ms, rss_mib = statistics.median(ready), max(rss)
        good = ready_ms < READY_MS_MAX and rss_mib < IDLE_RSS_MIB_MAX
        failed += not good
        print(
            f"{store}, {VBUCKETS} vbuckets: ready in {ready_ms:.0f} ms (median of {RUNS}, worst {max(ready):.0f}, "
            f"bar {READY_MS_MAX}), idle RSS {rss_mib:.1f} MiB (worst, bar {IDLE_RSS_MIB_MAX})"
            f"{'' if good else ': OVER THE BAR'}"
        )
    print(f"startup: {2 * RUNS} starts")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"startup: {failure}")
