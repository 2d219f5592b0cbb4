"""Making a trajectory, its properties, and what a run closes."""

from __future__ import annotations

import re
import time

import pytest

from pypet import Parameter, PickleParameter, Result, Trajectory
from pypet.leaves.array_parameter import ArrayParameter

CLOSED_IN_RUNS = {
    "f_add_to_dynamic_imports": (int,),
    "f_set_crun": (0,),
    "f_iter_runs": (),
    "f_shrink": (),
    "f_preset_config": ("c", 1),
    "f_preset_parameter": ("p", 1),
    "f_get_from_runs": ("z",),
    "f_is_completed": (),
    "f_expand": ({},),
    "f_explore": ({},),
    "f_lock_parameters": (),
    "f_lock_derived_parameters": (),
    "f_load_skeleton": (),
    "f_load": (),
    "f_backup": (),
    "f_merge": (None,),
    "f_merge_many": ((),),
    "f_migrate": (),
    "f_is_empty": (),
    "f_restore_default": (),
    "f_add_config": ("c", 1),
    "f_add_config_group": ("c",),
    "f_add_parameter": ("p", 1),
    "f_add_parameter_group": ("p",),
}
OPEN_IN_RUNS = [
    "f_store",
    "f_store_item",
    "f_load_item",
    "f_delete_item",
    "f_remove_item",
    "f_load_child",
    "f_copy",
    "f_get",
    "f_contains",
    "f_add_wildcard_functions",
]


@pytest.fixture
def run(traj):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_set_crun(1)
    return traj.f_start_run()


@pytest.mark.parametrize("method", CLOSED_IN_RUNS)
def test_methods_about_all_runs_are_closed_in_a_run(run, method):
    with pytest.raises(TypeError):
        getattr(run, method)(*CLOSED_IN_RUNS[method])
    assert method not in dir(run)


@pytest.mark.parametrize("method", OPEN_IN_RUNS)
def test_methods_about_items_are_open_in_a_run(run, method):
    assert method in dir(run)


@pytest.mark.parametrize(
    ("name", "value"), [("v_comment", "c"), ("v_idx", 0), ("v_crun", 0), ("v_full_copy", True)]
)
def test_setters_closed_in_a_run(run, name, value):
    with pytest.raises(TypeError):
        setattr(run, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v_environment_name", None),
        ("v_environment_hexsha", None),
        ("v_storage_service", None),
        ("v_is_run", False),
        ("v_idx", -1),
        ("v_crun", None),
        ("v_crun_", "run_ALL"),
        ("v_full_copy", False),
        ("v_fast_access", True),
        ("v_shortcuts", True),
        ("v_with_links", True),
        ("v_max_depth", None),
        ("v_auto_load", False),
        ("v_iter_recursive", False),
        ("v_auto_run_prepend", True),
        ("v_no_clobber", False),
        ("v_standard_parameter", Parameter),
        ("v_standard_result", Result),
        ("v_standard_leaf", Result),
        ("v_comment", ""),
        ("v_name", "contract"),
        ("v_full_name", ""),
        ("v_location", ""),
        ("v_depth", 0),
        ("v_is_root", True),
        ("v_is_leaf", False),
        ("v_is_group", True),
        ("v_branch", None),
        ("v_run_branch", "trajectory"),
        ("v_stored", False),
    ],
)
def test_defaults(traj, name, value):
    assert getattr(traj, name) == value
    assert getattr(traj.vars, name[2:]) == value


@pytest.mark.parametrize(
    "name",
    ["fast_access", "shortcuts", "with_links", "auto_load", "iter_recursive", "no_clobber"],
)
def test_switches_become_bool(traj, name):
    setattr(traj, f"v_{name}", 1)
    assert getattr(traj, f"v_{name}") is True
    setattr(traj.vars, name, "")
    assert getattr(traj, f"v_{name}") is False


@pytest.mark.parametrize(
    "name", ["v_name", "v_timestamp", "v_time", "v_version", "v_python", "v_environment_name"]
)
def test_identity_is_read_only(traj, name):
    with pytest.raises(AttributeError):
        setattr(traj, name, "other")


def test_time_is_added_to_the_name():
    before = time.time()
    traj = Trajectory("name", add_time=True)
    assert before <= traj.v_timestamp <= time.time()
    assert re.fullmatch(r"name_\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds", traj.v_name)
    assert traj.v_name.endswith(traj.v_time)


@pytest.mark.parametrize("name", ["a.b", "", "_a", "a b", "ä", "n" * 128, "a\n"])
def test_names_that_no_trajectory_has(name):
    with pytest.raises(ValueError):
        Trajectory(name)


def test_dynamic_imports():
    path = "pypet.leaves.array_parameter.ArrayParameter"
    for imports in (path, ArrayParameter, [path], (ArrayParameter, path)):
        assert isinstance(Trajectory(dynamic_imports=imports), Trajectory)
    with pytest.raises(TypeError):
        Trajectory(dynamic_imports=42)
    traj = Trajectory()
    assert PickleParameter in traj._dynamic_imports or "PickleParameter" in str(
        traj._dynamic_imports
    )


def test_unused_keywords_are_refused(tmp_path):
    from pypet.storage_backends.memory import MemoryStorageService

    with pytest.raises(ValueError):
        Trajectory(nothing=1)
    with pytest.raises(ValueError):
        Trajectory(storage_service=MemoryStorageService(), filename="x")
    with pytest.raises(ValueError):
        Trajectory(filename=str(tmp_path / "x.txt"))


def test_emptiness_ignores_config(traj):
    assert traj.f_is_empty()
    traj.f_add_config("c", 1)
    traj.f_add_result_group("g")
    assert traj.f_is_empty()
    traj.f_add_leaf("foo", 1)
    assert not traj.f_is_empty()


@pytest.mark.parametrize(
    "name",
    ["v_as_run", "f_as_run", "v_search_strategy", "v_check_uniqueness", "v_lazy_adding"],
)
def test_what_is_long_gone(traj, name):
    assert not hasattr(traj, name)


def test_views_list_what_nodes_list(traj):
    leaf = traj.f_add_parameter("g.x", 1)
    for node in (traj, leaf, traj.f_get("g")):
        public = [name for name in dir(node) if name[:2] in ("f_", "v_")]
        assert {name[2:] for name in public if name[0] == "f"} == set(dir(node.func))
        assert {name[2:] for name in public if name[0] == "v"} == set(dir(node.vars))
        for view in (node.vars, node.func):
            with pytest.raises(AttributeError):
                _ = view.nothing_of_this_name


def test_groups(traj):
    leaf = traj.f_add_leaf(Parameter, "g.sub.leaf", 1)
    g = traj.g
    g.f_add_link("link", leaf)
    assert (g.f_children(), g.f_groups(), g.f_leaves(), g.f_links()) == (2, 1, 0, 1)
    assert g.f_has_children()
    assert g.f_has_links()
    assert not g.f_has_leaves()
    assert g.f_get_groups() == {"sub": g.sub}
    assert g.f_get_children(copy=False) is g.f_get_children(copy=False)
    assert g.f_get_children() is not g.f_get_children(copy=False)
    assert g.kids.link is leaf
    with pytest.raises(AttributeError):
        _ = g.kids.leaf
    assert sorted(dir(g.kids)) == sorted(g.f_dir_data()) == ["link", "sub"]
    assert g.sub.f_get_parent() is g
    with pytest.raises(TypeError):
        traj.f_get_parent()
    assert g.v_root is traj
    for name in ("v_root", "kids", "f_get_parent", "f_remove"):
        assert not hasattr(leaf, name)
    with pytest.raises(TypeError):
        len(g)
    debug = g.f_debug()
    assert debug.sub.leaf is leaf
    assert isinstance(debug.link, str)
