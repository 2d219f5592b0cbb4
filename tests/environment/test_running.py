"""Running: arguments, results, what a run sees, bookkeeping of indices, clean-up."""

from __future__ import annotations

import gc
import weakref

import pytest

from pypet import PresettingError, Trajectory, load_trajectory, manual_run
from pypet.plugins.serial import SerialScheduler


def add_z(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    return traj.x


def load(env, **options):
    return load_trajectory(
        env.traj.v_name, storage_service=env.traj.v_storage_service, load_data=2, **options
    )


def test_runs_return_their_values_by_index(env):
    assert env.run(add_z) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_arguments_are_passed_to_every_run(env):
    def simulate(traj, a, b, c=0):
        return (traj.x, a, b, c)

    assert env.run(simulate, "a", "b", c=3) == [(i, (i, "a", "b", 3)) for i in range(4)]


def test_results_of_runs_are_stored(env):
    env.run(add_z)
    loaded = load(env)
    assert [loaded.res.runs[f"r_{i}"].z for i in range(4)] == [0, 10, 20, 30]
    assert loaded.f_is_completed()
    assert loaded.x == 0


def test_everything_is_stored_in_a_file(make_env, tmp_path):
    env = make_env(storage_service="hdf5", filename="sub/file.hdf5")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_add_parameter("y", 10)
    env.traj.f_explore({"x": [1, 2]})
    assert env.run(add_z) == [(0, 1), (1, 2)]
    loaded = load_trajectory("test", filename=tmp_path / "sub" / "file.hdf5", load_data=2)
    assert [loaded[f"r_{i}"].z for i in range(2)] == [10, 20]
    assert loaded.f_get_run_information(1)["short_environment_hexsha"] == env.hexsha[:7]


def test_an_unexplored_trajectory_has_one_run(make_env):
    env = make_env()
    env.traj.f_add_parameter("x", 3)
    assert env.run(lambda traj: (traj.x, traj.v_crun)) == [(0, (3, "run_00000000"))]


def test_a_run_knows_that_it_is_one(env):
    def simulate(traj):
        with pytest.raises(TypeError):
            traj.f_explore({"y": [1, 2]})
        with pytest.raises(TypeError):
            traj.f_add_parameter("late", 1)
        return traj.v_is_run, traj.v_idx, traj.v_crun, len(traj)

    results = env.run(simulate)
    assert results[2] == (2, (True, 2, "run_00000002", 4))


def test_afterwards_the_trajectory_is_in_no_run(env):
    env.run(add_z)
    assert (env.traj.v_is_run, env.traj.v_idx, env.traj.v_crun) == (False, -1, None)
    assert env.traj.x == 0


def test_parameters_are_locked_before_the_runs_and_stay_locked(env):
    def simulate(traj):
        return traj.f_get("y").v_locked

    assert dict(env.run(simulate))[0] is True
    assert env.traj.f_get("y").v_locked


def test_a_parameter_that_was_preset_but_never_added_is_an_error(env):
    env.traj.f_preset_parameter("typo", 3)
    with pytest.raises(PresettingError, match="typo"):
        env.run(add_z)


def test_runs_can_load_nodes(env):
    env.run(add_z)
    env.traj.f_expand({"x": [4]})

    def simulate(traj):
        return traj.f_load_child("results.runs.run_00000003.z", load_data=2).f_get()

    assert env.run(simulate) == [(4, 30)]


def test_manual_run_is_transparent_inside_an_environment(env):
    @manual_run()
    def simulate(traj):
        traj.f_add_result("z", traj.x)
        return traj.x

    assert env.run(simulate)[3] == (3, 3)
    assert env.traj._run_by_environment is False


def test_run_information_is_complete(env):
    env.run(add_z)
    info = env.traj.f_get_run_information(1)
    assert info["completed"] == 1
    assert info["parameter_summary"] == "x: 1"
    assert info["short_environment_hexsha"] == env.hexsha[:7]
    assert env.timestamp <= info["timestamp"] <= info["finish_timestamp"]


# ----- bookkeeping ---------------------------------------------------------------------------


def test_a_second_run_executes_nothing(env):
    env.run(add_z)
    assert env.current_idx == len(env.traj) == 4
    assert env.run(add_z) == []


def test_after_expanding_only_new_runs_are_executed(env):
    env.run(add_z)
    env.traj.f_expand({"x": [7, 8]})
    assert env.run(add_z) == [(4, 7), (5, 8)]
    loaded = load(env)
    assert len(loaded) == 6
    assert loaded.r_5.z == 80
    assert loaded.f_get("x").f_get_range() == [0, 1, 2, 3, 7, 8]


def test_scanning_starts_at_the_current_index(env):
    env.current_idx = 2
    assert [index for index, _ in env.run(add_z)] == [2, 3]
    env.v_current_idx = 0
    assert [index for index, _ in env.run(add_z)] == [0, 1]


def test_a_new_environment_skips_completed_runs(env, make_env):
    env.current_idx = 2
    env.run(add_z)
    other = make_env(env.traj)
    assert other.current_idx == 0
    assert [index for index, _ in other.run(add_z)] == [0, 1]


def test_a_loaded_trajectory_goes_on(env, make_env):
    env.current_idx = 3
    env.run(add_z)
    loaded = load(env)
    other = make_env(loaded)
    assert [index for index, _ in other.run(add_z)] == [0, 1, 2]


def test_unknown_run_information_is_told(env, make_env):
    env.run(add_z)
    loaded = load(env, with_run_information=False)
    with pytest.raises(RuntimeError, match="run information"):
        make_env(loaded).run(add_z)


def test_optimisation_loop_returns_only_new_results(make_env):
    env = make_env()
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1]})
    generations = [env.run_map(lambda traj, a: traj.x * a, [2, 3])]
    for generation in range(1, 4):
        env.traj.f_expand({"x": [10 * generation, 10 * generation + 1]})
        generations.append(env.run_map(lambda traj, a: traj.x * a, [2, 3]))
    assert generations[3] == [(6, 60), (7, 93)]
    assert [len(results) for results in generations] == [2, 2, 2, 2]


# ----- clean-up ------------------------------------------------------------------------------


def test_run_data_is_dropped_from_memory(env):
    env.run(add_z)
    assert not list(env.traj.results.f_iter_leaves())


def test_run_data_is_kept_if_so_wanted(make_env):
    env = make_env(clean_up_runs=False)
    env.traj.f_add_parameter("x", 1)
    env.traj.f_add_parameter("y", 2)
    env.traj.f_explore({"x": [1, 2]})
    env.run(add_z)
    assert [env.traj.f_get(f"r_{i}.z").f_get() for i in range(2)] == [2, 4]


def test_memory_stays_flat(env):
    alive = []

    def simulate(traj):
        result = traj.f_add_result("z", traj.x)
        gc.collect()
        alive.append(weakref.ref(result) if hasattr(result, "__weakref__") else None)
        return sum(1 for ref in alive if ref is not None and ref() is not None)

    counts = [value for _, value in env.run(simulate)]
    assert max(counts) <= 1


def test_links_of_runs_are_dropped_too(env):
    def simulate(traj):
        result = traj.f_add_result("z", traj.x)
        traj.f_add_link(f"results.runs.{traj.v_crun}.shortcut", result)

    env.run(simulate)
    loaded = load(env)
    assert loaded.f_get("results.runs.run_00000002.shortcut").f_get() == 2


# ----- storing -------------------------------------------------------------------------------


def test_without_automatic_storing_only_meta_data_is_stored(make_env):
    env = make_env(automatic_storing=False)
    env.traj.f_add_parameter("x", 1)
    env.traj.f_add_parameter("y", 2)
    env.traj.f_explore({"x": [1, 2]})
    env.run(add_z)
    loaded = load(env)
    assert loaded.f_is_completed()
    assert not list(loaded.f_iter_leaves())


def test_what_the_user_stores_is_there_without_automatic_storing(make_env):
    env = make_env(automatic_storing=False)
    env.traj.f_add_parameter("x", 1)
    env.traj.f_explore({"x": [1, 2]})

    def simulate(traj):
        traj.f_add_result("z", traj.x)
        traj.f_store()

    env.run(simulate)
    assert load(env).r_1.z == 2


def test_what_cannot_be_called_is_refused_before_anything_is_stored(env):
    with pytest.raises(TypeError, match=r"run function .*, not 3 \(int\)"):
        env.run(3)
    assert not env.traj.v_stored
    assert env.run(add_z)[0][0] == 0


def test_a_taken_name_is_told_and_add_time_helps(env, make_env):
    env.run(add_z)
    service = env.traj.v_storage_service
    other = make_env(Trajectory("test", storage_service=service))
    other.traj.f_add_parameter("x", 1)
    other.traj.f_add_parameter("y", 1)
    with pytest.raises(RuntimeError, match="test"):
        other.run(add_z)
    third = make_env("test", add_time=True, storage_service=service)
    third.traj.f_add_parameter("x", 1)
    third.traj.f_add_parameter("y", 1)
    assert third.run(add_z) == [(0, 1)]


def test_a_service_of_a_user_is_finalized_and_needs_no_more_than_store(make_env):
    class Recorder:
        def __init__(self):
            self.messages = []

        def store(self, msg, stuff_to_store, *args, **kwargs):
            self.messages.append(msg)

        def finalize(self):
            self.messages.append("finalize")

    env = make_env(storage_service=Recorder())
    env.traj.f_add_parameter("x", 1)
    env.traj.f_add_parameter("y", 1)
    env.run(add_z)
    messages = env.traj.v_storage_service.messages
    assert messages[0] == "TRAJECTORY"
    assert messages.count("SINGLE_RUN") == 1
    assert messages[-1] == "finalize"


def test_no_service_is_a_clear_error(make_env):
    env = make_env(storage_service=None)
    with pytest.raises(TypeError, match="no storage service"):
        env.run(lambda traj: None)


def test_the_storage_is_kept_open_around_the_runs(env):
    from contextlib import contextmanager

    service = env.traj.v_storage_service
    events = []

    @contextmanager
    def kept_open(name):
        events.append(("open", name))
        yield
        events.append(("close", name))

    service.kept_open = kept_open
    env.add_postprocessing(lambda traj, results: events.append("postproc"))
    env.run(lambda traj: events.append(traj.v_idx))
    opened = ("open", "test")
    closed = ("close", "test")
    before = [opened, closed]  # parameters are stored before the runs
    assert events[: events.index("postproc")] == [*before, opened, 0, 1, 2, 3, closed]


# ----- which scheduler -----------------------------------------------------------------------


def test_the_serial_scheduler_may_be_named(make_env):
    env = make_env(scheduler="serial")
    env.traj.f_add_parameter("x", 1)
    assert env.run(lambda traj: traj.x) == [(0, 1)]


def test_a_scheduler_is_asked_by_name_and_gets_the_options(make_env, monkeypatch):
    seen = []
    plain = SerialScheduler.__init__

    def noting(self, options):
        seen.append(options["ncores"])
        plain(self, options)

    monkeypatch.setattr(SerialScheduler, "__init__", noting)
    make_env(multiproc=False, ncores=3).run(lambda traj: None)
    assert seen == [3]


def test_analysis_only_refuses_to_run(make_env):
    env = make_env(do_single_runs=False)
    with pytest.raises(RuntimeError, match="do_single_runs"):
        env.run(add_z)
    with pytest.raises(RuntimeError, match="do_single_runs"):
        env.run_map(add_z, [1])


def test_experiments_do_not_nest(env):
    def simulate(traj):
        env.run(add_z)

    with pytest.raises(RuntimeError, match="being run already"):
        env.run(simulate)
    assert env.run(add_z)[0] == (0, 0)
