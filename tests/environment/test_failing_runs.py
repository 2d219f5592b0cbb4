"""Runs that raise: what happens to the others, to the trajectory and to the data."""

from __future__ import annotations

import logging
import signal

import pytest

from pypet import load_trajectory
from tests.processes import in_child


class RunError(Exception):
    """What the runs of these tests raise."""


def explore(traj, length):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(length)})


def fail_at(*indices):
    def simulate(traj):
        traj.f_add_result("before", traj.x)
        traj.f_store()
        if traj.v_idx in indices:
            raise RunError(traj.v_idx)
        traj.f_add_result("after", traj.x)
        return traj.x

    return simulate


def load(env):
    return load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)


# ----- raising -------------------------------------------------------------------------------


def test_the_run_s_own_exception_is_raised_with_a_note(env, caplog):
    with pytest.raises(RunError) as caught:
        env.run(fail_at(2))
    assert caught.value.args == (2,)
    assert caught.value.__notes__ == [
        "pypet: raised in run run_00000002 of trajectory 'test' (parameters.x=2)"
    ]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert errors[0].name == "pypet"
    assert errors[0].exc_info[1] is caught.value


def test_the_trajectory_is_usable_after_an_error(env):
    with pytest.raises(RunError):
        env.run(fail_at(2))
    traj = env.traj
    assert (traj.v_is_run, traj.v_idx, traj.v_crun) == (False, -1, None)
    assert traj._run_by_environment is False
    assert [traj.f_is_completed(i) for i in range(4)] == [1, 1, 0, 0]
    assert not list(traj.results.f_iter_leaves())
    assert env.current_idx == 2
    assert env.run(fail_at()) == [(2, 2), (3, 3)]


def test_data_stored_before_an_error_is_readable(env):
    with pytest.raises(RunError):
        env.run(fail_at(2))
    loaded = load(env)
    assert [loaded.f_is_completed(i) for i in range(4)] == [1, 1, 0, 0]
    assert loaded.f_get("r_1.after").f_get() == 1
    assert loaded.f_get("r_2.before").f_get() == 2
    assert "r_2.after" not in loaded
    assert loaded.f_get("x").f_get_range() == [0, 1, 2, 3]


def test_no_other_run_is_started_after_an_error(env):
    executed = []

    def simulate(traj):
        executed.append(traj.v_idx)
        raise RunError

    with pytest.raises(RunError):
        env.run(simulate)
    assert executed == [0]


def test_an_interrupt_leaves_the_trajectory_usable(env):
    def simulate(traj):
        traj.f_add_result("z", traj.x)
        if traj.v_idx == 1:
            raise KeyboardInterrupt
        return traj.x

    with pytest.raises(KeyboardInterrupt):
        env.run(simulate)
    assert env.current_idx == 1
    assert env.traj.v_is_run is False
    assert env.run(lambda traj: traj.x) == [(1, 1), (2, 2), (3, 3)]


def test_an_error_of_post_processing_leaves_the_runs_completed(env):
    def postproc(traj, results):
        raise RunError

    env.add_postprocessing(postproc)
    with pytest.raises(RunError):
        env.run(fail_at())
    assert load(env).f_is_completed()
    assert env.current_idx == 4


def test_an_error_while_storing_after_an_error_does_not_hide_it(env, monkeypatch, caplog):
    service = env.traj.v_storage_service

    def simulate(traj):
        def store(*args, **kwargs):
            raise OSError("disk full")

        monkeypatch.setattr(service, "store", store)
        raise RunError

    with pytest.raises(RunError):
        env.run(simulate)
    assert "disk full" in caplog.text


def test_a_result_that_cannot_be_stored_fails_the_run(env):
    def simulate(traj):
        traj.f_add_result("z", traj.x)
        if traj.v_idx == 1:
            traj.f_get("z", shortcuts=True)._data = {"z": object()}

    with pytest.raises(TypeError) as caught:
        env.run(simulate)
    assert "run_00000001" in caught.value.__notes__[0]
    assert [env.traj.f_is_completed(i) for i in range(4)] == [1, 0, 0, 0]


# ----- going on ------------------------------------------------------------------------------


def test_continue_executes_the_others(make_env, caplog):
    env = make_env(on_error="continue")
    explore(env.traj, 4)
    assert env.run(fail_at(0, 2)) == [(1, 1), (3, 3)]
    assert env.current_idx == 4
    assert not env.traj.f_is_completed()
    assert [env.traj.f_is_completed(i) for i in range(4)] == [0, 1, 0, 1]
    assert "run_00000000, run_00000002" in caplog.records[-1].getMessage()
    assert caplog.records[-1].levelno == logging.ERROR


def test_failed_runs_can_be_executed_later(make_env):
    env = make_env(on_error="continue")
    explore(env.traj, 4)
    env.run(fail_at(0, 2))
    env.current_idx = 0
    assert env.run(fail_at()) == [(0, 0), (2, 2)]
    assert env.traj.f_is_completed()


# ----- trying again --------------------------------------------------------------------------


def failing_times(times):
    attempts = {}

    def simulate(traj, value="none"):
        attempts[traj.v_idx] = attempts.get(traj.v_idx, 0) + 1
        traj.f_add_result("z", value)
        if traj.v_idx == 1 and attempts[1] <= times:
            raise RunError
        return value

    simulate.attempts = attempts
    return simulate


def test_retry_tries_again_with_the_same_arguments(make_env):
    env = make_env(on_error="retry:2")
    explore(env.traj, 4)
    simulate = failing_times(2)
    assert env.run_map(simulate, iter("abcd")) == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert simulate.attempts == {0: 1, 1: 3, 2: 1, 3: 1}
    assert load(env).f_get("r_1.z").f_get() == "b"


def test_results_are_sorted_although_retries_come_later(make_env):
    env = make_env(on_error="retry:1")
    explore(env.traj, 4)
    assert [index for index, _ in env.run(failing_times(1))] == [0, 1, 2, 3]


def test_after_the_last_attempt_the_error_is_raised(make_env):
    env = make_env(on_error="retry:2")
    explore(env.traj, 4)
    simulate = failing_times(3)
    with pytest.raises(RunError) as caught:
        env.run(simulate)
    assert simulate.attempts[1] == 3
    assert len(caught.value.__notes__) == 1


@pytest.mark.parametrize("on_error", ["retry", "retry:0", "retry:x", "ignore", 3])
def test_other_policies_are_refused(make_env, on_error):
    with pytest.raises((ValueError, TypeError), match="on_error"):
        make_env(on_error=on_error)


# ----- graceful exit -------------------------------------------------------------------------


def interrupt_at(index, times=1):
    def simulate(traj):
        traj.f_add_result("z", traj.x)
        if traj.v_idx == index:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return traj.x

    return simulate


@in_child
def test_graceful_exit_finishes_the_active_run(make_env, capsys):
    env = make_env(graceful_exit=True)
    explore(env.traj, 4)
    seen = []
    env.add_postprocessing(lambda traj, results: seen.extend(results))
    before = signal.getsignal(signal.SIGINT)
    assert env.run(interrupt_at(1)) == [(0, 0), (1, 1)]
    assert signal.getsignal(signal.SIGINT) is before
    assert seen == [(0, 0), (1, 1)]
    assert load(env).f_get("r_1.z").f_get() == 1
    assert not env.traj.f_is_completed()
    assert env.current_idx == 2
    assert "Interrupted" in capsys.readouterr().err
    assert env.run(interrupt_at(-1)) == [(2, 2), (3, 3)]


@in_child
def test_graceful_exit_does_not_expand_for_ever(make_env):
    env = make_env(graceful_exit=True)
    explore(env.traj, 2)
    env.add_postprocessing(lambda traj, results: {"x": [len(traj)]})
    assert env.run(interrupt_at(0)) == [(0, 0)]
    assert len(env.traj) == 3


@in_child
def test_the_second_interrupt_ends_at_once(make_env):
    env = make_env(graceful_exit=True)
    explore(env.traj, 4)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_at(1, times=2))
    assert signal.getsignal(signal.SIGINT) is before
    assert env.current_idx == 1
