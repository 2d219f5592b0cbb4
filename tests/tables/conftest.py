"""Experiments that tables are made of."""

import numpy as np
import pytest

from pypet import Environment, PickleResult, cartesian_product

FAILING_RUN = 3
RUNS = 6


def simulate(traj):
    """Store results of various kinds; one run fails half-way, and one has less than the others."""
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    if traj.v_idx == FAILING_RUN:
        raise ValueError("negative")
    traj.f_add_result("fit.slope", int(traj.x), comment="of the line")
    traj.f_add_result("fit.name", f"run of {traj.net.size}")
    traj.f_add_result("stats", low=-traj.x, high=traj.x, all=np.arange(3))
    traj.f_add_result("trace", np.arange(4) * traj.x, comment="over time")
    traj.f_add_derived_parameter("twice", 2 * traj.x)
    if traj.v_idx != 1:
        traj.f_add_result("some", traj.v_idx % 2 == 0)
    traj.f_add_result(PickleResult, "kept", {"a": 1})


def run_experiment(**storage):
    """Return the trajectory of an experiment with six runs, one of which fails."""
    env = Environment(
        "t",
        comment="six runs",
        log_config=None,
        report_progress=False,
        on_error="continue",
        **storage,
    )
    with env:
        traj = env.traj
        traj.f_add_parameter("x", 1.0, comment="length")
        traj.f_add_parameter("y", 1)
        traj.f_add_parameter("net.size", 7, comment="neurons")
        traj.f_add_parameter("label", "a")
        traj.f_explore(cartesian_product({"x": [0.5, 1.5, 2.5], "y": [3, 4]}))
        traj.f_add_result("summary", 42)
        env.run(simulate)
    return traj


@pytest.fixture(scope="session")
def stored_file(tmp_path_factory):
    """The file of the experiment."""
    pytest.importorskip("h5py")
    path = str(tmp_path_factory.mktemp("tables") / "t.hdf5")
    run_experiment(filename=path)
    return path


@pytest.fixture(scope="session")
def in_memory():
    """The trajectory of the same experiment, kept by the memory service."""
    return run_experiment(storage_service="memory")
