"""What an environment writes below ``config.environment``."""

from __future__ import annotations

import datetime
import sys

import pytest

import pypet
from pypet import Parameter, load_trajectory

pytestmark = pytest.mark.usefixtures("main_script")


def entries(env):
    group = env.traj.f_get(f"config.environment.{env.name}")
    prefix = f"{group.v_full_name}."
    return {leaf.v_full_name.removeprefix(prefix): leaf for leaf in group.f_iter_leaves()}


def test_settings_are_there_from_the_start_and_locked(make_env):
    env = make_env()
    leaf = entries(env)["multiproc"]
    assert type(leaf) is Parameter
    assert leaf.f_get() is False
    assert leaf.v_locked
    assert env.traj.f_get("config.environment").v_comment


def test_one_core_has_no_entries_of_parallel_runs(make_env):
    names = entries(make_env())
    assert not {"ncores", "wrap_mode", "use_pool", "cpu_cap"} & names.keys()


def test_analysis_has_no_settings_of_runs(make_env):
    env = make_env(do_single_runs=False)
    assert "multiproc" not in env.traj


def test_times_of_the_experiment(env):
    env.run(lambda traj: 1)
    first = {name: leaf.f_get() for name, leaf in entries(env).items()}
    start, finish = first["start_timestamp"], first["finish_timestamp"]
    assert env.timestamp <= start <= finish
    assert first["runtime"] == str(datetime.timedelta(seconds=finish - start))
    env.traj.f_expand({"x": [9]})
    env.run(lambda traj: 1)
    second = {name: leaf.f_get() for name, leaf in entries(env).items()}
    assert second["start_timestamp"] == start
    assert second["finish_timestamp"] > finish
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    stored = loaded.f_get(f"config.environment.{env.name}")
    assert stored.f_get("finish_timestamp").f_get() == second["finish_timestamp"]
    assert stored.f_get("runtime").f_get() == second["runtime"]


def named_function(idx):
    """Say hello."""
    return f"bucket_{idx // 10}" if idx >= 0 else "bucket_none"


def test_wildcards(make_env):
    env = make_env(wildcard_functions={("$mine", "mine"): named_function})
    env.run(lambda traj: 1)
    values = {name: leaf.f_get() for name, leaf in entries(env).items()}
    assert values["wildcards.function_0.wildcard_0"] == "$"
    assert values["wildcards.function_0.wildcard_1"] == "crun"
    assert values["wildcards.function_1.wildcard_0"] == "$set"
    assert values["wildcards.function_2.wildcard_0"] == "$mine"
    assert values["wildcards.function_2.wildcard_1"] == "mine"
    assert values["wildcards.function_2.name"] == "named_function"
    assert values["wildcards.function_2.doc"] == "Say hello."
    assert values["wildcards.function_2.source"].startswith("def named_function(idx):")


def test_a_function_without_source_is_noted_as_far_as_known(make_env):
    class Namer:
        def __call__(self, idx):
            return f"n_{idx}" if idx >= 0 else "n_all"

    env = make_env(wildcard_functions={("$mine", "mine"): Namer()})
    env.run(lambda traj: 1)
    names = entries(env)
    assert "wildcards.function_2.wildcard_0" in names
    assert "wildcards.function_2.source" not in names


def test_config_is_stored(env):
    env.run(lambda traj: 1)
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert set(loaded.config.environment.f_get_children()) == {env.name}
    assert loaded.f_get(f"config.environment.{env.name}.multiproc").f_get() is False


def test_without_automatic_storing_config_is_in_memory_only(make_env):
    env = make_env(automatic_storing=False)
    env.run(lambda traj: 1)
    assert "runtime" in entries(env)
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert not list(loaded.f_iter_leaves())


def test_two_environments_on_one_trajectory_have_an_entry_each(env, make_env):
    env.run(lambda traj: 1)
    env.traj.f_expand({"x": [9]})
    second = make_env(env.traj)
    assert second.run(lambda traj: traj.x) == [(4, 9)]
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert set(loaded.config.environment.f_get_children()) == {env.name, second.name}
    assert loaded.f_get_run_information(3)["short_environment_hexsha"] == env.hexsha[:7]
    assert loaded.f_get_run_information(4)["short_environment_hexsha"] == second.hexsha[:7]


def test_runs_carry_the_hash_of_the_environment_that_executed_them(env, make_env):
    make_env(env.traj)
    env.run(lambda traj: 1)
    assert env.traj.f_get_run_information(0)["short_environment_hexsha"] == env.hexsha[:7]
    assert env.traj.v_environment_name == env.name


def test_settings_and_origins_are_complete(make_env):
    env = make_env(clean_up_runs=False, seed=42)
    values = {name: leaf.f_get() for name, leaf in entries(env).items()}
    versions = {name for name in values if name.startswith("versions.")}
    assert len(versions) == 12
    assert values["versions.pypet"] == pypet.__version__
    assert values["clean_up_runs"] is False
    assert values["resumable"] is False
    assert values["graceful_exit"] is False
    assert values["automatic_storing"] is True
    assert values["seed"] == 42
    assert values["hexsha"] == env.hexsha
    assert values["timestamp"] == env.timestamp
    assert values["trajectory.name"] == env.traj.v_name
    assert values["trajectory.timestamp"] == env.traj.v_timestamp
    assert values["script"] == sys.modules["__main__"].__file__
