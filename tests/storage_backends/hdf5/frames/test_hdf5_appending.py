"""Rows that a storing call adds to a stored frame are added once."""

from __future__ import annotations

import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")
pytest.importorskip("tables")

import pandas as pd

from pypet import Environment, Trajectory, load_trajectory
from pypet.pypetconstants import LEAF
from pypet.records import FrameItem
from tests.storage_backends.hdf5.record_makers import TRAJ, apply, items_of, leaf, new_service

FIRST = pd.DataFrame({"a": [1, 2]})
SECOND = pd.DataFrame({"a": [3]}, index=[2])


def added(frame, call):
    options = {"append": True, "format": "table"}
    return leaf("results.rows", FrameItem("f", "FRAME", frame), options=options, call=call)


def rows_of(service):
    return list(items_of(service, "results.rows")["f"].value["a"])


def rows_in(path, name="rows"):
    return list(load_trajectory(TRAJ, filename=path, load_data=2).f_get(name).f["a"])


@pytest.fixture
def traj(tmp_path):
    traj = Trajectory(TRAJ, filename=str(tmp_path / "data.hdf5"), add_time=False)
    traj.f_add_result("rows", f=FIRST)
    traj.f_store(only_init=True)
    traj.f_store_item("rows", format="table")
    return traj


@pytest.mark.parametrize("is_kept_open", [False, True])
def test_a_request_that_is_applied_twice_adds_its_rows_once(tmp_path, is_kept_open):
    service = new_service(tmp_path)
    if is_kept_open:
        service.open()
    for operation in (added(FIRST, 1), added(SECOND, 2), added(FIRST, 1), added(SECOND, 2)):
        apply(service, operation)
    service.close()
    assert rows_of(service) == [1, 2, 3]


def test_a_whole_journal_that_is_applied_again_adds_nothing(tmp_path):
    service = new_service(tmp_path)
    journal = [leaf("results.rows", FrameItem("f", "FRAME", FIRST), options={"format": "table"})]
    journal += [added(SECOND, call) for call in range(1, 40)]
    apply(service, *journal)
    apply(service, *journal)
    assert rows_of(service) == [1, 2] + [3] * 39


def test_equal_rows_of_two_calls_are_added_twice(traj, tmp_path):
    traj.f_get("rows").f = SECOND
    for _ in range(2):
        traj.f_store_item("rows", append=True)
    assert rows_in(tmp_path / "data.hdf5") == [1, 2, 3, 3]


def test_a_prepared_message_that_is_sent_again_adds_its_rows_once(traj, tmp_path, caplog):
    result = traj.f_get("rows")
    result.f = SECOND
    service = traj.v_storage_service
    prepared = service.prepare(LEAF, result, append=True, trajectory_name=TRAJ)
    for _ in range(3):
        service.apply(prepared.request)
    assert rows_in(tmp_path / "data.hdf5") == [1, 2, 3]
    assert "added by the same call before" in caplog.text


def test_nothing_is_added_by_an_empty_frame(traj, tmp_path):
    traj.f_get("rows").f = SECOND[:0]
    traj.f_store_item("rows", append=True)
    assert rows_in(tmp_path / "data.hdf5") == [1, 2]


def test_an_empty_frame_that_should_be_added_to_nothing_is_kept(tmp_path):
    service = new_service(tmp_path)
    apply(service, added(SECOND[:0], 1))
    assert rows_of(service) == []


def test_what_replaces_the_rows_can_be_added_to_again(traj, tmp_path):
    result = traj.f_get("rows")
    result.f = SECOND
    traj.f_store_item("rows", append=True)
    traj.f_store_item("rows", overwrite=True, format="table")
    traj.f_store_item("rows", append=True)
    assert rows_in(tmp_path / "data.hdf5") == [3, 3]


def add_rows_and_fail_once(traj, folder):
    rows = traj.f_get("rows")
    for number in range(2):
        rows.f = pd.DataFrame({"a": [10 * traj.x + number]}, index=[traj.v_idx])
        traj.f_store_item(rows, append=True)
    mark = folder / f"{traj.v_idx}"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("the first attempt fails")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"multiproc": True, "use_pool": True, "ncores": 2, "wrap_mode": "LOCK"},
        {"multiproc": True, "ncores": 2, "wrap_mode": "QUEUE"},
    ],
    ids=["serial", "pool and lock", "processes and queue"],
)
def test_a_run_that_is_tried_again_adds_its_rows_once(tmp_path, options):
    path = tmp_path / "data.hdf5"
    marks = tmp_path / "marks"
    marks.mkdir()
    with Environment(
        TRAJ, filename=path, log_config=None, report_progress=False, on_error="retry:2", **options
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 0)
        traj.f_add_result("rows", f=FIRST)
        traj.f_explore({"x": [1, 2, 3]})
        traj.f_store()
        traj.f_store_item("rows", overwrite=True, format="table")
        env.run(add_rows_and_fail_once, marks)
    assert sorted(rows_in(path)) == [1, 2, 10, 11, 20, 21, 30, 31]


def test_a_run_by_hand_that_is_started_again_adds_its_rows_again(traj, tmp_path):
    traj.f_get("rows").f = SECOND
    for _ in range(2):
        traj.f_start_run(0)
        traj.f_store_item("rows", append=True)
        traj.f_finalize_run()
    assert rows_in(tmp_path / "data.hdf5") == [1, 2, 3, 3]
