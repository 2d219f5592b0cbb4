"""Tokens for tasks: a counter without a name, shared with processes however they start."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pypet.plugins._workers.claims import HAS_EVENTS, Claims

pytestmark = pytest.mark.timeout(60)


def claim_all(claims, connection):
    connection.send([claims.claim(number) for number in range(4)])


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_worker_claims_what_was_granted_and_not_taken_back(method):
    context = multiprocessing.get_context(method)
    claims = Claims(context)
    claims.grant(2)
    assert claims.take_back(2) == 2
    claims.grant(2)  # tasks 2 and 3
    here, there = context.Pipe(duplex=False)
    worker = context.Process(target=claim_all, args=(claims, there))
    worker.start()
    assert here.recv() == [False, False, True, True]
    worker.join(30)
    assert worker.exitcode == 0
    assert claims.take_back(4) == 0


@pytest.mark.skipif(not HAS_EVENTS, reason="there are semaphores only, which have names")
def test_nothing_of_it_could_be_left_behind():
    claims = Claims(multiprocessing.get_context("spawn"))
    claims.grant(1)
    assert "/sem.mp-" not in Path("/proc/self/maps").read_text()
