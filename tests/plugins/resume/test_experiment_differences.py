"""What may not change before an experiment is resumed is told with both values."""

from __future__ import annotations

import functools
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet import ResumeError, Trajectory
from pypet.plugins.resume.snapshots import (
    describe_experiment,
    differences,
    require_same_experiment,
)
from pypet.plugins.resume.snapshots.digests import digest, digest_of_values
from pypet.plugins.resume.snapshots.pickling import dumps, loads
from tests.processes import run_python


def simulate(traj, *args, **kwargs):
    return 1


def analyse(traj, results, *args):
    return None


class Point:
    def __init__(self, x):
        self.x = x


class Silent(Point):
    def __repr__(self):
        return "<Silent>"


class Service:
    """Has what is described of a storage service."""

    filename = "data.hdf5"

    def __init__(self, **settings):
        self._settings = settings

    def settings(self):
        return {name: (value, "comment") for name, value in self._settings.items()}


class OtherService(Service):
    pass


def trajectory(service=None, **ranges):
    traj = Trajectory("t")
    for name, values in ranges.items():
        traj.f_add_parameter(name, values[0])
    if ranges:
        traj.f_explore(ranges)
    traj._storage_service = service or Service()
    return traj


def header(traj=None, function=simulate, args=(), kwargs=None, **keywords):
    """Return a header as it is read from a file."""
    traj = trajectory() if traj is None else traj
    described = describe_experiment(traj, function, args, kwargs or {}, **keywords)
    return json.loads(json.dumps({"experiment": described}))


def test_the_same_experiment_does_not_differ():
    def described():
        return header(
            trajectory(
                Service(complevel=9, shuffle=True), x=[1, 2], y=[np.arange(3.0), np.ones(3)]
            ),
            functools.partial(simulate, lambda: 1),
            (1, {"a", "b"}, Point(np.arange(4)), lambda: 2),
            {"gain": 2.0},
            seed=3,
            postprocessing=(analyse, (1,), {}),
        )

    assert differences(described(), described()) == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"seed": 1}, {"seed": 2}, ["the seed was 1, is 2"]),
        ({"args": (1.5,)}, {"args": (2.5,)}, ["argument 1 of the run function was 1.5, is 2.5"]),
        ({"args": (1,)}, {"args": (True,)}, ["argument 1 of the run function was 1, is True"]),
        (
            {"kwargs": {"gain": 1}},
            {"kwargs": {"loss": 1}},
            [
                "argument `gain` of the run function was 1, is not given",
                "argument `loss` of the run function was not given, is 1",
            ],
        ),
        (
            {"function": simulate},
            {"function": analyse},
            ["the run function was `simulate`, is `analyse`"],
        ),
        ({}, {"postprocessing": (analyse, (), {})}, ["post-processing was None, is 'analyse'"]),
        (
            {"postprocessing": (analyse, (1,), {})},
            {"postprocessing": (analyse, (2,), {})},
            ["argument 1 of the post-processing function was 1, is 2"],
        ),
    ],
)
def test_what_changed_is_told_with_both_values(old, new, lines):
    assert differences(header(**old), header(**new)) == lines


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            trajectory(Service(complib="zlib", complevel=9)),
            trajectory(Service(complib="blosc", complevel=9)),
            ["the storage setting complib was 'zlib', is 'blosc'"],
        ),
        (
            trajectory(Service(complevel=9)),
            trajectory(OtherService()),
            [f"the storage service was '{__name__}.Service', is '{__name__}.OtherService'"],
        ),
        (
            trajectory(x=[1, 2]),
            trajectory(x=[1, 2, 3]),
            ["parameter `parameters.x` had 2 explored values, has 3"],
        ),
        (
            trajectory(x=[1, 2]),
            trajectory(y=[1, 2]),
            [
                "parameter `parameters.x` was explored, is not",
                "parameter `parameters.y` was not explored, is",
            ],
        ),
    ],
)
def test_changes_of_storage_and_exploration_are_told(old, new, lines):
    assert differences(header(old), header(new)) == lines


def test_another_file_is_told():
    service = Service()
    service.filename = "other.hdf5"
    (line,) = differences(header(), header(trajectory(service)))
    assert line.startswith("the file was '/")
    assert line.endswith("other.hdf5'")


def test_other_explored_values_are_told():
    (line,) = differences(header(trajectory(x=[1, 2])), header(trajectory(x=[1, 3])))
    assert line.startswith("parameter `parameters.x` has other explored values: the SHA-256")


@pytest.mark.parametrize(
    "pair", [(np.zeros(5000), np.r_[np.zeros(2500), 1, np.zeros(2499)]), (Silent(1), Silent(2))]
)
def test_values_that_look_alike_differ_by_their_digests(pair):
    (line,) = differences(header(args=pair[:1]), header(args=pair[1:]))
    assert "has another content: its SHA-256 was" in line


def test_a_changed_source_is_shown(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    headers = []
    for gain in (1, 2):
        path = tmp_path / f"changing_{gain}.py"
        body = "\n".join(f"    x = {number}" for number in range(10))
        path.write_text(f"def run(traj):\n{body}\n    return {gain}\n")
        headers.append(header(function=__import__(path.stem).run))
        monkeypatch.delitem(sys.modules, path.stem)
    (line,) = differences(*headers)
    assert line.startswith("the run function `run` has changed:\n    --- /")
    assert "changing_1.py (when the experiment started)" in line
    assert "\n    -    return 1\n    +    return 2\n" in line
    assert "x = 0" not in line


def test_a_long_difference_of_sources_is_shortened():
    old, new = header(), header()
    for number, each in enumerate((old, new)):
        reference = each["experiment"]["function"]["reference"]
        reference["source"] = "".join(f"{number}{line}\n" for line in range(100))
        reference["sha256"] = str(number)
    (line,) = differences(old, new)
    assert line.endswith("\n    ...\n")
    assert line.count("\n") < 30


def test_nothing_is_said_of_what_is_not_known():
    old, new = header(), header()
    old["experiment"]["function"]["reference"].update(source=None, sha256=None)
    new["experiment"]["explored"] = {}
    assert differences(old, new) == []


def test_an_error_has_all_differences_and_force_goes_on(caplog):
    old, new = header(seed=1, args=(1,)), header(seed=2, args=(2,))
    expected = (
        "The experiment cannot be resumed as it is: argument 1 of the run function was 1, is 2; "
        "the seed was 1, is 2; give force=True to go on anyway."
    )
    with pytest.raises(ResumeError) as error:
        require_same_experiment(old, new)
    assert str(error.value) == expected
    with caplog.at_level(logging.WARNING, "pypet"):
        require_same_experiment(old, new, force=True)
        require_same_experiment(old, old)
    (message,) = caplog.messages
    assert "the seed was 1, is 2" in message


# ----- digests --------------------------------------------------------------------------------

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    ATOMS | st.binary() | st.frozensets(st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(VALUES)
def test_a_value_that_was_pickled_has_the_same_digest(value):
    holder = Point([value, value, {"x": "x"}])
    holder.again = holder
    loaded = loads(dumps(holder).data, None)
    assert digest(loaded) == digest(holder) is not None


@given(st.lists(ATOMS), st.lists(ATOMS))
def test_digests_of_sequences_are_equal_for_equal_ones(first, second):
    def described(values):
        return repr(values)

    same = digest_of_values(first) == digest_of_values(second)
    assert same == (described(first) == described(second))


def test_numbers_of_numpy_have_digests_by_type_and_value():
    numbers = [np.float64(1), np.float64(2)]
    assert digest_of_values(numbers) == digest_of_values(list(np.array([1.0, 2.0])))
    others = [[1.0, 2.0], [np.float32(1), np.float32(2)], [np.float64(1), np.float64(3)]]
    digests = {digest_of_values(each) for each in (numbers, *others)}
    assert len(digests) == 4


def test_digests_are_the_same_in_another_process():
    code = (
        "import numpy as np; from tests.plugins.resume.test_experiment_differences import *\n"
        "print(digest([set('abcdefg'), {frozenset('xyz'), 1}, Point(np.ones(3)), simulate]))"
    )
    digests = {
        run_python("-c", f"{first}\n{code}", cwd=Path(__file__).parents[3], check=True).stdout
        for first in ("", "import dill")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_what_cannot_be_pickled_has_no_digest():
    assert digest(lambda: 1) is None
    assert digest_of_values([lambda: 1, lambda: 2]) is None
