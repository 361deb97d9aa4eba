"""Checks of the documentation's checker: each rule fails on a small book that breaks it."""

import pathlib
import tempfile
import unittest

from docs import Checker, slug_of

WORDS = "word " * 30
GOOD = {
    "docs/src/SUMMARY.md": "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n",
    "docs/src/one.md": f"# One\n\n[two](two.md#a-heading-with-code) and [out](https://example.org) {WORDS}",
    "docs/src/two.md": f"# Two\n\n## A heading with `code`\n\n`core/src/a.rs: Tail::reserve` {WORDS}",
    "core/src/a.rs": "impl Tail { fn reserve() {} }",
    "README.md": "[the book](docs/src/one.md) [here](#head)\n# Head\n",
}


class Docs(unittest.TestCase):
    def wrong(self, **changed: str) -> list[str]:
        """What is wrong with the good book after some files of it were changed."""
        names = {"summary": "docs/src/SUMMARY.md", "one": "docs/src/one.md", "readme": "README.md"}
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            for name, text in (GOOD | {names[k]: v for k, v in changed.items()}).items():
                file = root / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            checker = Checker(root)
            checker.check()
            self.counts = checker.counts
            return checker.wrong

    def test_a_good_book(self):
        self.assertEqual(self.wrong(), [])
        self.assertEqual((self.counts["pages"], self.counts["links"]), (4, 5))
        self.assertEqual((self.counts["code anchors"], self.counts["links elsewhere"]), (1, 1))

    def test_slugs(self):
        self.assertEqual(slug_of("What `ack` promises, and [more](x.md)"), "what-ack-promises-and-more")
        self.assertEqual(slug_of("0x53 STREAM_REQ"), "0x53-stream_req")

    def test_a_link_to_no_file(self):
        self.assertIn("there is no gone.md", self.wrong(one=f"[x](gone.md) {WORDS}")[0])

    def test_a_link_to_no_heading(self):
        self.assertIn("there is no heading #gone", self.wrong(one=f"[x](two.md#gone) {WORDS}")[0])

    def test_a_link_out_of_the_repository(self):
        self.assertIn("leads out", self.wrong(readme="[x](..)")[0])

    def test_links_in_code_are_text(self):
        self.assertEqual(self.wrong(one=f"`[x](gone.md)`\n```text\n[x](gone.md)\n```\n{WORDS}"), [])

    def test_code_that_is_not_there(self):
        self.assertIn("there is no core/src/b.rs", self.wrong(one=f"`core/src/b.rs` {WORDS}")[0])
        self.assertIn("nothing in that file", self.wrong(one=f"`core/src/a.rs: Tail::seal` {WORDS}")[0])
        self.assertIn("fewer lines", self.wrong(one=f"`core/src/a.rs:7` {WORDS}")[0])

    def test_the_summary_has_every_page_once(self):
        self.assertIn("two.md is not listed", self.wrong(summary="- [One](one.md)\n")[0])
        twice = "- [One](one.md)\n- [Again](one.md)\n- [Two](two.md)\n"
        self.assertIn("is listed 2 times", self.wrong(summary=twice)[0])

    def test_a_page_that_says_nothing(self):
        self.assertIn("a page says something", self.wrong(one="# One\n")[0])
        self.assertIn("a promise in place of text", self.wrong(one=f"TBD {WORDS}")[0])


if __name__ == "__main__":
    unittest.main()
