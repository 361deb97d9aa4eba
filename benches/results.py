#!/usr/bin/env python3
"""Writes docs/src/benchmarks/results.md, and its plots, from the figures that the benches left.

    results.py [FIGURES [PAGE [FAILED...]]]
        FIGURES: the folder of the benches' JSON files; target/figures/bench if it is left out
        PAGE:    what to write instead of that page; its plots and the raw numbers go into folders beside it
        FAILED:  benches that ended with an error, to be named on the page

Nothing on the page is written by hand. A bench that was not run has no rows, and is named; rows that are lost stay in.
"""

import datetime
import html
import json
import math
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/src/benchmarks/results.md"
COLOURS = ["#0b6e99", "#c4572b", "#5b8c3a", "#7a4b94", "#b8860b", "#3d3d3d", "#a83279", "#2f9e8f"]
HEAD = """# Results

What the benches measured, ours and beside others: `benches/compare.sh` runs them all and writes this page by
`benches/results.py`. How to read a row is told in `benches/README.md`: **[C]** is processor time
of the threads that do the work, for one operation (of servers: the server's), **[wall]** is by the clock. A ratio is the
median of the ratios round by round, to ours in the same run. "By the clock" is the same operation in nanoseconds of the
clock: on a machine that does other things as well a bound, not a figure. Rows that we lose stay in.
"""


def number(value: float | None) -> str:
    if value is None:
        return "not measured"
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"


def first(command: list[str]) -> str:
    try:
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (out.stdout + out.stderr).strip().splitlines()[0] if (out.stdout + out.stderr).strip() else ""


def cell(text: str) -> str:
    """Text within a table, as it stands: no markup, no further column."""
    return html.escape(text, quote=False).replace("|", "&#124;")


def peers() -> str:
    """What is installed where the page is written."""
    named = [
        first(command)
        for command in (["redis-server", "--version"], ["memcached", "-V"], ["nats-server", "-v"], ["postgres", "-V"])
    ]
    return f"Servers beside ours: {cell('; '.join(peer[:60] for peer in named if peer) or 'none installed')}.\n"


def of_run(run: dict) -> str:
    """When, where and by what command figures were measured."""
    when = datetime.datetime.fromtimestamp(run["unix_seconds"], datetime.timezone.utc)
    parts = [f"{when:%Y-%m-%d %H:%M} UTC"]
    if run.get("machine"):
        parts.append(cell(run["machine"]))
    if run.get("load_before") is not None:
        parts.append(f"load {number(run['load_before'])} before and {number(run.get('load_after'))} after")
    for key, what in (("documents", "documents"), ("value_bytes", "bytes a value"), ("passes", "passes")):
        if run.get(key) is not None:
            parts.append(f"{run[key]:,} {what}")
    return f"`{run['command']}`: {', '.join(parts)}, {run.get('took_seconds') or 0:,} s.\n"


def runs_of(file: dict) -> list[dict]:
    """The runs that rows of a file are from."""
    used = {row.get("run", 0) for row in file["rows"]}
    return [run for n, run in enumerate(file.get("runs", [])) if n in used]


def bar_of(row: dict) -> str:
    bar = row.get("bar")
    if not bar:
        return ""
    limit = f"≤ {number(bar['at_most'])}" if "at_most" in bar else f"≥ {number(bar['at_least'])}"
    return f"{limit}: {'held' if row.get('held') else '**missed**'}"


def table(rows: list[dict]) -> list[str]:
    out = [
        "| | whose | | value | p10 to p90 | p99 | p99.9 | by the clock | by ours | bar |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{number(row['p10'])} to {number(row['p90'])}" if row.get("p10") is not None else ""
        tail = [number(row[key]) if row.get(key) is not None else "" for key in ("p99", "p999")]
        wall, ratio = (number(row[key]) if row.get(key) is not None else "" for key in ("wall_ns", "ratio"))
        out.append(
            f"| {cell(row['question'])} | {cell(row['who'])} | {row['unit']} | {number(row['value'])} | {spread} | {tail[0]} | {tail[1]} "
            f"| {wall} | {ratio} | {bar_of(row)} |"
        )
    return out


def bars(files: list[dict]) -> list[str]:
    out = ["## Bars\n", "| bench | | | value | bar |", "|---|---|---|---|---|"]
    held = every = 0
    for file in files:
        for row in file["rows"]:
            if row.get("bar"):
                every += 1
                held += bool(row.get("held"))
                out.append(
                    f"| {file['bench']} | {cell(row['question'])} | {row['unit']} | {number(row['value'])} | {bar_of(row)} |"
                )
    return [*out, f"\n{held} of {every} held.\n"] if every else []


def plot(title: str, axis: str, unit: str, lines: dict[str, list[tuple[float, float]]]) -> str:
    """A plot with both axes logarithmic."""
    width, height, left, top, right, bottom = 640, 400, 70, 40, 170, 50
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line]
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    low_y, high_y = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    high_x, high_y = max(high_x, low_x + 0.1), max(high_y, low_y + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        across = left + (math.log10(x) - low_x) / (high_x - low_x) * (width - left - right)
        up = height - bottom - (math.log10(y) - low_y) / (high_y - low_y) * (height - top - bottom)
        return round(across, 1), round(up, 1)

    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="22" font-size="15">{html.escape(title)}</text>',
        f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle">{axis}</text>',
        f'<text x="14" y="{(top + height - bottom) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(top + height - bottom) / 2})">{unit}</text>',
    ]
    for power in range(low_y, high_y + 1):
        _, y = at(min(xs), 10.0**power)
        svg.append(f'<line x1="{left}" y1="{y}" x2="{width - right}" y2="{y}" stroke="#ddd"/>')
        svg.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{number(10.0**power)}</text>')
    for x in sorted(set(xs)):
        across, _ = at(x, 10.0**low_y)
        svg.append(f'<line x1="{across}" y1="{height - bottom}" x2="{across}" y2="{height - bottom + 5}" stroke="#888"/>')
        label = f"{x / 1e6:g}M" if x >= 1e6 else f"{x / 1024:g}K" if x >= 1024 and x % 1024 == 0 else f"{x:g}"
        svg.append(f'<text x="{across}" y="{height - bottom + 18}" text-anchor="middle">{label}</text>')
    for index, (who, line) in enumerate(sorted(lines.items(), key=lambda item: item[0] != "millstream")):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join("{},{}".format(*at(x, y)) for x, y in sorted(line))
        thick = 3 if who == "millstream" else 1.5
        svg.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        svg += ['<circle cx="{}" cy="{}" r="3" fill="{}"/>'.format(*at(x, y), colour) for x, y in line]
        y = top + 10 + 18 * index
        svg.append(f'<rect x="{width - right + 14}" y="{y - 9}" width="12" height="4" fill="{colour}"/>')
        svg.append(f'<text x="{width - right + 32}" y="{y}">{html.escape(who)}</text>')
    return "\n".join([*svg, "</svg>"]) + "\n"


def points(row: dict) -> list[tuple[str, float]]:
    """What a row shows at its place, by unit: its value, and a cost by the clock as the throughput that it is."""
    value, wall = row["value"], row.get("wall_ns")
    shown = [(row["unit"], value)] if value is not None and value > 0 else []
    return [*shown, ("M/s [wall]", 1000 / wall)] if wall else shown


def plots(file: dict, folder: pathlib.Path) -> list[str]:
    """A plot for each series that was measured along an axis, in each unit."""
    series: dict[tuple[str, str, str], dict[str, list[tuple[float, float]]]] = {}
    for row in file["rows"]:
        if row.get("axis") and row.get("x"):
            for unit, value in points(row):
                line = series.setdefault((row["series"], row["axis"], unit), {}).setdefault(row["who"], [])
                line.append((row["x"], value))
    out = []
    for (question, axis, unit), lines in series.items():
        if len({x for line in lines.values() for x, _ in line}) < 3:
            continue
        name = re.sub(r"[^a-z0-9]+", "-", f"{file['bench']} {question} {axis} {unit}".lower()).strip("-")
        (folder / f"{name}.svg").write_text(plot(f"{question}: {unit} by {axis}", axis, unit, lines), encoding="utf-8")
        out.append(f"![{cell(question)}, {unit} by {axis}](plots/{name}.svg)\n")
    return out


def benches() -> list[str]:
    """The benches that there are."""
    manifest = (ROOT / "benches/Cargo.toml").read_text(encoding="utf-8")
    return [*re.findall(r'\[\[bench\]\]\nname = "(.*)"', manifest), "servers"]


def enter(page: pathlib.Path) -> None:
    """Enters the page in the book's summary, if it is not there."""
    summary = ROOT / "docs/src/SUMMARY.md"
    text, entry = summary.read_text(encoding="utf-8"), f"- [Results](benchmarks/{page.name})\n"
    if page == ROOT / "docs/src/benchmarks/results.md" and entry not in text:
        summary.write_text(text.replace("# Benchmarks\n\n", f"# Benchmarks\n\n{entry}", 1), encoding="utf-8")


def emptied(folder: pathlib.Path, pattern: str) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(pattern):
        old.unlink()
    return folder


def main() -> int:
    page = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else PAGE
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target/figures/bench"
    read = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    read = {path: file for path, file in read.items() if file.get("rows")}
    if not read:
        print(f"results: no bench has left figures under {folder}", file=sys.stderr)
        return 1
    plots_folder, raw = emptied(page.parent / "plots", "*.svg"), emptied(page.parent / "raw", "*.json")
    files = list(read.values())
    runs = [run for file in files for run in runs_of(file)]
    took = sum(run.get("took_seconds") or 0 for run in runs)
    parts = [HEAD, peers(), *([f"The benches took {took / 60:.0f} minutes.\n"] if took else []), *bars(files)]
    if missing := [name for name in benches() if name not in {file["bench"] for file in files}]:
        parts.append(f"Not run: {', '.join(missing)}.\n")
    for failed in [*sys.argv[3:], *(failed for run in runs for failed in run.get("failed") or [])]:
        parts.append(f"**Failed:** {cell(failed)}\n")
    for path, file in read.items():
        (raw / path.name).write_bytes(path.read_bytes())
        parts += [f"## {file['bench']}\n", *map(of_run, runs_of(file)), *table(file["rows"]), ""]
        parts += [f"[Raw numbers](raw/{path.name}), round by round.\n", *plots(file, plots_folder)]
    page.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    enter(page)
    print(f"results: {sum(len(file['rows']) for file in files)} rows of {len(files)} benches, "
          f"{len(list(plots_folder.glob('*.svg')))} plots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
