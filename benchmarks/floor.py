"""The floor under the cost of a stored run: the same nodes written by a bare loop over HDF5.

The loop copies the nodes of one run as pypet stored it, with all groups, arrays and attributes,
in one library call, and writes the value of the run into the copy. Nothing that keeps this layout
can do with fewer calls.
"""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np

TEMPLATE_RUN = "run_00000001"  # not the first: it alone keeps the comment that all runs share


def seconds_of_bare_loop(stored: Path, target: Path, runs: int) -> float:
    """Write ``runs`` copies of a run of the file ``stored`` into the new file ``target``.

    ``stored`` holds one trajectory whose runs have one result ``z``, a float. The time includes
    creating and closing the file.
    """
    with h5py.File(stored, "r") as source:
        (trajectory,) = source
        template = source[trajectory]["results"]["runs"][TEMPLATE_RUN]
        began = time.perf_counter()
        file = h5py.File(target, "w")
        h5py.h5o.copy(template.id, b".", file.id, b"template")
        group = file.create_group("runs").id
        value = np.zeros(())
        for run in range(runs):
            name = b"run_%08d" % run
            h5py.h5o.copy(file.id, b"template", group, name)
            value[...] = run * 2.0
            h5py.h5d.open(group, name + b"/z/z").write(h5py.h5s.ALL, h5py.h5s.ALL, value)
        del file["template"]
        file.close()
        return time.perf_counter() - began
