"""What storing and loading large arrays costs, as ratios measured in one run.

    python benchmarks/storage.py

Arrays go through pypet's default settings (zlib, level 9, shuffle) and beside it through
PyTables' filter pipeline with the same settings; uncompressed ones stand beside `numpy.save`.
The comparison with PyTables takes most of the time: it needs seconds for each array.

With ``--compare`` trivial runs are stored and loaded beside the established pypet, too, which is
installed into a virtual environment for that (Python 3.11 and the network are needed);
``--environment FOLDER`` keeps it. The floor is a bare loop over HDF5, see floor.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tables
from comparison import Row, Sides, print_rows, storing_rows
from sweep import measure

from pypet import Trajectory

MEGA = 1e6
KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "standard normal": lambda rng, n: rng.standard_normal(n),
    "float32 normal": lambda rng, n: rng.standard_normal(n).astype(np.float32),
    "random walk": lambda rng, n: np.cumsum(rng.standard_normal(n)),
    "sine": lambda rng, n: np.sin(np.arange(n) / 1000.0),
    "range": lambda rng, n: np.arange(n),
    "counts below 1000": lambda rng, n: rng.integers(0, 1000, n),
}


def store_with_pypet(folder: Path, arrays: list[np.ndarray], **settings: object) -> float:
    """Return the seconds in which the arrays are stored, one result each."""
    traj = Trajectory("arrays", filename=str(folder / "pypet.hdf5"), **settings)
    traj.f_store()
    results = [traj.f_add_result(f"r{i}", data=array) for i, array in enumerate(arrays)]
    began = time.perf_counter()
    traj.f_store_items(results)
    return time.perf_counter() - began


def store_with_pytables(path: Path, arrays: list[np.ndarray], level: int) -> float:
    """Return the seconds in which PyTables' own pipeline stores the arrays."""
    filters = tables.Filters(complevel=level, complib="zlib", shuffle=True)
    began = time.perf_counter()
    with tables.open_file(str(path), "w") as file:
        for i, array in enumerate(arrays):
            file.create_carray("/", f"r{i}", obj=array, filters=filters)
    return time.perf_counter() - began


def sizes(path: Path, group: str = "/") -> int:
    """Return the bytes that the arrays of a file take on the disk."""
    with tables.open_file(str(path)) as file:
        return sum(node.size_on_disk for node in file.walk_nodes(group, "Array"))


def compressed(kind: str, count: int, length: int, compared: int) -> bool:
    rng = np.random.default_rng(1)
    arrays = [KINDS[kind](rng, length) for _ in range(count)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = store_with_pypet(folder, arrays) / count
        theirs = store_with_pytables(folder / "tables.hdf5", arrays[:compared], 9) / compared
        our_size = sizes(folder / "pypet.hdf5", "/arrays/results") / count
        their_size = sizes(folder / "tables.hdf5") / compared
    rate = arrays[0].nbytes / ours / MEGA
    growth = our_size / their_size
    fast = kind != "standard normal" or theirs / ours >= 30
    good = growth <= 1.03 and fast
    print(
        f"{kind:<20} {rate:8.0f} MB/s  {theirs / ours:6.1f} x PyTables' rate  "
        f"{growth:6.3f} x its size  {'ok' if good else 'MISSED'}"
    )
    return good


def uncompressed(count: int, length: int) -> bool:
    arrays = [np.random.default_rng(2).standard_normal(length) for _ in range(count)]
    ratios = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ours = store_with_pypet(folder, arrays, complevel=0)
            began = time.perf_counter()
            for i, array in enumerate(arrays):
                np.save(folder / f"{i}.npy", array)
            ratios.append((time.perf_counter() - began) / ours)
    good = max(ratios) >= 0.7
    rate = arrays[0].nbytes * count / ours / MEGA
    print(
        f"{'no compression':<20} {rate:8.0f} MB/s  {max(ratios):6.2f} x numpy.save's rate "
        f"(at least 0.7)  {'ok' if good else 'MISSED'}"
    )
    return good


def floor_row(runs: int) -> Row:
    """Compare storing trivial runs with a bare loop over HDF5."""
    with tempfile.TemporaryDirectory() as name:
        sweep = measure(Path(name), runs)
    text = f"{sweep.runs / sweep.running:.0f} runs/s"
    return Row("storing trivial runs / bare loop", text, "", sweep.running / sweep.floor, 3, False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrays", type=int, default=20, help="arrays of each kind")
    parser.add_argument("--length", type=int, default=1_000_000, help="elements of each")
    parser.add_argument("--compared", type=int, default=2, help="of these go through PyTables")
    parser.add_argument("--compare", action="store_true", help="beside the established pypet")
    parser.add_argument("--environment", type=Path, help="its virtual environment, to keep")
    parser.add_argument("--repetitions", type=int, default=3, help="of each job of a comparison")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the runs to execute")
    options = parser.parse_args()
    rows = [floor_row(5000)]
    if options.compare:
        with tempfile.TemporaryDirectory() as name:
            environment = options.environment or Path(name) / "environment"
            rows += storing_rows(Sides(environment, options.repetitions, options.scale))
    good = [print_rows(rows)]
    print("\nstoring arrays; at least 30 x the rate for standard normal, at most 1.03 x the size")
    good += [compressed(kind, options.arrays, options.length, options.compared) for kind in KINDS]
    good.append(uncompressed(options.arrays, options.length))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
