#!/usr/bin/env python3
"""Gathers the tables of orderings of all modules on one page of the docs.

    orderings.py           writes docs/src/verification/orderings.md
    orderings.py --check   fails if that page is not what the modules say

The tables stand in the modules, beside the code that they are about, and a test holds them against it: each access has
its label, each label its row, each model that is cited exists. This page only puts them next to each other.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/src/verification/orderings.md"
HEAD = """# Orderings

Every atomic access of the workspace: what it is, how it is ordered, what it pairs with, what breaks if it were weaker, and the
model that shows it. `.ci/orderings.py` gathers this page from the modules' own tables, and the docs lane fails when it is
out of date. The tidy test (`core/tests/it/tidy`) fails when an access has no label, a label no row, or a row a model that
does not exist. [What is not verified](not-verified.md) says what these models cannot see.
"""


def tables() -> list[tuple[str, list[str]]]:
    found = []
    for folder in ("reclaim/src", "core/src"):
        for path in sorted((ROOT / folder).rglob("*.rs")):
            rows, inside = [], False
            for line in path.read_text(encoding="utf-8").splitlines():
                if not line.startswith("//!"):
                    inside = False
                    continue
                text = line[3:].strip()
                if text.startswith("# "):
                    inside = text == "# Orderings"
                elif inside and text.startswith("|"):
                    rows.append(text)
            if len(rows) > 2:
                found.append((str(path.relative_to(ROOT)), rows))
    return found


def page() -> tuple[str, int]:
    parts, count = [HEAD], 0
    for path, rows in tables():
        # Links between modules mean nothing here.
        rows = [re.sub(r"\[(`[^`]*`)\](\([^)]*\))?", r"\1", row) for row in rows]
        parts.append(f"\n## {path}\n\n" + "\n".join(rows) + "\n")
        count += len(rows) - 2
    parts.append(f"\n{count} rows.\n")
    return "".join(parts), count


def main() -> int:
    text, count = page()
    if count == 0:
        print("orderings: no module has a table", file=sys.stderr)
        return 1
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            print(f"orderings: {PAGE.relative_to(ROOT)} is out of date: run .ci/orderings.py", file=sys.stderr)
            return 1
    else:
        PAGE.write_text(text, encoding="utf-8")
    print(f"orderings: {count} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
