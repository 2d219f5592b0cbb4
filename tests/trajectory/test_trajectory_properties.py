"""Making a trajectory, its properties, and what it can be taught."""

from __future__ import annotations

import platform
import re

import pytest

from pypet.leaves import ArrayParameter, PickleResult, Result
from pypet.pypetconstants import VERSION
from pypet.support.time_format import format_time
from pypet.trajectory import Trajectory


class OwnResult(Result):
    """A class of users."""


@pytest.mark.parametrize("name", ["", "a.b", "_a", "a b", "ü", "a\n", "x" * 128])
def test_impossible_names_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        Trajectory(name)


def test_time_is_appended_to_the_name_if_so_wanted():
    traj = Trajectory("test", add_time=True)
    assert traj.v_name == f"test_{traj.v_time}"
    assert re.fullmatch(r"\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds", traj.v_time)
    assert traj.v_time == format_time(traj.v_timestamp)


def test_new_trajectory_says_who_made_it():
    traj = Trajectory(comment=5)
    assert traj.v_name == "my_trajectory"
    assert traj.v_comment == "5"
    assert traj.v_version == VERSION
    assert traj.v_python == platform.python_version()
    assert traj.v_environment_name is traj.v_environment_hexsha is None
    assert traj.v_storage_service is None
    assert not traj.v_stored


def test_root_is_the_trajectory():
    traj = Trajectory("test")
    assert traj.v_full_name == traj.v_location == ""
    assert traj.v_depth == 0
    assert traj.v_is_root
    assert traj.v_is_group
    assert traj.v_root is traj
    assert traj.v_branch is None
    assert traj.v_run_branch == "trajectory"
    assert traj.f_get("") is traj


def test_new_trajectory_has_no_children():
    assert list(Trajectory("test").f_get_children()) == []


@pytest.mark.parametrize(
    ("name", "default", "given", "kept"),
    [
        ("v_fast_access", True, 0, False),
        ("v_shortcuts", True, 0, False),
        ("v_with_links", True, "", False),
        ("v_auto_load", False, 1, True),
        ("v_iter_recursive", False, 1, True),
        ("v_auto_run_prepend", True, None, False),
        ("v_no_clobber", False, 1, True),
        ("v_full_copy", False, 1, True),
        ("v_max_depth", None, 3, 3),
        ("v_standard_result", Result, PickleResult, PickleResult),
    ],
)
def test_settings_have_defaults_and_can_be_set(name, default, given, kept):
    traj = Trajectory("test")
    assert getattr(traj, name) is default
    setattr(traj, name, given)
    assert getattr(traj, name) is kept
    traj.f_set_properties(**{name[2:]: default})
    assert getattr(traj, name) is default


@pytest.mark.parametrize("name", ["v_name", "v_time", "v_is_run", "timestamp", "nonsense", "f_get"])
def test_properties_that_are_not_there_or_fixed_are_refused_all_together(name):
    traj = Trajectory("test")
    with pytest.raises(AttributeError, match=name):
        traj.f_set_properties(fast_access=False, **{name: 1})
    assert traj.v_fast_access


def test_full_copy_reaches_all_explored_parameters(explored):
    explored.v_full_copy = True
    assert explored.f_get("x").v_full_copy
    explored.v_full_copy = False
    assert not explored.f_get("x").v_full_copy


def test_standard_classes_are_used_when_adding_by_name():
    traj = Trajectory("test")
    traj.v_standard_parameter = ArrayParameter
    traj.v_standard_leaf = OwnResult
    assert type(traj.f_add_config("c", 1)) is ArrayParameter
    assert type(traj.f_add_leaf("foreign.leaf", 1)) is OwnResult
    assert type(traj.f_add_result("z", 1)) is Result


@pytest.mark.parametrize("imports", [OwnResult, "json.JSONDecoder", [OwnResult, ("json.loads",)]])
def test_classes_and_import_strings_can_be_imported(imports):
    Trajectory("test", dynamic_imports=imports).f_add_to_dynamic_imports(imports)


@pytest.mark.parametrize("imports", [5, [OwnResult, 5], {"a": 1}])
def test_other_imports_are_refused(imports):
    with pytest.raises(TypeError, match="dynamic import"):
        Trajectory("test", dynamic_imports=imports)


def test_old_name_of_dynamic_imports_warns():
    with pytest.warns(DeprecationWarning, match="dynamic_imports"):
        Trajectory("test", dynamically_imported_classes=OwnResult)


def test_wildcards_can_be_asked_for_and_added():
    traj = Trajectory("test")
    assert traj.f_get_wildcards() == ["$", "crun", "$set", "crunset"]
    assert traj.f_wildcard() == "run_ALL"
    assert traj.f_wildcard("$", 3) == "run_00000003"
    assert traj.f_wildcard("crunset", 1000) == "run_set_00001"
    traj.f_add_wildcard_functions({("$x", "x"): lambda idx: f"x{idx % 2}"})
    assert traj.f_is_wildcard("x")
    assert traj.f_wildcard("$x", 3) == "x1"
    with pytest.raises(KeyError):
        traj.f_wildcard("y")
    with pytest.raises(ValueError, match=r"\$x"):
        traj.f_add_wildcard_functions({"$x": str})


def test_wildcards_follow_the_current_run(explored):
    explored.f_set_crun(2)
    assert explored.f_wildcard() == "run_00000002"
    explored.f_start_run()
    explored.f_add_wildcard_functions({"$y": lambda idx: f"y{idx}"})
    assert explored.f_wildcard("$y") == "y2"


def test_text_tells_name_comment_runs_and_children(explored):
    assert str(explored) == (
        "Trajectory test (len:3): (parameters: <class 'pypet.ParameterGroup'>)"
    )
    explored.v_comment = "hello"
    assert repr(explored).startswith("<Trajectory test (`hello`, len:3): ")
    explored.f_start_run(0)
    assert str(explored).startswith("Trajectory (during single run) test (`hello`, len:3): ")


def test_trajectories_compare_by_identity():
    traj = Trajectory("test")
    assert traj != Trajectory("test")
    assert traj == traj
    assert bool(traj)


def test_user_nodes_may_not_hide_behind_unprefixed_methods():
    public = {name for name in dir(Trajectory) if not name.startswith(("_", "f_", "v_"))}
    assert public == {"KNOWS_TRAJECTORY", "func", "kids", "vars"}
