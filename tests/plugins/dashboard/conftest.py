"""An experiment with failures, arrays and frames, that tests only read."""

from __future__ import annotations

import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")

import numpy as np
import pandas as pd

from pypet import Environment, PickleResult, cartesian_product

SCRIPT = "<script>document.title = 'hacked'</script>"


class Bomb:
    """Cannot be unpickled without running code of nobody's choice."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def simulate(traj):
    """Fail at one point, and store values of many kinds at all others."""
    if traj.x == 3.0 and traj.y == 1:
        raise ValueError(f"no result {SCRIPT}")
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    traj.f_add_result("parity", "odd" if traj.y % 2 else "even")
    traj.f_add_result("fit", slope=2.0, text=SCRIPT)
    traj.f_add_result("trace", np.arange(20) * traj.x)
    if traj.v_idx == 5:
        traj.f_add_result("image", np.arange(12.0).reshape(3, 4))
        traj.f_add_result("table", pd.DataFrame({"a": [1, 2], SCRIPT: [3, 4]}))
        traj.f_add_result(PickleResult, "bomb", Bomb())


def make_experiment(filename, name="sweep", **options):
    """Execute 24 runs, of which number 13 fails."""
    with Environment(
        name,
        filename=str(filename),
        comment=f"a sweep {SCRIPT}",
        add_time=False,
        on_error="continue",
        report_progress=False,
        **{"log_config": None, **options},
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 0.0, comment="in mV")
        traj.f_add_parameter("group.y", 0)
        traj.f_add_parameter("weights", np.linspace(0, 1, 4))
        traj.f_explore(cartesian_product({"x": [float(i) for i in range(6)], "y": [0, 1, 2, 3]}))
        env.run(simulate)


@pytest.fixture(scope="module")
def experiment_file(tmp_path_factory):
    """The file with the experiment; the folder has its logs, too."""
    folder = tmp_path_factory.mktemp("experiments")
    make_experiment(folder / "sweep.hdf5", log_config="DEFAULT", log_folder=str(folder / "logs"))
    return folder / "sweep.hdf5"
