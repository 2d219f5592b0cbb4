"""What groups ask of the storage service."""

from __future__ import annotations

import pytest

from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.leaves.result import Result
from pypet.tree.tree import tree_of
from tests.tree.conftest import lookup_settings_of


class Recorder:
    """Notes what it is asked for, and loads leaves at the paths it is told."""

    def __init__(self, traj, *stored):
        self.traj = traj
        self.stored = stored
        self.messages = []

    def store(self, msg, node, *args, **kwargs):
        self.messages.append(("store", msg, node.v_full_name, args, kwargs))

    def load(self, msg, node, *args, **kwargs):
        self.messages.append(("load", msg, node.v_full_name, args, kwargs))
        if msg == "TREE":
            path = ".".join((node.v_full_name, *args)).lstrip(".")
            if path not in self.stored:
                raise DataNotInStorageError(path)
            tree_of(self.traj).insert_leaf(path, Result(path, 1))


@pytest.fixture
def service(traj):
    traj.v_storage_service = Recorder(traj, "results.a.y", "results.run_ALL.z")
    return traj.v_storage_service


def test_groups_store_themselves(traj, service):
    traj.f_add_result("a.x", 1)
    traj.results.f_store()
    traj.results.a.f_store(False, 3, max_depth=2)
    assert service.messages == [
        (
            "store",
            "GROUP",
            "results",
            (),
            {"trajectory_name": "small", "recursive": True, "store_data": 2, "max_depth": None},
        ),
        (
            "store",
            "GROUP",
            "results.a",
            (),
            {"trajectory_name": "small", "recursive": False, "store_data": 3, "max_depth": 2},
        ),
    ]


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_children_are_stored_by_their_exact_path(traj, service):
    traj.f_add_result("a.r_A.x", 1)
    traj.set_run(2)
    traj.f_store_child("res.a.$", recursive=True)
    settings = {"trajectory_name": "small", "store_data": 2, "max_depth": None}
    assert service.messages == [
        ("store", "TREE", "", ("results.a.run_ALL",), {**settings, "recursive": True})
    ]
    for name in ("x", "a", "results.nope", "", "results."):
        with pytest.raises(ValueError):
            traj.f_store_child(name)


def test_groups_load_themselves(traj, service):
    group = traj.f_add_group("g")
    assert group.f_load() is group
    assert group.f_load(recursive=False, load_data=1, max_depth=3) is group
    assert service.messages == [
        (
            "load",
            "GROUP",
            "g",
            (),
            {"trajectory_name": "small", "recursive": True, "load_data": 2, "max_depth": None},
        ),
        (
            "load",
            "GROUP",
            "g",
            (),
            {"trajectory_name": "small", "recursive": False, "load_data": 1, "max_depth": 3},
        ),
    ]


def test_children_are_loaded_by_their_exact_path(traj, service):
    group = traj.f_add_result_group("a")
    assert group.f_load_child("y").v_full_name == "results.a.y"
    traj.set_run(2)
    assert traj.f_load_child("res.$.z").v_full_name == "results.run_ALL.z"
    with pytest.raises(DataNotInStorageError, match="run_00000002"):
        traj.f_load_child("res.$.nope")
    with pytest.raises(DataNotInStorageError):
        group.f_load_child("nope")


def test_without_a_service_the_error_says_what_to_do(traj):
    group = traj.f_add_group("g")
    traj.f_add_leaf("g.x", 1)
    for use in (
        group.f_store,
        group.f_load,
        lambda: group.f_store_child("x"),
        lambda: group.f_load_child("x"),
    ):
        with pytest.raises(NoSuchServiceError, match="v_storage_service"):
            use()


def test_listing_names_loads_the_skeleton_only_with_automatic_loading(traj, service):
    group = traj.f_add_group("g")
    group.f_add_leaf("x", 1)
    assert group.f_dir_data() == ["x"]
    assert not service.messages
    lookup_settings_of(traj).auto_load = True
    assert group.f_dir_data() == ["x"]
    assert service.messages == [
        (
            "load",
            "GROUP",
            "g",
            (),
            {"trajectory_name": "small", "recursive": True, "load_data": 1, "max_depth": 1},
        )
    ]


def test_listing_names_survives_a_storage_that_fails(traj):
    class Broken:
        def load(self, *args, **kwargs):
            raise DataNotInStorageError("gone")

    traj.v_storage_service = Broken()
    lookup_settings_of(traj).auto_load = True
    assert traj.f_add_group("g").f_dir_data() == []
