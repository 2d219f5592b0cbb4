"""What `pypet show` says about values, ranges and items, as text and as JSON."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py
from hypothesis import given
from hypothesis import strategies as st

from pypet import ArrayParameter, Environment, Result, Trajectory
from pypet.catalog.values import described_range, described_value
from pypet.cli.app import main
from pypet.runs.stretches import stretches

pytestmark = pytest.mark.timeout(60)

NAN = float("nan")


def lines_of(capsys, *arguments, status=0):
    assert main(["show", *arguments]) == status
    output = capsys.readouterr()
    assert output.err == ""
    return output.out.splitlines()


def json_of(capsys, *arguments, status=0):
    return json.loads("\n".join(lines_of(capsys, *arguments, "--json", status=status)))


def fails_on_odd(traj):
    if traj.x % 2:
        raise ValueError(f"odd: {traj.x}\x1b[2J")
    traj.f_add_result("z", traj.x * 0.5, np.zeros((2, int(traj.x))))
    traj.f_add_derived_parameter("d", traj.x)


@pytest.fixture
def filename(tmp_path):
    """An experiment of which runs failed, on a grid whose slower axis changes every four runs."""
    filename = str(tmp_path / "grid.hdf5")
    with Environment(
        "grid",
        filename=filename,
        log_config=None,
        report_progress=False,
        on_error="continue",
        add_time=False,
    ) as env:
        traj = env.trajectory
        traj.f_add_parameter("slow", 0.0, comment="in seconds")
        traj.f_add_parameter("x", 0)
        traj.f_add_parameter(ArrayParameter, "array", np.zeros(2))
        traj.f_add_parameter("fixed", np.int8(3))
        arrays = [np.array([0.5, NAN]), np.array([1.0, 2.0, 8.0])]
        traj.f_explore(
            {
                "slow": [step * 0.25 for step in range(3) for _ in range(4)],
                "x": [0, 1, 2, 3] * 3,
                "array": [arrays[index % 2] for index in range(12)],
            }
        )
        env.run(fails_on_odd)
    return filename


def test_a_grid_is_shown_by_its_distinct_values(filename, capsys):
    lines = lines_of(capsys, filename, "grid")
    about = "(3 distinct values in 12 runs, 0.0 to 0.5, float)"
    assert f"explored    parameters.slow = 0.0, 0.25, 0.5 {about}" in lines
    about = "(4 distinct values in 12 runs, 0 to 3, int)"
    assert f"explored    parameters.x = 0, 1, 2, 3 {about}" in lines
    about = "0.5 to 8.0, ndarray, float64, shape (2,) or (3,)"
    shown = "[0.5, nan], [1.0, 2.0, 8.0]"
    assert (
        f"explored    parameters.array = {shown} (2 distinct values in 12 runs, {about})" in lines
    )
    assert "parameter   parameters.fixed = 3 (int8)" in lines


def test_runs_that_failed_are_shown_with_their_errors(filename, capsys):
    lines = lines_of(capsys, filename, "grid")
    assert "runs        6 of 12 runs completed, 6 failed" in lines
    failed = [line for line in lines if line.startswith("failed ")]
    assert failed[:2] == [
        r"failed      run 1  ValueError: odd: 1\x1b[2J",
        r"failed      run 3  ValueError: odd: 3\x1b[2J",
    ]
    assert len(failed) == 6
    assert lines_of(capsys, filename)[0].split("  ")[2] == "6 of 12 runs completed, 6 failed"


def test_items_are_shown_with_types_shapes_and_sizes(filename, capsys):
    lines = lines_of(capsys, filename, "grid")
    place = lines.index(next(line for line in lines if "results.runs.$.z" in line))
    assert lines[place].startswith("result      results.runs.$.z  6 of 12 runs, ")
    assert lines[place + 1] == "              z  float, 48 B"
    assert lines[place + 2].startswith(
        "              z_1  ndarray of float64, shape (2, 0) or (2, 2), "
    )
    assert any(
        line.startswith("derived     derived_parameters.runs.$.d  6 of 12 runs") for line in lines
    )


def test_the_json_of_a_trajectory(filename, capsys):
    described = json_of(capsys, filename, "grid")
    assert sorted(described) == ["contents", "format", "path", "size", "trajectory"]
    assert described["format"] == 1
    assert described["path"] == filename
    runs = described["trajectory"]["runs"]
    assert (runs["total"], runs["completed"]) == (12, 6)
    assert [(failed["run"], failed["error"]) for failed in runs["failed"]] == [
        (run, "ValueError") for run in (1, 3, 5, 7, 9, 11)
    ]
    assert runs["failed"][0]["message"] == "odd: 1\x1b[2J"
    assert "fails_on_odd" in runs["failed"][0]["traceback"]
    assert runs["unfinished"] == runs["not_started"] == {"count": 0, "stretches": []}
    contents = described["contents"]
    by_name = {each["name"]: each for each in contents["parameters"]}
    slow = by_name["parameters.slow"]
    assert slow["comment"] == "in seconds"
    assert slow["explored"]
    values = slow["range"]
    assert (values["length"], values["distinct"], values["counts"]) == (12, 3, [4, 4, 4])
    assert [value["value"] for value in values["values"]] == [0.0, 0.25, 0.5]
    assert (values["min"], values["max"], values["types"]) == (0.0, 0.5, ["float"])
    assert by_name["parameters.array"]["range"]["shapes"] == [[2], [3]]
    assert by_name["parameters.fixed"]["value"]["value"] == 3
    assert by_name["parameters.fixed"]["value"]["type"] == "int8"
    result = next(each for each in contents["results"] if each["name"] == "results.runs.$.z")
    assert result["runs"] == 6
    items = {item["name"]: item for item in result["items"]}
    assert items["z"] == {
        "name": "z",
        "count": 6,
        "kinds": ["ARRAY"],
        "types": ["float"],
        "dtypes": ["float64"],
        "shapes": [[]],
        "more_shapes": 0,
        "columns": [],
        "nbytes": 48,
        "stored_bytes": 48,
    }
    assert items["z_1"]["nbytes"] == 3 * 2 * 2 * 8
    assert any(each["name"] == "config.hdf5.complevel" for each in contents["config"])
    assert contents["problems"] == []


def test_text_and_json_have_the_same_content(filename, capsys):
    contents = json_of(capsys, filename, "grid")["contents"]
    text = "\n".join(lines_of(capsys, filename, "grid"))
    for branch in ("parameters", "derived_parameters", "results"):
        assert contents[branch]
        for leaves in contents[branch]:
            assert leaves["name"] in text


def test_runs_that_did_not_start_or_finish_are_named(tmp_path, capsys):
    filename = str(tmp_path / "open.hdf5")
    traj = Trajectory("open", filename=filename)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(12))})
    traj.f_store()
    for index in (0, 1, 5):
        traj.f_start_run(index)
        traj.f_finalize_run()
    traj.f_store(only_init=True)
    with h5py.File(filename, "r+") as file:
        rows = file["open/overview/runs"][:]
        rows["timestamp"][2] = rows["timestamp"][1]
        file["open/overview/runs"][:] = rows
    lines = lines_of(capsys, filename, "open")
    assert "runs        3 of 12 runs completed" in lines
    assert "not started 8 runs: 3-4, 6-11" in lines
    assert "unfinished  1 run: 2" in lines
    runs = json_of(capsys, filename, "open")["trajectory"]["runs"]
    assert runs["not_started"] == {"count": 8, "stretches": [[3, 4], [6, 11]]}


def test_frames_tables_and_shared_data_are_described(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    filename = str(tmp_path / "kinds.hdf5")
    traj = Trajectory("kinds", filename=filename)
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})
    traj.f_add_result(
        Result, "r", frame=frame, series=frame["a"], rows={"k": 1, "text": "ab"}, names=["a", "bc"]
    )
    traj.f_add_result("empty_frame", frame[:0])
    traj.f_store()
    lines = [line.strip() for line in lines_of(capsys, filename, "kinds")]
    assert any(line.startswith("frame  DataFrame, shape (3, 2), ") for line in lines)
    assert any(line.startswith("series  Series, shape (3,), ") for line in lines)
    assert any(line.startswith("rows  dict of k int64, text S") for line in lines)
    assert any(line.startswith("names  list of str, shape (2,), 4 B") for line in lines)
    assert any("results.empty_frame  DataFrame, shape (0, 2), " in line for line in lines)


# ----- single values ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text", "native"),
    [
        (1.5, "1.5", 1.5),
        (NAN, "nan", None),
        (np.float32(0.5), "0.5", 0.5),
        (True, "True", True),
        ("text", "'text'", "text"),
        (b"raw", "b'raw'", None),
        (1 + 2j, "(1+2j)", None),
        ((1, 2), "(1, 2)", None),
        (np.arange(3), "[0, 1, 2]", None),
        (np.arange(3000), "[0, 1, 2, ...]", None),
        (np.array([[], []], object), "<array of 0 objects>", None),
    ],
)
def test_values_as_text_and_as_json(value, text, native):
    described = described_value(value)
    assert described.text == text
    assert described.value == native
    assert type(described.value) is type(native)


def test_a_value_that_contains_another_many_times_is_cut():
    value = [1]
    for _ in range(100):
        value = [value, value]
    held = np.empty(1, object)
    held[0] = value
    text = described_value(value).text
    assert text.startswith("[[[")
    assert "[...]" in text
    assert len(text) <= 200
    assert described_value({"a": held}).text == "{'a': <array of 1 objects>}"
    assert described_range([value, held, value]).counts == (2, 1)


NUMBERS_AND_TEXT = st.one_of(st.integers(-5, 5), st.floats(width=16), st.text(max_size=2))


@given(st.lists(NUMBERS_AND_TEXT, min_size=1))
def test_ranges_are_described_by_their_distinct_values(values):
    described = described_range(values)
    assert described.length == len(values)
    assert sum(described.counts) == len(values)
    assert described.distinct == len(described.values) == len(described.counts)
    numbers = [value for value in values if not isinstance(value, str) and value == value]
    if any(isinstance(value, str) for value in values) or not numbers:
        assert described.min is described.max is None
    else:
        assert (described.min, described.max) == (min(numbers), max(numbers))


@given(st.sets(st.integers(0, 40)))
def test_stretches_hold_exactly_the_indices(indices):
    found = stretches(sorted(indices))
    assert [i for first, last in found for i in range(first, last + 1)] == sorted(indices)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(found))
