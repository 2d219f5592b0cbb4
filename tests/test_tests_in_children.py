"""Tests that are executed in a child of pytest fail as others do, and leave nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from tests.processes import has_ended, in_child, main_pid, run_until_killed, wait_until

pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)


@in_child
def fail():
    assert main_pid() == 0


@in_child
def die():
    os.kill(main_pid(), signal.SIGKILL)


@in_child
def leave_a_process(path):
    process = multiprocessing.get_context("fork").Process(target=run_until_killed)
    process.start()
    path.write_text(str(process.pid))


@in_child
def skip():
    pytest.skip("for a reason")


def test_failures_are_told_with_what_was_compared():
    with pytest.raises(AssertionError, match=r"assert \d+ == 0"):
        fail()


def test_a_child_that_dies_has_failed():
    with pytest.raises(AssertionError, match="without a word"):
        die()


def test_who_leaves_a_process_has_failed_and_that_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.processes.DEADLINE_SECONDS", 1)
    with pytest.raises(AssertionError, match="active_children"):
        leave_a_process(tmp_path / "pid")
    monkeypatch.undo()
    wait_until(lambda: has_ended(int((tmp_path / "pid").read_text())))


def test_skipping_is_passed_on():
    with pytest.raises(pytest.skip.Exception, match="for a reason"):
        skip()


@in_child
def test_interrupts_reach_the_child_only():
    assert main_pid() == os.getpid() != multiprocessing.parent_process().pid
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
