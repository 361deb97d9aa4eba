"""Checks of the page of results: every row is on it, a bar says whether it holds, an axis becomes a plot."""

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
    return {"question": question, "who": who, "unit": "ns [C]", "value": value} | more


class Results(unittest.TestCase):
    def page(self, files: dict[str, list[dict]]) -> tuple[str, list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name, rows in files.items():
                file = {"bench": name, "about": {"command": f"cargo bench --bench {name}"}, "rows": rows}
                (folder / f"{name}.json").write_text(json.dumps(file))
            results.PAGE, results.PLOTS = folder / "results.md", folder / "plots"
            sys.argv = ["results.py", str(folder)]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = results.main()
            if code:
                return "", []
            return results.PAGE.read_text(), sorted(plot.name for plot in results.PLOTS.glob("*.svg"))

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
        self.assertIn("cargo bench --bench deliver", page)
        self.assertEqual(plots, [])

    def test_an_axis_becomes_a_plot(self):
        rows = [
            row(f"a step by streams: {x}", who, value * x, axis="streams", x=x)
            for who, value in (("millstream", 1.0), ("peer", 2.0))
            for x in (1, 10, 100)
        ]
        page, plots = self.page({"scaling": rows})
        self.assertEqual(len(plots), 1)
        self.assertIn(f"plots/{plots[0]}", page)

    def test_no_figures_are_no_page(self):
        self.assertEqual(self.page({}), ("", []))
        self.assertEqual(self.page({"empty": []}), ("", []))


if __name__ == "__main__":
    unittest.main()
