"""Exchange a file of all types with the established pypet, in both directions.

    python tests/interop/compare_with_established.py [--environment FOLDER]

Makes a virtual environment with the newest release of the established pypet and the newest
versions of its dependencies that it works with, which takes a minute and the network; a folder
given by ``--environment`` is kept and used again. Writes a file with each side, loads it with the
other one, and prints what came back equal: equal to the value that was stored, and to what the
loading side makes of its own file. The exit status is 0 if everything is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from established import established_python, run

SCRIPT = Path(__file__).with_name("exchanged_trajectory.py")
Rows = dict[str, str]


def main() -> int:
    """Compare and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--environment", type=Path, help="folder of the virtual environment, to keep and use again"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        established = established_python(options.environment or work / "environment")
        return report(exchange({"here": sys.executable, "there": established}, work))


def exchange(pythons: dict[str, str], work: Path) -> dict[str, dict[str, Rows]]:
    """Return, per loading side, the rows of what it expects and of each side's file."""
    for side, python in pythons.items():
        run(python, str(SCRIPT), "write", str(work / f"{side}.hdf5"))
    rows: dict[str, dict[str, Rows]] = {}
    for reader, python in pythons.items():
        rows[reader] = {"expected": rows_of(python, work, "expect")}
        for writer in pythons:
            rows[reader][writer] = rows_of(python, work, "read", str(work / f"{writer}.hdf5"))
    return rows


def rows_of(python: str, work: Path, *command: str) -> Rows:
    """Have one side describe values or a file."""
    target = work / "rows.json"
    run(python, str(SCRIPT), *command, str(target))
    rows: Rows = json.loads(target.read_text())
    return rows


def report(rows: dict[str, dict[str, Rows]]) -> int:
    """Print the table; return 1 if anything differs."""
    names = sorted({name for side in rows.values() for found in side.values() for name in found})
    width = max(map(len, names))
    print(f"{'row':{width}}  {'here -> there':14} there -> here")
    different = []
    for name in names:
        outcomes = []
        for writer, reader in (("here", "there"), ("there", "here")):
            side = rows[reader]
            got, own = side[writer].get(name), side[reader].get(name)
            is_equal = got is not None and got == own == side["expected"].get(name, own)
            outcomes.append("equal" if is_equal else "DIFFERENT")
            if not is_equal:
                expected = side["expected"].get(name, own)
                different.append(f"{name}, loaded {reader}: {got}\n  should be: {expected}")
        print(f"{name:{width}}  {outcomes[0]:14} {outcomes[1]}")
    print(f"{len(names)} rows, {len(different)} of {2 * len(names)} comparisons differ.")
    print("\n".join(different))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
