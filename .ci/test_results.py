"""Checks of the page of results: every row is on it, a bar says whether it holds, each series becomes a plot."""

import contextlib
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("results", ROOT / "benches/results.py")
results = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(results)


def row(question: str, who: str, value: float, **more) -> dict:
    return {"question": question, "who": who, "unit": "ns [C]", "value": value, "run": 1} | more


class Results(unittest.TestCase):
    def page(self, files: dict[str, list[dict]], *failed: str) -> tuple[str, list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, rows in files.items():
                run = {"unix_seconds": 1_700_000_000, "took_seconds": 90, "machine": "two processors", "documents": 5000,
                       "load_before": 0.5, "load_after": 1.5, "command": f"cargo bench --bench {name}"}
                file = {"bench": name, "runs": [run | {"command": "long ago"}, run], "rows": rows}
                (folder / f"{name}.json").write_text(json.dumps(file))
            page = folder / "page/results.md"
            page.parent.mkdir()
            sys.argv = ["results.py", str(folder), str(page), *failed]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = results.main()
            if code:
                return "", []
            for name in files:
                self.assertEqual((page.parent / f"raw/{name}.json").read_bytes(), (folder / f"{name}.json").read_bytes())
            return page.read_text(), sorted(plot.name for plot in (page.parent / "plots").glob("*.svg"))

    def test_every_row_and_bar(self):
        rows = [
            row("a message", "millstream", 12.5, bar={"at_most": 20}, held=True),
            row("a message", "peer", 30.0, ratio=2.4),
            row("a close", "millstream", 30.0, bar={"at_most": 10}, held=False),
        ]
        page, plots = self.page({"deliver": rows})
        self.assertIn("| a message | millstream | ns [C] | 12.50 |", page)
        self.assertIn("| a message | peer | ns [C] | 30.00 |", page)
        self.assertIn("**missed**", page)
        self.assertIn("1 of 2 held", page)
        self.assertIn("`cargo bench --bench deliver`: 2023-11-14 22:13 UTC, two processors, load 0.500 before", page)
        self.assertIn("5,000 documents, 90 s", page)
        self.assertNotIn("long ago", page)
        self.assertIn("[Raw numbers](raw/deliver.json)", page)
        self.assertEqual(plots, [])

    def test_each_series_becomes_a_plot(self):
        """Also where its name, as the benches give it, has a number in it before its place."""
        rows = [
            row(f"close_all, a stream, streams {x}, closers {closers}", who, cost * closers,
                series=f"close_all, a stream, closers {closers}", axis="streams", x=x)
            for closers in (1, 2, 8)
            for who, cost in (("millstream", 3.0), ("lock baseline", 40.0))
            for x in (1_000, 100_000, 1_000_000)
        ]
        page, plots = self.page({"close_all": rows})
        self.assertEqual(len(plots), 3)
        for plot in plots:
            self.assertIn(f"plots/{plot}", page)

    def test_time_by_the_clock_is_shown_and_plotted_as_throughput(self):
        rows = [
            row(f"deliver 256 B, inline, consumers {x}", "millstream", 7.0, wall_ns=8.25,
                series="deliver 256 B, inline", axis="consumers", x=x)
            for x in (1, 4, 64)
        ]
        page, plots = self.page({"deliver": rows})
        self.assertIn("| 8.25 |", page)
        self.assertEqual(plots, ["deliver-deliver-256-b-inline-consumers-m-s-wall.svg",
                                 "deliver-deliver-256-b-inline-consumers-ns-c.svg"])

    def test_what_was_not_measured_is_said(self):
        rows = [
            row("deliver 256 B, inline, consumers 1", "millstream", None, bar={"at_most": 20}, held=False,
                series="deliver 256 B, inline", axis="consumers", x=1),
            row("pin, load, leave", "arc-swap<Arc> | cache", 3.0),
        ]
        page, _ = self.page({"deliver": rows}, "servers")
        self.assertIn("not measured", page)
        self.assertIn("arc-swap&lt;Arc&gt; &#124; cache", page)
        self.assertIn("**Failed:** servers", page)

    def test_no_figures_are_no_page(self):
        self.assertEqual(self.page({}), ("", []))
        self.assertEqual(self.page({"empty": []}), ("", []))


if __name__ == "__main__":
    unittest.main()
