"""Interrupts from the keyboard wait where they would do harm, and are not lost."""

from __future__ import annotations

import multiprocessing
import signal

import pytest

from pypet.plugins._workers import lifetime
from pypet.support.processes import deferred_interrupts
from tests.processes import in_child, run_until_killed

if not hasattr(signal, "pthread_sigmask") or not hasattr(signal, "SIGKILL"):
    pytest.skip("the platform cannot hold signals back", allow_module_level=True)


def held_back():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@in_child
def test_interrupts_are_raised_after_what_they_must_not_disturb():
    steps = []

    def work():
        with deferred_interrupts():
            signal.raise_signal(signal.SIGINT)
            steps.append(held_back())

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == [True]
    assert not held_back()


@in_child
def test_an_interrupt_right_before_does_not_hold_back_all_later_ones():
    original = signal.pthread_sigmask

    def interrupted(how, signals):
        former = original(how, signals)
        if how == signal.SIG_BLOCK and signals:
            raise KeyboardInterrupt  # as the original does if the signal came before
        return former

    def work():
        with deferred_interrupts():
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "pthread_sigmask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            work()
    assert not held_back()


def resist(connection):
    """Go on until killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send("ready")
    run_until_killed()


@in_child
def test_an_interrupt_while_processes_are_killed_leaves_none_of_them(monkeypatch):
    monkeypatch.setattr(lifetime, "GRACE_SECONDS", 0.01)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    processes = [context.Process(target=resist, args=(there,)) for _ in range(3)]
    for process in processes:
        process.start()
        assert here.recv() == "ready"
    kill = context.Process.kill

    def interrupted_kill(process):
        signal.raise_signal(signal.SIGINT)
        kill(process)

    monkeypatch.setattr(context.Process, "kill", interrupted_kill)
    try:
        with pytest.raises(KeyboardInterrupt):
            lifetime.end_processes(processes, terminate=True)
        assert multiprocessing.active_children() == []
    finally:
        for process in multiprocessing.active_children():
            kill(process)
