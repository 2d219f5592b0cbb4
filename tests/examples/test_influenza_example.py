"""The influenza example does what it says, as the script that users start."""

from __future__ import annotations

import re

import pytest

from tests.examples.running import run_example

pytest.importorskip("h5py")
pytest.importorskip("matplotlib")

POINTS = 11


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("influenza")
    done = run_example(
        "influenza.py", "--points", POINTS, "--folder", folder, folder=folder, seconds=100
    )
    return folder, done


def test_the_reproduction_number_agrees_with_published_fits(finished):
    _, done = finished
    r0 = float(re.search(r"R0\s*=\s*([\d.]+)", done.stdout).group(1))
    assert 3.5 <= r0 <= 3.9


def test_all_runs_are_reported(finished):
    _, done = finished
    assert f"{POINTS**2} runs in " in done.stdout


def test_it_writes_one_file_and_a_plot(finished):
    folder, _ = finished
    assert sorted(path.name for path in folder.iterdir()) == [
        "influenza.hdf5",
        "influenza.png",
    ]
    assert (folder / "influenza.png").read_bytes().startswith(b"\x89PNG")


def test_the_file_holds_every_curve(finished):
    from pypet import load_trajectory

    folder, _ = finished
    traj = load_trajectory(index=-1, filename=str(folder / "influenza.hdf5"), load_results=2)
    assert len(traj) == POINTS**2
    assert traj.f_is_completed()
    curves = traj.f_get_from_runs("curve", fast_access=True)
    assert len(curves) == POINTS**2
    assert all(curve.shape == (14,) and curve[0] == 3 for curve in curves.values())
