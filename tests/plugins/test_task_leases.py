"""Leases on tasks: a counter without a name, shared with processes however they start."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pypet.plugins._workers.task_lease import HAS_EVENTS, TaskLeases

pytestmark = pytest.mark.timeout(60)


def acquire_all(leases, connection):
    connection.send([leases.acquire(number) for number in range(4)])


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_acquires_what_was_granted_and_not_revoked(method):
    context = multiprocessing.get_context(method)
    leases = TaskLeases(context)
    leases.grant(2)
    assert leases.revoke(2) == 2
    leases.grant(2)  # tasks 2 and 3
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=acquire_all, args=(leases, there))
    worker.start()
    assert here.recv() == [False, False, True, True]
    worker.join(30)
    assert worker.exitcode == 0
    assert leases.revoke(4) == 0


@pytest.mark.skipif(not HAS_EVENTS, reason="there are semaphores only, which have names")
def test_no_named_semaphore_could_be_left_behind():
    leases = TaskLeases(multiprocessing.get_context("spawn"))
    leases.grant(1)
    assert "/sem.mp-" not in Path("/proc/self/maps").read_text()
