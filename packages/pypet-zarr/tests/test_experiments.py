"""Experiments that store in Zarr hierarchies, what other programs see, and what damage does."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import uuid

import numpy as np
import pytest
import zarr

from pypet import Environment, Trajectory, load_trajectory
from pypet.errors import StorageFormatError
from pypet.records import ArrayItem, PutNode, StoreRequest
from pypet_zarr import ZarrStorageService
from pypet_zarr.objects import Objects

RUNS = 6
SCRIPT = """
import sys, time
import numpy as np
from pypet import Environment

def store(traj):
    traj.f_add_result("z", traj.x * 2)
    traj.f_add_result("field", np.full((40, 50), traj.x))

with Environment(
    trajectory="t", storage_service="zarr", filename=sys.argv[1], log_config=None
) as env:
    env.traj.f_add_parameter("x", 1.0)
    env.traj.f_explore({"x": [float(x) for x in range(100_000)]})
    env.run(store)
"""


def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    traj.f_add_result("field", np.full((4, 5), traj.x))
    return traj.x


def load(path):
    return load_trajectory("t", storage_service="zarr", filename=str(path), load_data=2)


def experiment(path, runs=RUNS, **options):
    with Environment(
        trajectory="t",
        filename=str(path),
        storage_service="zarr",
        log_config=None,
        report_progress=False,
        **options,
    ) as env:
        env.traj.f_add_parameter("x", 1.0)
        env.traj.f_add_parameter("y", 1.0)
        env.traj.f_explore({"x": [float(x) for x in range(runs)], "y": [2.0] * runs})
        env.run(multiply)
    return env.traj


def stored(path, **options):
    traj = Trajectory("t", storage_service=ZarrStorageService(path, **options))
    traj.f_add_result("r", x=1, text="words", data=np.arange(6.0).reshape(2, 3))
    traj.f_store()
    return traj


# ----- experiments -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "direct", "QUEUE", "LOCK"])
def test_all_runs_are_stored(tmp_path, mode):
    options = {"multiproc": True, "ncores": 2} if mode else {}
    if mode not in (None, "direct"):
        options |= {"wrap_mode": mode, "force_wrap_mode": True}
    experiment(tmp_path / "data.zarr", **options)
    loaded = load(tmp_path / "data.zarr")
    assert all(loaded.f_is_completed(run) for run in range(RUNS))
    for run in range(RUNS):
        results = loaded.f_get(f"results.runs.run_{run:08d}")
        assert results.f_get("z").f_get() == 2.0 * run
        np.testing.assert_array_equal(results.f_get("field").f_get(), np.full((4, 5), float(run)))


def test_a_url_of_fsspec_is_a_storage():
    url = f"memory://{uuid.uuid4().hex}/data.zarr"
    experiment(url, runs=3)
    loaded = load(url)
    assert loaded.f_get("results.runs.run_00000002.z").f_get() == 4.0
    traj = loaded
    traj.f_delete_item("results.runs.run_00000002.field", remove_from_trajectory=True)
    assert not load(url).f_contains("results.runs.run_00000002.field", shortcuts=False)
    assert not traj.v_storage_service.multiproc_safe
    assert traj.v_storage_service.backup_service("t", None).filename == url.replace(
        "data.zarr", "backup_t.zarr"
    )


# ----- other programs --------------------------------------------------------------------------


def test_zarr_reads_what_was_stored(tmp_path):
    experiment(tmp_path / "data.zarr")
    root = zarr.open_group(tmp_path / "data.zarr", mode="r")
    run = root["t/results/runs/run_00000003"]
    np.testing.assert_array_equal(run["field"][...], np.full((4, 5), 3.0))
    assert run.attrs["z"] == 6.0
    assert {name for name, _ in root["t"].groups()} >= {"parameters", "results", ".runs"}


def test_xarray_opens_a_result(tmp_path):
    xarray = pytest.importorskip("xarray")
    stored(tmp_path / "data.zarr")
    with xarray.open_dataset(
        tmp_path / "data.zarr", group="t/results/r", engine="zarr", consolidated=False
    ) as data:
        assert data["data"].dims == ("data_0", "data_1")
        np.testing.assert_array_equal(data["data"], np.arange(6.0).reshape(2, 3))
        assert data.attrs["x"] == 1
        assert data.attrs["text"] == "words"


def test_xarray_opens_all_runs(tmp_path):
    xarray = pytest.importorskip("xarray")
    experiment(tmp_path / "data.zarr")
    tree = xarray.open_datatree(
        tmp_path / "data.zarr", group="t/results/runs", engine="zarr", consolidated=False
    )
    found = {name: run.attrs["z"] for name, run in tree.children.items()}
    assert found == {f"run_{run:08d}": 2.0 * run for run in range(RUNS)}
    np.testing.assert_array_equal(tree["run_00000002/field"], np.full((4, 5), 2.0))
    tree.close()


def test_large_arrays_are_cut_into_chunks(tmp_path):
    traj = Trajectory("t", storage_service=ZarrStorageService(tmp_path / "data.zarr"))
    value = np.arange(3 * 1_000_003.0).reshape(3, -1)
    traj.f_add_result("r", value)
    traj.f_store()
    array = zarr.open_array(tmp_path / "data.zarr/t/results/r/r", mode="r")
    assert array.nchunks == 24
    np.testing.assert_array_equal(load(tmp_path / "data.zarr").r, value)


def test_replaced_arrays_leave_nothing_behind(tmp_path):
    traj = stored(tmp_path / "data.zarr")
    result = traj.f_get("results.r")
    for number in range(3):
        result.f_set(data=np.full(number + 1, 7))
        traj.f_store_item(result, overwrite=True)
    (name,) = [
        each.name for each in (tmp_path / "data.zarr/t/results/r").iterdir() if each.is_dir()
    ]
    assert load(tmp_path / "data.zarr").f_get("results.r").data.tolist() == [7, 7, 7]
    traj.f_delete_item("results.r")
    assert not (tmp_path / "data.zarr/t/results/r").exists()
    assert name


# ----- faults ----------------------------------------------------------------------------------


def test_what_a_killed_process_stored_is_there(tmp_path):
    script, path = tmp_path / "script.py", tmp_path / "data.zarr"
    script.write_text(SCRIPT)
    runs = path / "t/results/runs"
    with subprocess.Popen([sys.executable, str(script), str(path)], cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if runs.is_dir() and len(os.listdir(runs)) > 30:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    results = load(path).f_get("results.runs").f_to_dict(fast_access=True)
    assert len(results) >= 30
    for name, value in results.items():
        assert np.all(
            value == int(name.split(".")[2].removeprefix("run_")) * (2 if name[-1] == "z" else 1)
        )
    more = Trajectory("more", storage_service=ZarrStorageService(path))
    more.f_store()
    assert more.v_storage_service.trajectory_names() == ["t", "more"]


def test_wherever_writing_ends_the_old_or_the_new_is_there(tmp_path, monkeypatch):
    """A replacement, and a deletion, are cut at each step; repeated, they are whole."""
    service = ZarrStorageService(tmp_path / "data.zarr")
    stored(service.filename)
    value = np.arange(3.0)
    items = (
        ArrayItem("data", "ARRAY", value, "COLL_NDARRAY", None),
        ArrayItem("x", "ARRAY", np.array(2), "COLL_SCALAR", "int"),
    )
    put = PutNode("results.r", True, "Result", "", {}, items, overwrite=True)
    request = StoreRequest("t", (put,))
    cuts = 0
    while True:
        steps = iter(range(cuts))

        def write(self, objects, steps=steps, former=Objects._write):
            for key, data in objects.items():
                if next(steps, None) is None:
                    raise OSError("the power is gone")
                former(self, {key: data})

        with monkeypatch.context() as patch:
            patch.setattr(Objects, "_write", write)
            try:
                service.apply(request)
                break
            except OSError:
                found = load(service.filename).f_get("results.r")
        assert (found.x, found.data.tolist()) == (1, np.arange(6.0).reshape(2, 3).tolist())
        cuts += 1
    assert cuts >= 3
    service.apply(request._replace(replayed=True))
    found = load(service.filename).f_get("results.r")
    assert (found.x, found.data.tolist()) == (2, value.tolist())


def test_what_a_killed_process_began_to_create_is_gone(tmp_path):
    traj = stored(tmp_path / "data.zarr")
    (tmp_path / "data.zarr/t/zarr.json").unlink()
    assert traj.v_storage_service.trajectory_names() == []
    again = Trajectory("t", storage_service=traj.v_storage_service)
    again.f_store()
    assert "r" not in load(tmp_path / "data.zarr").results


@pytest.mark.parametrize("damage", ["results/r/zarr.json", "results/r/data/zarr.json"])
def test_damage_is_named(tmp_path, damage):
    stored(tmp_path / "data.zarr")
    (tmp_path / "data.zarr/t" / damage).write_text('{"zarr_format": 3, "nod')
    with pytest.raises(StorageFormatError, match=r"results[./]r"):
        load(tmp_path / "data.zarr")
    if "data" in damage:
        loaded = load_trajectory(
            "t", filename=str(tmp_path / "data.zarr"), load_data=2, on_error="skip"
        )
        assert list(loaded.v_load_errors) == ["results.r"]


def test_a_hierarchy_of_others_is_refused(tmp_path):
    zarr.create_group(tmp_path / "data.zarr", attributes={"title": "something else"})
    with pytest.raises(StorageFormatError, match="pypet-zarr"):
        ZarrStorageService(tmp_path / "data.zarr").trajectory_names()
    with pytest.raises(StorageFormatError, match="pypet-zarr"):
        stored(tmp_path / "data.zarr")


def test_rows_of_several_processes_are_merged(tmp_path):
    traj = experiment(tmp_path / "data.zarr")
    blocks = tmp_path / "data.zarr/t/.runs"
    (block,) = [each for each in blocks.iterdir() if each.is_dir()]
    document = json.loads((block / "zarr.json").read_text())
    row = document["attributes"]["pypet"]["rows"][4]
    newer = [row[0] + 1, 4, 0, *row[3:]]
    document["attributes"]["pypet"]["rows"] = [newer]
    (blocks / "000000-other").mkdir()
    (blocks / "000000-other/zarr.json").write_text(json.dumps(document))
    loaded = load(tmp_path / "data.zarr")
    assert [loaded.f_is_completed(run) for run in range(RUNS)] == [True] * 4 + [False, True]
    assert len(traj) == len(loaded)


def test_durable_commits_reach_the_disk(tmp_path, monkeypatch):
    traj, synced = stored(tmp_path / "data.zarr"), []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("the platform does not tell what a handle is")
    with traj.v_storage_service.durable_commits():
        traj.f_store_item(traj.f_add_result("late", np.arange(3)))
    leaf = tmp_path / "data.zarr/t/results/late"
    assert {str(leaf / "zarr.json"), str(leaf / "late/c/0"), str(leaf), str(leaf.parent)} <= {
        *synced
    }


def test_a_copy_for_another_process_writes_rows_of_its_own(tmp_path):
    service = stored(tmp_path / "data.zarr").v_storage_service
    service.open()
    copy = pickle.loads(pickle.dumps(service))
    assert not copy.is_open
    assert copy.trajectory_names() == ["t"]
    names = {each._trajectory(each._objects(), "t")._writer for each in (service, copy)}
    assert len(names) == 2
