"""Tables of runs to draw, and a stored experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pypet import Environment, cartesian_product
from pypet.tables import Column, RunTable

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib: pypet[plot]")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def make_table(results=(), **parameters):
    """Return a table of explored parameters, ``name=values``, and results ``(name, values)``."""
    first = next(iter(parameters.values()))
    count = len(first[0] if isinstance(first, tuple) else first)
    columns = {
        "run": Column("run", np.arange(count), np.zeros(count, bool), "run"),
        "runtime": Column("runtime", np.full(count, 0.5), np.zeros(count, bool), "run"),
    }
    for kind, pairs in (("parameter", parameters.items()), ("result", results)):
        for key, (values, *comment) in ((k, v if isinstance(v, tuple) else (v,)) for k, v in pairs):
            array = np.asarray(values)
            missing = np.zeros(count, bool)
            if array.dtype.kind == "f":
                missing = np.isnan(array)
            columns[key] = Column(
                key,
                array,
                missing,
                kind,
                *(comment or [""]),
                explored=kind == "parameter",
                full_name=f"parameters.group.{key}" if kind == "parameter" else key,
            )
    return RunTable("sweep", np.arange(count), columns)


def grid(**ranges):
    """Return all combinations of values."""
    return {name: np.array(values) for name, values in cartesian_product(ranges).items()}


def simulate(traj):
    """The run function of `sweep_file`; one run has no result."""
    if traj.v_idx != 5:
        traj.f_add_result("z", traj.x * traj.y, comment="product")
        traj.f_add_result("trace", np.arange(4.0) * traj.x)


@pytest.fixture(scope="session")
def sweep_file(tmp_path_factory) -> Path:
    """A file with one trajectory of 12 runs."""
    pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("plotting") / "sweep.hdf5"
    with Environment(
        "sweep",
        filename=str(path),
        log_config=None,
        report_progress=False,
        record_environment=False,
    ) as env:
        env.traj.f_add_parameter("x", 1.0, comment="first")
        env.traj.f_add_parameter("y", 1.0)
        env.traj.f_explore(cartesian_product({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 4.0]}))
        env.run(simulate)
    return path
