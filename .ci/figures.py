#!/usr/bin/env python3
"""Writes docs/src/verification/figures.md from what the lanes of the last `.ci/run` left under `target`.

    figures.py [TARGET]    TARGET: the build folder of that run; `target` if it is left out

A lane that was not run has no rows. Nothing on the page is written by hand.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/src/verification/figures.md"
HEAD = """# Figures

What the lanes of `.ci/run` counted. `.ci/figures.py` writes this page from what they leave behind, after a run; nothing
here is written by hand. [What is not verified](not-verified.md) says where these checks end.

"""


def lanes(target: pathlib.Path) -> list[str]:
    out = ["## Lanes\n", "| lane | count |", "|---|---|"]
    for path in sorted((target / "ci").glob("*.out")):
        found = re.findall(r"^count: ([0-9]+)$", path.read_text(errors="replace"), re.M)
        if found:
            out.append(f"| {path.stem} | {int(found[-1]):,} |")
    return out if len(out) > 3 else []


def models(target: pathlib.Path) -> list[str]:
    log = target / "ci" / "model.log"
    if not log.exists():
        return []
    rows = re.findall(
        r"^(\w+::\w+) +(\d+) +(none|\d+) +(\d+) +([\d.]+)$", log.read_text(errors="replace"), re.M
    )
    if not rows:
        return []
    text = log.read_text(errors="replace")
    failed = len(re.findall(r"^FAULT: ", text, re.M))
    total = sum(int(row[3]) for row in rows)
    free = sum(row[2] == "none" for row in rows)
    out = [
        "\n## Models (`cargo model`)\n",
        f"{len(rows)} models, {total:,} executions, {free} of them without a bound and complete, {failed} failed.\n",
        "| model | threads | bound | executions | seconds |",
        "|---|---|---|---|---|",
    ]
    return out + [f"| `{n}` | {t} | {b} | {int(e):,} | {s} |" for n, t, b, e, s in rows]


def races(target: pathlib.Path) -> list[str]:
    log = target / "ci" / "test.log"
    if not log.exists():
        return []
    rows = re.findall(r"^test races::\S+ \.\.\. (\w+)", log.read_text(errors="replace"), re.M)
    failed = sum(row != "ok" for row in rows)
    return ["\n## Race catalogue (`cargo test --workspace`)\n", f"{len(rows)} tests of races, {failed} failed."]


def mutants(target: pathlib.Path) -> list[str]:
    out = []
    for name, command in [("mutants", "cargo mutants-model --sample 26"), ("full-mutants", "cargo mutants-model")]:
        log = target / "ci" / f"{name}.log"
        if not log.exists():
            continue
        text = log.read_text(errors="replace")
        rows = re.findall(r"^(.+?) +(\d+) s  (.+)$", text, re.M)
        total = re.findall(r"^mutants: .*$", text, re.M)
        out += [f"\n## Seeded bugs (`{command}`)\n", f"{total[-1] if total else 'not ended'}.\n"]
        out += ["| bug | seconds | found by |", "|---|---|---|"]
        out += [f"| {bug.strip()} | {s} | {verdict.replace('|', '/')} |" for bug, s, verdict in rows]
    return out


def flat(value: object, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [row for key, one in value.items() for row in flat(one, f"{name} {key}".strip())]
    if isinstance(value, list):
        return [(name, ", ".join(str(one) for one in value))] if value else []
    if isinstance(value, int) and not isinstance(value, bool) and "seed" not in name:
        return [(name, f"{value:,}")]
    return [(name, str(value))]


def figures(target: pathlib.Path) -> list[str]:
    out = []
    for path in sorted((target / "figures").glob("*.json")):
        rows = flat(json.loads(path.read_text()))
        out += [f"\n## {path.stem}\n", "| | |", "|---|---|"]
        out += [f"| {name} | {value} |" for name, value in rows]
    return out


def machine() -> str:
    cores = os.cpu_count()
    rustc = subprocess.run(["rustc", "-V"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return f"On {platform.machine()}, {cores} cores, {rustc}; written at commit {commit.stdout.strip() or 'none'}.\n"


def main() -> int:
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target"
    parts = lanes(target) + models(target) + mutants(target) + races(target) + figures(target)
    if not parts:
        print(f"figures: no lane has left anything under {target}", file=sys.stderr)
        return 1
    PAGE.write_text(HEAD + machine() + "\n" + "\n".join(parts) + "\n", encoding="utf-8")
    print(f"figures: {len(parts)} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
