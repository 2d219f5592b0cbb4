"""Have the established pypet edit a file of this one, and load it here again.

    python tests/interop/edit_with_established.py [--environment FOLDER]

Items have checksums that the established pypet does not know. It replaces, deletes, adds and
extends items and nodes; nothing of that may be taken for damage. Prints what was loaded wrongly;
the exit status is 0 if nothing was. See `compare_with_established.py` for the environment.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import numpy as np
import pandas as pd

LONG = 5_000


def write(filename: str) -> None:
    """Write items of all kinds that get checksums."""
    from pypet import SharedResult, Trajectory

    traj = Trajectory("t", filename=filename, add_time=False)
    for name in ("replaced", "kept", "shortened"):
        traj.f_add_result(name, **values(1.0))
    traj.f_add_result(SharedResult, "shared", array=np.ones(LONG), table=object_table(1.0))
    traj.f_add_parameter("x", 1.0)
    traj.f_add_parameter("long", list(range(1_000)))
    traj.f_store()


def values(number: float) -> dict[str, object]:
    """Return items of all kinds."""
    return {
        "array": np.full(LONG, number),
        "small": np.full(3, number),
        "list": [number] * 1_000,
        "text": f"{number} " * 1_000,
        "mapping": {"a": number, "b": "text"},
        "table": object_table(number),
        "frame": pd.DataFrame({"a": [number] * 4, "b": ["x"] * 4}),
    }


def object_table(number: float) -> object:
    """Return a small table."""
    from pypet import ObjectTable

    return ObjectTable({"a": [number, number], "b": ["x", "y"]})


def edit(filename: str) -> None:
    """Change the file; executed by the established pypet."""
    from pypet import SharedArray, SharedTable, load_trajectory
    from pypet.shareddata import StorageContextManager, make_ordinary_result, make_shared_result

    traj = load_trajectory("t", filename=filename, load_data=2, force=True)
    replaced = traj.f_get("replaced")
    for name, value in values(2.0).items():
        replaced.f_set(**{name: value})
    traj.f_store_item(replaced, overwrite=True)
    shortened = traj.f_get("shortened")
    traj.f_delete_item(shortened, delete_only=["list", "frame"], remove_from_item=True)
    traj.f_add_result("added", **values(3.0))
    traj.f_store_item("added")
    traj.f_get("kept").v_comment = "edited"
    shared = traj.f_get("shared")
    make_shared_result(shared, "array", traj, new_class=SharedArray)
    make_shared_result(shared, "table", traj, new_class=SharedTable)
    with StorageContextManager(traj):
        array = shared.array.get_data_node()
        array[0] = 7.0
        table = shared.table.get_data_node()
        table.append([(8.0, b"z")])
        table.flush()
    make_ordinary_result(shared, "array", traj)
    make_ordinary_result(shared, "table", traj)
    x = traj.f_get("x")
    traj.f_expand({"x": [1.0, 2.0, 3.0]}) if x.f_has_range() else traj.f_explore({"x": [1.0, 2.0]})
    traj.f_store(store_data=2)


def faults(filename: str) -> list[str]:
    """Return what is loaded wrongly."""
    from pypet import load_trajectory
    from pypet.utils.comparisons import nested_equal

    traj = load_trajectory("t", filename=filename, load_data=2)
    found = []
    expected = {"replaced": values(2.0), "kept": values(1.0), "added": values(3.0)}
    expected["shortened"] = {
        name: value for name, value in values(1.0).items() if name not in ("list", "frame")
    }
    for leaf, items in expected.items():
        loaded = traj.f_get(leaf).f_to_dict()
        if sorted(loaded) != sorted(items):
            found.append(f"{leaf} has the items {sorted(loaded)} instead of {sorted(items)}")
        found += [
            f"{leaf}.{name}: {loaded.get(name)!r}"
            for name, value in items.items()
            if not nested_equal(loaded.get(name), value)
        ]
    shared = traj.f_get("shared")
    if shared.array[0] != 7.0 or shared.table["a"].tolist() != [1.0, 1.0, 8.0]:
        found.append(f"shared: {shared.array[:3]}, {shared.table}")
    if traj.f_get("long").f_get() != list(range(1_000)) or len(traj) != 2:
        found.append(f"long: {traj.f_get('long')}, {len(traj)} runs")
    return found


def main() -> int:
    """Write, have the file edited, load, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--environment", type=Path, help="folder of the virtual environment")
    options = parser.parse_args()
    from established import established_python, run

    with tempfile.TemporaryDirectory() as folder:
        filename = str(Path(folder) / "edited.hdf5")
        write(filename)
        python = established_python(options.environment or Path(folder) / "environment")
        run(python, __file__, "edit", filename)
        found = faults(filename)
    print("\n".join(found) or "Everything that was edited is loaded.")
    return 1 if found else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["edit"]:
        edit(sys.argv[2])
    else:
        sys.exit(main())
