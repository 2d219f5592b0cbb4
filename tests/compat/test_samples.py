"""Files written by the established pypet open, and hold what their sidecars say."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")
pytest.importorskip("scipy")

from pypet import ResultGroup, load_trajectory
from tests.compat.sidecar import SAMPLES, expected, same

FILES = ["params", "results", "runs", "merged", "backup_of_a", "settings", "env", "shared"]
TRAJECTORIES = [(file, name) for file in FILES for name in expected(file)]


class MyGroup(ResultGroup):
    """The group class of somebody's project."""


@pytest.fixture(scope="module", params=TRAJECTORIES, ids="/".join)
def sample(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    """A trajectory of a sample file loaded in full, and what it should hold."""
    file, name = request.param
    path = str(SAMPLES / f"{file}.hdf5")
    traj = load_trajectory(name, filename=path, load_data=2, dynamic_imports=MyGroup)
    return traj, expected(file)[name]


def test_identity_and_length(sample):
    traj, content = sample
    assert traj.v_name == content["name"]
    assert traj.v_comment == content["comment"]
    assert traj.v_time == content["time"]
    assert traj.v_timestamp == content["timestamp"]
    assert traj.v_version == content["pypet_version"]
    assert len(traj) == content["length"]
    assert set(traj.f_get_explored_parameters()) == set(content["explored"])


def test_groups_have_class_comment_and_annotations(sample):
    traj, content = sample
    for name, entry in content["groups"].items():
        group = traj.f_get(name, shortcuts=False)
        assert group.f_get_class_name() == entry["class"], name
        assert group.v_comment == entry.get("comment", "")
        for key, value in entry.get("annotations", {}).items():
            assert same(group.v_annotations.f_get(key), value), (name, key)


def test_leaves_hold_the_stored_values(sample):
    traj, content = sample
    for name, entry in content["leaves"].items():
        leaf = traj.f_get(name, shortcuts=False)
        assert leaf.f_get_class_name() == entry["class"], name
        assert leaf.v_comment == entry.get("comment", ""), name
        if "items" in entry:
            assert set(leaf.f_to_dict()) == set(entry["items"]), name
            for key, value in entry["items"].items():
                assert same(leaf.f_get(key), value), (name, key)
        elif entry.get("data") is None:
            assert leaf.f_is_empty(), name
        else:
            assert same(leaf.f_get(), entry["data"]), name


def test_explored_parameters_have_their_ranges(sample):
    traj, content = sample
    for name, entry in content["leaves"].items():
        if "range" not in entry:
            continue
        values, expected_range = traj.f_get(name).f_get_range(), entry["range"]
        if isinstance(expected_range, dict):
            first, last = expected_range["first"], expected_range["last"]
            assert len(values) == expected_range["len"]
            values = [*values[: len(first)], *values[-len(last) :]]
            expected_range = first + last
        assert len(values) == len(expected_range), name
        for value, wanted in zip(values, expected_range, strict=True):
            assert same(value, wanted), name


def test_links_lead_to_their_targets(sample):
    traj, content = sample
    for name, target in content["links"].items():
        assert traj.f_get(name) is traj.f_get(target)


def test_run_information_is_that_of_the_file(sample):
    traj, content = sample
    for name, record in content["runs"].items():
        assert traj.f_get_run_information(name) == record
