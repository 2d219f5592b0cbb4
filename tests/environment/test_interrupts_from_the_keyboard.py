"""CTRL+C: what it prints, and that it is not lost while something is stored."""

from __future__ import annotations

import contextlib
import io
import os
import signal

import pytest

from pypet import Environment
from pypet.environment import run_table_flusher
from pypet.environment.signals import SigintHandling
from pypet.storage_backends.memory import MemoryStorageService
from tests.processes import in_child, signal_main


def explore(env, length):
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(length)})


@in_child
def test_the_notice_is_not_printed_by_processes_that_inherit_the_handler():
    handling = SigintHandling()
    handling.start()
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        pid = os.fork()
        if not pid:
            os.kill(os.getpid(), signal.SIGINT)
            os._exit(0 if handling.hit and not printed.getvalue() else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert not printed.getvalue()
        os.kill(os.getpid(), signal.SIGINT)
        assert printed.getvalue().count("Interrupted: ") == 1
    handling.finalize()


@in_child
def test_a_worker_that_inherits_nothing_is_silent():
    handling = SigintHandling()
    handling.start(prints_notice=False)
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        os.kill(os.getpid(), signal.SIGINT)
    assert handling.hit
    assert not printed.getvalue()
    handling.finalize()


class Interrupted(MemoryStorageService):
    """Is interrupted in the middle of storing the run table, in code that drops what is raised,
    as callbacks of libraries do."""

    name = "interrupted"
    armed = False
    completed = 0

    def store(self, msg, *args, **kwargs):
        if type(self).armed:
            type(self).armed = False
            try:
                signal_main(signal.SIGINT)
                sum(range(1000))
            except KeyboardInterrupt:
                raise SystemError("a callback returned a result with an exception set") from None
            type(self).completed += 1
        return super().store(msg, *args, **kwargs)


@in_child
def test_an_interrupt_waits_until_the_run_table_is_stored():
    run_table_flusher.FLUSH_SECONDS, run_table_flusher.COST_FACTOR = 0.0, 0
    executed = []
    env = Environment("t", storage_service=Interrupted, log_config=None, automatic_storing=False)
    explore(env, 10)

    def simulate(traj):
        executed.append(traj.v_idx)
        Interrupted.armed = traj.v_idx == 3

    with pytest.raises(KeyboardInterrupt):
        env.run(simulate)
    assert Interrupted.completed == 1
    assert executed == [0, 1, 2, 3]
    assert env.current_idx == 4
