#!/usr/bin/env python3
"""Checks the written documentation: each link leads somewhere, each file or item that is named exists.

    docs.py [ROOT]      the workspace's root; this file's parent folder's parent by default

- A relative link points to a file that exists, its #anchor to a heading of that file.
- A page of the book is in SUMMARY.md once, and SUMMARY.md names no page that is not there.
- `core/src/log/tail.rs` in the text is a file; `core/src/log/tail.rs: Tail::reserve` is a file that has that item.
- A page has text: no empty chapter, and none that only promises to be written.
"""

from __future__ import annotations

import pathlib
import re
import sys
from collections import Counter

LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(\s*([^)\s]+)\s*\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(```|~~~)")
# A path of the workspace, and what it names there: a line or an item.
ANCHOR = re.compile(r"^((?:core|reclaim|benches|loom-tests|docs|\.ci)/[\w./-]+?\.\w+)(?:(?:::|:\s*)([\w:]+))?$")
UNWRITTEN = re.compile(r"\b(TODO|TBD|FIXME|coming soon|to be written|placeholder|lorem ipsum)\b", re.IGNORECASE)
WORDS_MIN = 30


class Page:
    """A Markdown file: its headings, its links, its spans of code."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.anchors: set[str] = set()
        self.links: list[tuple[int, str]] = []
        self.spans: list[tuple[int, str]] = []
        self.unwritten: list[int] = []
        self.words = 0
        slugs: Counter[str] = Counter()
        fenced = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if FENCE.match(line):
                fenced = not fenced
                continue
            if fenced:
                continue
            self.words += len(line.split())
            heading = HEADING.match(line)
            if heading:
                slug = slug_of(heading[2])
                self.anchors.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
                slugs[slug] += 1
            self.spans += [(number, span) for span in CODE.findall(line)]
            bare = CODE.sub("``", line)
            self.links += [(number, target) for target in LINK.findall(bare) + IMAGE.findall(bare)]
            if UNWRITTEN.search(bare):
                self.unwritten.append(number)


def slug_of(heading: str) -> str:
    """The anchor that a heading gets."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text).strip())


class Checker:
    """Everything wrong with the documentation below one folder."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.book = root / "docs" / "src"
        self.pages: dict[pathlib.Path, Page] = {}
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()

    def page(self, path: pathlib.Path) -> Page:
        if path not in self.pages:
            self.pages[path] = Page(path)
        return self.pages[path]

    def complain(self, page: Page, line: int, what: str) -> None:
        self.wrong.append(f"{page.path.relative_to(self.root)}:{line}: {what}")

    def check(self) -> None:
        files = sorted(self.book.rglob("*.md"))
        files += sorted(self.root.glob("*.md")) + sorted(self.root.glob("docs/*.md"))
        files += sorted(self.root.glob("*/README.md")) + sorted(self.root.glob("*/*/README.md"))
        for path in files:
            page = self.page(path.resolve())
            self.counts["pages"] += 1
            self.links(page)
            self.code(page)
            for line in page.unwritten:
                self.complain(page, line, "a promise in place of text")
            if self.book in page.path.parents and path.name != "SUMMARY.md" and page.words < WORDS_MIN:
                self.complain(page, 0, f"{page.words} words; a page says something")
        self.summary()

    def links(self, page: Page) -> None:
        for line, target in page.links:
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                self.counts["links elsewhere"] += 1
                continue
            self.counts["links"] += 1
            file, _, anchor = target.partition("#")
            path = (page.path.parent / file).resolve() if file else page.path
            if not path.exists():
                self.complain(page, line, f"{target}: there is no {file}")
            elif self.root not in path.parents:
                self.complain(page, line, f"{target} leads out of the repository")
            elif anchor and path.suffix == ".md" and anchor not in self.page(path).anchors:
                self.complain(page, line, f"{target}: there is no heading #{anchor}")

    def code(self, page: Page) -> None:
        for line, span in page.spans:
            found = ANCHOR.match(span.strip())
            if not found:
                continue
            self.counts["code anchors"] += 1
            path, item = self.root / found[1], found[2]
            if not path.is_file():
                self.complain(page, line, f"`{span}`: there is no {found[1]}")
            elif item and item.isdigit():
                if int(item) > len(path.read_text(encoding="utf-8").splitlines()):
                    self.complain(page, line, f"`{span}`: the file has fewer lines")
            elif item and not re.search(rf"\b{item.split('::')[-1]}\b", path.read_text(encoding="utf-8")):
                self.complain(page, line, f"`{span}`: nothing in that file is called {item}")

    def summary(self) -> None:
        path = self.book / "SUMMARY.md"
        if not path.is_file():
            self.wrong.append("docs/src/SUMMARY.md is missing")
            return
        summary = self.page(path.resolve())
        listed = Counter((path.parent / target).resolve() for _, target in summary.links)
        for file, times in listed.items():
            if times > 1:
                self.complain(summary, 0, f"{file.relative_to(self.root)} is listed {times} times")
        for file in sorted(self.book.rglob("*.md")):
            if file != path and file.resolve() not in listed:
                self.complain(summary, 0, f"{file.relative_to(self.root)} is not listed")


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    checker = Checker(root)
    checker.check()
    for line in checker.wrong:
        print(line)
    counts = ", ".join(f"{count} {name}" for name, count in checker.counts.items())
    print(f"docs: {counts}, {len(checker.wrong)} wrong")
    if not checker.counts["pages"] or not checker.counts["links"]:
        print("docs: nothing was checked")
        return 1
    return 1 if checker.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
