"""Make the table of faults: what tests on clusters have done to experiments, and what that cost.

    python tests/clusters/faults_table.py [--write] [ARGUMENT...]

Runs the tests that have a row in the table, several minutes, and prints it in Markdown; with
``--write`` it replaces the one in ``docs/clusters.md``. Further arguments are for pytest, such as
``-k NETLOCK``. Ends with 1 if a test failed or was skipped; then nothing is written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "clusters.md"
START, END = "<!-- table of faults -->\n", "<!-- end of the table -->\n"
TESTS = (
    "test_network_faults.py",
    "test_scoop_faults.py",
    "test_dask_on_hosts.py",
    "test_recipes.py::test_a_job_at_the_end_of_its_time_goes_on_when_submitted_again",
    "test_recipes.py::test_a_preempted_job_goes_on_by_itself",
)
COLUMNS = ("started by", "`wrap_mode`", "fault", "runs", "done", "lost", "doubled", "seconds")


class Rows:
    """A plugin of pytest that takes the rows."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.is_complete = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take those of a test that has passed."""
        self.is_complete &= report.passed
        if report.when == "call" and report.passed:
            self.rows += [row for name, row in report.user_properties if name == "fault"]


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        mode = f"`'{row['mode']}'`" if row["mode"] else ""
        numbers = [row[name] for name in ("runs", "done", "lost", "doubled")]
        cells = [row["engine"], mode, row["fault"], *numbers, round(row["seconds"])]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def replaced(page: str, new: str) -> str:
    """Return a page with another table in it."""
    before, rest = page.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{new}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Make the table; return the exit status."""
    writes = "--write" in arguments
    others = [each for each in arguments if each != "--write"]
    collected = Rows()
    tests = [str(HERE / each) for each in TESTS]
    os.environ["PYPET_LONG_TESTS"] = "1"
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *tests, *others], [collected]
    )
    new = table(collected.rows)
    print(new)
    if status or not collected.is_complete:
        return 1
    if writes:
        PAGE.write_text(replaced(PAGE.read_text("utf8"), new), "utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
