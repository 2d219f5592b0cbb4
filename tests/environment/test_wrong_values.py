"""Values that no option can mean are refused before anything is made, and the message says why."""

from __future__ import annotations

import math
import os
import sys

import pytest

from pypet import Environment, MultiprocContext, Trajectory, load_trajectory
from pypet.errors import PluginWarning, UnknownPluginError

NUMBERS = {
    "ncores": [-1, math.nan, 2.5, True, "2", 10**30],
    "timeout": [0, -5, -1.0, math.nan, True, "5"],
    "cpu_cap": [0, -1, 101, math.nan, True],
    "memory_cap": [0, math.nan, True, (50, math.nan), (50, math.inf), (50, True), (50, 1, 2)],
    "swap_cap": [0, math.nan, True],
    "niceness": [21, -21, 10**30, math.nan, 1.5, True],
    "queue_maxsize": [-2, -5, 10**30, math.nan, True],
    "gc_interval": [-1, -5, math.nan, 2.5, True],
    "complevel": [-1, 10, math.nan, True, "9"],
    "results_per_run": [-1, math.nan, True],
    "derived_parameters_per_run": [-1, math.nan, True],
    "display_time": [-1, math.nan, True],
    "seed": [-1, math.nan, 1.5, True, "1"],
    "commit_interval": [-1, math.nan, True],
}
TEXTS = {
    "filename": ["", "a\0b", 5, b"x"],
    "log_config": ["", "a\0b"],
    "log_folder": ["", "a\0b"],
    "git_repository": ["", "a\0b"],
    "sumatra_project": ["", "a\0b"],
    "resume_folder": ["", "a\0b"],
    "config": ["", "a\0b"],
    "sumatra_label": ["", " "],
    "complib": ["", "zip", "blosc:", "blosc:nothing", "zlib:lz4"],
    "encoding": ["", "a\0b", "base64", "rot13"],
    "overwrite_file": ["False", "no"],
    "shuffle": ["False"],
    "purge_duplicate_comments": ["False"],
    "summary_tables": ["False"],
}
CASES = [(name, value) for table in (NUMBERS, TEXTS) for name in table for value in table[name]]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_an_impossible_value_is_refused_by_name_and_leaves_nothing(name, value, tmp_path):
    quiet = {"log_config": None, "report_progress": False, "filename": "own.hdf5"}
    if name.startswith("log"):
        del quiet["log_config"]
    with pytest.raises((ValueError, TypeError)) as caught:
        Environment(**{**quiet, name: value})
    assert name in str(caught.value) or repr(value) in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", ["False", ""])
def test_text_never_deletes_a_file(value, tmp_path):
    (tmp_path / "old.hdf5").write_bytes(b"precious")
    with pytest.raises(ValueError, match="overwrite_file"):
        Environment(filename="old.hdf5", overwrite_file=value, log_config=None)
    assert (tmp_path / "old.hdf5").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "options",
    [
        {"gc_interval": 0},
        {"queue_maxsize": 0},
        {"niceness": -5},
        {"timeout": math.inf},
        {"display_time": 0.5},
        {"complevel": 0},
    ],
    ids=str,
)
def test_unusual_values_with_a_meaning_pass(make_env, options):
    make_env(storage_service="hdf5", multiproc=False, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"queue_maxsize": -5},
        {"gc_interval": -5},
        {"timeout": -1},
        {"port": 0},
        {"start_method": "teleport"},
        {"wrap_mode": 5},
    ],
    ids=str,
)
def test_a_multiproc_context_refuses_what_an_environment_refuses(options):
    trajectory = Trajectory("own", storage_service="memory")
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        MultiprocContext(trajectory, **options)


def test_a_multiproc_context_is_for_a_trajectory():
    with pytest.raises(TypeError, match="Trajectory, not 'own'"):
        MultiprocContext("own")


# ----- plugins that are switched off ---------------------------------------------------------


@pytest.mark.parametrize("names", [["hfd5"], "hfd5", ("git", "sumatr"), "git,loging"])
def test_a_misspelled_plugin_is_not_switched_off_silently(make_env, names):
    with pytest.raises(UnknownPluginError, match=r"^disable_plugins: .* Did you mean '\w+'\?"):
        make_env(disable_plugins=names)


def test_plugins_that_are_merely_not_installed_may_be_switched_off(make_env):
    make_env(disable_plugins=("scoop", "DASK", "netlock", "netqueue", "resume"))


def test_other_unknown_plugins_are_warned_of(make_env):
    with pytest.warns(PluginWarning, match="disable_plugins: there is no plugin.* 'bookcase'"):
        make_env(disable_plugins=("bookcase",))


def test_a_distribution_may_be_switched_off_in_any_spelling(make_env):
    with pytest.raises(UnknownPluginError):  # nothing is left, but the name was known
        make_env(disable_plugins="PyPet", storage_service="memory")


def test_a_misspelled_plugin_in_the_environment_variable_is_a_warning(make_env, monkeypatch):
    monkeypatch.setenv("PYPET_DISABLE_PLUGINS", "hfd5")
    with pytest.warns(PluginWarning, match=r"PYPET_DISABLE_PLUGINS.*Did you mean 'hdf5'\?") as all_:
        make_env()
    assert all_[0].filename == __file__ or "conftest" in all_[0].filename


# ----- classes to import ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no.such.Class", "no module 'no.such'"),
        ("collections.OrderdDict", "Did you mean 'OrderedDict'"),
        ("xml.nothing.Class", "no module 'xml.nothing'"),
        ("Class", "from which module"),
        ("", "from which module"),
        (["collections.OrderedDict", "no.such.Class"], "no module"),
    ],
)
def test_a_class_that_cannot_be_imported_is_told_at_once(make_env, path, words):
    with pytest.raises(ValueError, match=words):
        make_env(dynamic_imports=path)
    with pytest.raises(ValueError, match=words):
        Trajectory("own", dynamic_imports=path)
    trajectory = Trajectory("own")
    before = list(trajectory._dynamic_imports)
    with pytest.raises(ValueError, match=words):
        trajectory.f_add_to_dynamic_imports(path)
    assert trajectory._dynamic_imports == before
    with pytest.warns(DeprecationWarning, match="dynamic"), pytest.raises(ValueError, match=words):
        Trajectory("own", dynamically_imported_classes=path)


def test_looking_for_a_class_does_not_import_its_module(tmp_path, monkeypatch):
    (tmp_path / "own_classes.py").write_text("class Own: pass\nraise SystemExit", encoding="utf8")
    monkeypatch.syspath_prepend(str(tmp_path))
    Trajectory("own", dynamic_imports="own_classes.Own")
    with pytest.raises(ValueError, match=r"'Oen'.*Did you mean 'Own'"):
        Trajectory("own", dynamic_imports="own_classes.Oen")
    assert "own_classes" not in sys.modules


def test_a_class_of_the_script_may_be_defined_later():
    Trajectory("own", dynamic_imports="__main__.DefinedLater")


@pytest.mark.parametrize("functions", [{("$a", "a"): 5}, {5: len}, {("$a", 5): len}, {(): len}])
def test_wildcards_are_text_with_functions(make_env, functions):
    with pytest.raises(TypeError, match="wildcard"):
        make_env(wildcard_functions=functions)
    with pytest.raises(TypeError, match="wildcard"):
        Trajectory("own").f_add_wildcard_functions(functions)


@pytest.mark.parametrize("answer", [5, None, b"x"])
def test_wildcard_functions_give_text(make_env, answer):
    env = make_env(wildcard_functions={("$mine", "mine"): lambda idx: answer})
    with pytest.raises(TypeError, match=r"wildcard function of .*mine.* gives .* as text"):
        env.traj.f_add_parameter("$mine.x", 1)


def test_errors_of_wildcard_functions_name_the_wildcard(make_env):
    env = make_env(wildcard_functions={("$mine", "mine"): lambda idx: {}[idx]})
    with pytest.raises(KeyError) as caught:
        env.traj.f_add_parameter("$mine.x", 1)
    assert "wildcard function of ('$mine', 'mine')" in "".join(caught.value.__notes__)


# ----- resuming, which no plugin gives -------------------------------------------------------


def test_resuming_needs_a_resumable_environment(make_env):
    env = make_env()
    needs = "^`resume` is not available: make the environment with resumable=True"
    for resume in (env.resume, env.f_resume):
        with pytest.raises(RuntimeError, match=needs):
            resume("own", resume_folder="folder")
    with pytest.warns(DeprecationWarning, match="resume"), pytest.raises(RuntimeError, match=needs):
        env.f_continue("own")
    with pytest.warns(DeprecationWarning, match="resume"), pytest.raises(RuntimeError, match=needs):
        env.resume(continue_folder="folder")


def test_names_that_nobody_has_are_told_as_they_were_written(make_env):
    with pytest.raises(AttributeError, match="'Environment' object has no attribute 'f_rum'"):
        make_env().f_rum()


# ----- a working folder that was deleted -----------------------------------------------------

needs_deletable = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows deletes no folder that a process is in"
)


@pytest.fixture
def deleted_folder(tmp_path, monkeypatch):
    """Be in a folder that is gone; return one that is there."""
    (tmp_path / "gone").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    yield tmp_path / "there"
    os.chdir(tmp_path)


@needs_deletable
@pytest.mark.parametrize(
    "options",
    [
        {"storage_service": "hdf5"},
        {"storage_service": "hdf5", "filename": "own.hdf5"},
        {"log_folder": "logs"},
        {"log_config": "DEFAULT"},
        {"log_config": "own.ini"},
        {"config": "own.ini"},
    ],
    ids=str,
)
def test_a_relative_path_in_a_deleted_folder_says_what_to_do(deleted_folder, options):
    quiet = {"storage_service": "memory", "report_progress": False}
    if not {"log_folder", "log_config"} & set(options):
        quiet["log_config"] = None
    with pytest.raises(FileNotFoundError, match=r"working folder .* was deleted.*os\.chdir"):
        Environment("own", **{**quiet, **options})


@needs_deletable
def test_trajectories_in_a_deleted_folder_say_what_to_do(deleted_folder):
    with pytest.raises(FileNotFoundError, match=r"was deleted, so 'own\.hdf5' cannot be resolved"):
        Trajectory("own", filename="own.hdf5")
    with pytest.raises(FileNotFoundError, match="was deleted"):
        load_trajectory("own")


def nothing(traj):
    traj.f_add_result("z", traj.x)


@needs_deletable
@pytest.mark.parametrize("wrap_mode", ["LOCK", "QUEUE"])
@pytest.mark.timeout(60)
def test_absolute_paths_do_without_a_working_folder(deleted_folder, make_env, wrap_mode):
    options = {"multiproc": True, "ncores": 2, "wrap_mode": wrap_mode}
    env = make_env(
        storage_service="hdf5",
        filename=deleted_folder / "own.hdf5",
        **options,
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1, 2]})
    env.run(nothing)
    assert env.traj.f_is_completed()


@needs_deletable
@pytest.mark.timeout(60)
def test_new_interpreters_in_a_deleted_folder_say_what_to_do(deleted_folder, make_env):
    env = make_env(multiproc=True, use_pool=True, start_method="spawn", ncores=2, wrap_mode="LOCAL")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1, 2]})
    with pytest.raises(FileNotFoundError, match=r"working folder .* was deleted"):
        env.run(nothing)
