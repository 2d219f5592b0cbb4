"""Code on pages that is neither a session nor a script of its own works in its context.

Sessions are executed by `test_sessions`, scripts and plugins by the modules about their pages.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

pytest.importorskip("h5py")

import pypet
from pypet import Environment, load_trajectory
from pypet.errors import StorageLostError
from pypet.sampling import integers, uniform

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SPACE = {"x": uniform(-3, 3), "n": integers(1, 9)}


def blocks(page, containing):
    """Return the blocks of Python on a page that contain a text."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"^ *```(?:python|text)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [block for block in found if containing in block and not block.startswith(">>>")]


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def distance(traj):
    traj.f_add_result("loss", (traj.x - 1) ** 2 + (traj.n - 3) ** 2)


def double(traj):
    traj.f_add_result("z", 2 * traj.x)


def explored(name, filename, **options):
    env = Environment(name, filename=filename, log_config=None, report_progress=False, **options)
    env.traj.f_add_parameter("x", 0.0)
    env.traj.f_explore({"x": [0.0, 0.25, 0.5]})
    return env


@pytest.mark.parametrize("code", blocks("exploring.md", "env.search(simulate, "))
def test_searches_by_optuna(code):
    pytest.importorskip("optuna", reason="needs optuna: pypet[optuna]")
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="needs matplotlib: pypet[plot]")
    pyplot.switch_backend("Agg")
    import optuna

    env = Environment("s", filename="s.hdf5", log_config=None, report_progress=False)
    env.traj.f_add_parameter("x", 0.0)
    env.traj.f_add_parameter("n", 1)
    names = {"env": env, "simulate": distance, "space": SPACE, "optuna": optuna}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        exec(code.replace("max_runs=200", "max_runs=12"), names)
    assert len(env.traj) == 12
    pyplot.close("all")


def test_a_file_of_unknown_origin_is_loaded():
    explored("measured", "downloaded.hdf5").run(double)
    (code,) = blocks("untrusted_files.md", "load_trajectory")
    names = {"load_trajectory": load_trajectory}
    exec(code, names)
    assert names["traj"].results.runs.run_00000002.z == 1.0


def test_conditions_select_rows_in_scripts():
    env = explored("gains", "data/gains.hdf5")
    env.traj.f_add_parameter("gain", 0.5)
    env.traj.f_explore({"gain": [0.1, 0.4, 0.9]})
    env.run(double)
    (code,) = blocks("command_line.md", "parse_filter")
    names = {}
    exec(code, names)
    assert names["best"].indices.tolist() == [1, 2]


def test_a_rescue_file_is_merged_or_continued(tmp_path):
    def lose(traj):
        double(traj)
        if traj.v_idx == 1:
            traj.f_store_item(traj.f_get("z"))
            Path("found").mkdir()
            Path("mult.hdf5").rename("found/mult.hdf5")

    with pytest.raises(StorageLostError):
        explored("mult", "mult.hdf5").run(lose)
    (rescued,) = tmp_path.glob("mult.rescue-*.hdf5")
    merging, continuing = blocks("parallel_runs.md", ".rescue-")
    code = f"{merging}{continuing}".replace("mult.rescue-20250314-092653.hdf5", rescued.name)
    code = code.replace("trajectory=traj)", "trajectory=traj, log_config=None)")
    first, found, *rest = code.splitlines()
    assert "filename=" in found
    exec("\n".join([found, *rest]), {"pypet": pypet, "simulate": double})
    assert first.startswith("pypet.merge_rescued(")
    merged = load_trajectory("mult", filename="found/mult.hdf5")
    assert merged.f_is_completed(0)
    assert load_trajectory(index=-1, filename=rescued).f_is_completed()
