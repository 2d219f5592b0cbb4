"""What is known about runs, and what of it goes to and comes from storages."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from pypet.records import RunRows
from pypet.runs.information import run_information
from pypet.runs.names import RunNames
from pypet.runs.serialization import to_rows
from pypet.runs.table import RunTable
from pypet.trajectory import Trajectory
from pypet.tree.wildcards import Wildcards


def make_table(length=4, wildcards=None):
    return RunTable(RunNames(wildcards or Wildcards()), {}, length)


def rows_like(length, **changes):
    columns = {
        "idx": np.arange(length),
        "completed": np.ones(length, np.int8),
        "timestamp": np.arange(length) + 100.0,
        "finish_timestamp": np.arange(length) + 200.0,
        "environment": np.zeros(length, np.int32),
        "hexshas": ("abcdefg",),
    }
    return RunRows(**{**columns, **changes})


def test_new_run_is_incomplete_and_never_started():
    record = run_information(make_table(), 2)
    assert record["idx"] == 2
    assert record["name"] == "run_00000002"
    assert record["completed"] == 0
    assert (record["timestamp"], record["finish_timestamp"]) == (42.0, 1.337)
    assert record["short_environment_hexsha"] == "N/A"
    assert record["time"] == record["runtime"] == record["parameter_summary"]


def test_finished_run_has_times_and_environment():
    table = make_table()
    table.start(1, 1000.0)
    table.finish(1, 1001.5, "0123456789abcdef")
    record = run_information(table, 1)
    assert record["completed"] == 1
    assert record["runtime"] == "0:00:01.500000"
    assert record["short_environment_hexsha"] == "0123456"


@pytest.mark.parametrize("idx", [-1, 4, 100])
def test_run_that_does_not_exist_is_a_key_error(idx):
    with pytest.raises(KeyError, match="4 runs"):
        run_information(make_table(), idx)


@pytest.mark.parametrize(
    ("name", "idx"),
    [
        ("run_00000003", 3),
        ("run_00000004", None),
        ("run_3", None),
        ("run_000000003", None),
        ("run_ALL", None),
        ("x", None),
    ],
)
def test_run_is_found_by_its_exact_name_only(name, idx):
    assert make_table().find(name) == idx


def test_only_changed_rows_are_given_after_storing():
    table = make_table()
    assert to_rows(table, changed_only=True).idx.tolist() == [0, 1, 2, 3]
    table.mark_stored()
    table.complete(2, 1.0, 2.0)
    rows = to_rows(table, changed_only=True)
    assert rows.idx.tolist() == [2]
    assert rows.completed.tolist() == [1]
    assert len(to_rows(table)) == 4


def test_rows_are_not_changed_by_later_runs():
    table = make_table()
    rows = to_rows(table)
    table.complete(0, 1.0, 2.0)
    assert rows.completed.tolist() == [0, 0, 0, 0]


def test_runs_that_are_added_are_chosen_too():
    table = make_table(5)
    table.select([3, 1])
    assert (table.selected_count, list(table.selected), table.pending().tolist()) == (
        2,
        [1, 3],
        [1, 3],
    )
    table.expand(7)
    assert table.pending().tolist() == [1, 3, 5, 6]
    assert not table.all_completed()
    for idx in table.pending():
        table.complete(idx, 1.0, 2.0)
    assert table.all_completed()


@pytest.mark.parametrize("copied", [copy.copy, lambda table: table.copy()])
def test_copies_know_whether_the_chosen_runs_are_a_batch(copied):
    table = make_table(3)
    table.select([0])
    assert not copied(table).is_batch
    table.select([0], is_batch=True)
    assert copied(table).is_batch
    with pytest.raises(RuntimeError, match="batch"):
        copied(table).expand(4)


def test_the_last_runs_can_be_taken_back():
    table = make_table(2)
    table.complete(1, 1.0, 2.0)
    table.select([1])
    before = run_information(table, 1)
    table.expand(5)
    table.truncate(2)
    assert (len(table), table.selected_count, run_information(table, 1)) == (2, 1, before)
    with pytest.raises(KeyError):
        run_information(table, 2)
    table.expand(3)
    assert table.pending().tolist() == [2]


def test_expanding_keeps_old_runs_and_adds_changed_ones():
    table = make_table(2)
    table.complete(1, 5.0, 6.0)
    table.mark_stored()
    for length in range(3, 60):
        table.expand(length)
    assert run_information(table, 1)["timestamp"] == 5.0
    assert table.completed(58) == 0
    assert to_rows(table, changed_only=True).idx.tolist() == list(range(2, 59))


def test_text_that_was_read_back_is_kept_as_it_was():
    text = {
        "time": np.array([b"then", b"later"]),
        "runtime": np.array([b"long", b""]),
        "parameter_summary": np.array(["x: ü".encode(), b"x: 2"], "S512"),
    }
    table = make_table(1)
    table.load_rows(rows_like(2, text=text))
    assert run_information(table, 0)["time"] == "then"
    assert run_information(table, 0)["parameter_summary"] == "x: ü"
    given = to_rows(table).text
    assert given["runtime"].tolist() == [b"long", b""]
    assert given["parameter_summary"].dtype == "S5"


def test_rerun_replaces_text_that_was_read_back():
    text = {name: np.array([b"old"] * 2) for name in ("time", "runtime", "parameter_summary")}
    table = make_table(1)
    table.load_rows(rows_like(2, text=text))
    table.complete(1, 1000.0, 1002.0)
    assert run_information(table, 0)["runtime"] == "old"
    assert run_information(table, 1)["runtime"] == "0:00:02"
    changed = to_rows(table, changed_only=True)
    assert changed.idx.tolist() == [1]
    assert changed.text is None
    assert to_rows(table).text["runtime"].tolist() == [b"old", b"0:00:02"]


def test_names_that_were_read_back_win_over_computed_ones():
    table = make_table(1)
    table.load_rows(rows_like(2, names=["first", "run_00000001"]))
    assert table.name(0) == "first"
    assert table.find("first") == 0
    assert table.find("run_00000000") is None
    assert table.find("run_00000001") == 1
    assert to_rows(table).names == ["first", "run_00000001"]


def test_default_names_need_no_list():
    assert to_rows(make_table()).names is None


def test_missing_rows_are_unknown_runs():
    table = make_table(1)
    table.load_rows(rows_like(2, idx=np.array([1, 3])), 5)
    assert len(table) == 5
    assert not table.knows_all
    assert table.indices == [1, 3]
    assert run_information(table, 3)["timestamp"] == 101.0
    with pytest.raises(KeyError, match="2 of 5"):
        run_information(table, 0)
    table.expand(6)
    assert table.indices == [1, 3, 5]


def test_partial_table_never_counts_as_completed():
    table = make_table(1)
    table.load_rows(rows_like(2), 3)
    assert not table.all_completed()
    table.load_rows(rows_like(3), 3)
    assert table.all_completed()


def test_copy_is_independent_in_both_directions():
    table = make_table()
    twin = table.copy()
    table.complete(0, 1.0, 2.0)
    twin.complete(1, 1.0, 2.0)
    assert [table.completed(idx) for idx in (0, 1)] == [1, 0]
    assert [twin.completed(idx) for idx in (0, 1)] == [0, 1]


def test_copy_of_one_run_keeps_length_and_forgets_others():
    table = make_table()
    table.complete(2, 1.0, 3.0, "abc")
    one = table.restricted_to(2)
    assert len(one) == 4
    assert run_information(one, 2) == run_information(table, 2)
    with pytest.raises(KeyError):
        run_information(one, 1)
    assert to_rows(one).idx.tolist() == [2]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_table_knows_the_same(protocol):
    table = make_table()
    table.complete(2, 1.0, 3.0, "abc")
    twin = pickle.loads(pickle.dumps(table, protocol))
    assert [run_information(twin, idx) for idx in range(4)] == [
        run_information(table, idx) for idx in range(4)
    ]
    assert run_information(copy.deepcopy(table), 2) == run_information(table, 2)


def test_live_record_changes_the_table():
    traj = Trajectory("test")
    record = traj.f_get_run_information(0, copy=False)
    record["completed"] = 1
    record["short_environment_hexsha"] = "1234567"
    record["parameter_summary"] = "by hand"
    assert traj.f_is_completed(0) == 1
    assert dict(record) == traj.f_get_run_information(0)
    assert record["parameter_summary"] == "by hand"
    record["short_environment_hexsha"] = "N/A"
    assert record["short_environment_hexsha"] == "N/A"


def test_live_record_keeps_its_shape():
    record = Trajectory("test").f_get_run_information(0, copy=False)
    with pytest.raises(TypeError, match="cannot be changed"):
        record["idx"] = 3
    with pytest.raises(KeyError, match="no entry"):
        record["colour"] = "red"
    with pytest.raises(TypeError, match="cannot be removed"):
        del record["completed"]


def test_copied_record_does_not_change_the_table():
    traj = Trajectory("test")
    traj.f_get_run_information(0)["completed"] = 1
    assert traj.f_is_completed(0) == 0


def test_pending_runs_are_those_not_completed():
    table = make_table()
    table.complete(1, 1.0, 2.0)
    assert table.pending().tolist() == [0, 2, 3]
    assert table.pending(1).tolist() == [2, 3]


def test_take_over_appends_what_another_table_knows():
    table, other = make_table(2), make_table(3)
    table.complete(0, 1.0, 2.0, "aaaaaaaa")
    other.complete(2, 5.0, 6.0, "bbbbbbbb")
    table.append_from(other, [0, 2])
    assert len(table) == 4
    assert run_information(table, 2)["completed"] == 0
    assert run_information(table, 3)["timestamp"] == 5.0
    assert run_information(table, 3)["short_environment_hexsha"] == "bbbbbbb"
    assert run_information(table, 0)["short_environment_hexsha"] == "aaaaaaa"


# ----- errors ----------------------------------------------------------------------------------


def failed_table():
    table = make_table()
    table.mark_stored()
    table.fail(1, ValueError("no"), 5.0)
    return table


def test_a_failed_run_has_a_state_and_an_error_until_it_completes():
    table = failed_table()
    table.complete(0, 1.0, 2.0)
    assert [table.state(idx) for idx in range(4)] == ["completed", "failed", "not run", "not run"]
    assert table.error(1).message == "no"
    table.start(1, 6.0)
    assert table.state(1) == "failed"
    table.finish(1, 7.0)
    assert (table.state(1), table.error(1)) == ("completed", None)


def test_rows_of_failed_runs_are_given_with_their_errors():
    rows = to_rows(failed_table(), changed_only=True)
    assert rows.idx.tolist() == [1]
    assert rows.errors[1].message == "no"


def test_errors_come_back_for_runs_that_did_not_complete():
    error = failed_table().error(1)
    table = make_table()
    errors = {0: error, 1: error, 9: error}
    table.load_rows(rows_like(3, completed=np.array([1, 0, 0], np.int8), errors=errors))
    assert table.errors == {1: error}


def test_copies_have_errors_of_their_own():
    table = failed_table()
    twin, only = table.copy(), table.restricted_to(1)
    table.fail(2, ValueError(), 6.0)
    twin.finish(1, 7.0)
    assert set(table.errors) == {1, 2}
    assert (set(twin.errors), set(only.errors), set(table.restricted_to(0).errors)) == (
        set(),
        {1},
        set(),
    )
    assert pickle.loads(pickle.dumps(table)).errors == table.errors


def test_starting_anew_forgets_errors():
    table = failed_table()
    table.reset(4)
    assert table.state(1) == "not run"


def test_errors_of_runs_are_taken_over_with_them():
    table, other = make_table(2), failed_table()
    table.append_from(other, [1, 3])
    assert table.errors == {2: other.error(1)}
