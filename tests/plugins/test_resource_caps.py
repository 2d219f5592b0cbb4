"""Caps of CPU, memory and swap hold new processes back."""

from __future__ import annotations

import logging
import sys

import pytest

from pypet.plugins.resource_caps import MAX_WARNINGS, ResourceCaps

psutil = pytest.importorskip("psutil")

OPEN = {"cpu_cap": 100.0, "memory_cap": 100.0, "swap_cap": 100.0}


class Machine:
    """Usage of a machine with 1000 MB, in percent."""

    cpu = 10.0
    memory = 20.0
    swap = 30.0


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    total = 1000 * 1024 * 1024

    class Memory:
        def __init__(self, percent):
            self.percent, self.total = percent, total

    class Childless:
        def __init__(self, pid):
            self.pid = pid

        def children(self):
            return []

    monkeypatch.setattr(psutil, "Process", Childless)
    monkeypatch.setattr(psutil, "cpu_percent", lambda: machine.cpu)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(machine.memory))
    monkeypatch.setattr(psutil, "swap_memory", lambda: Memory(machine.swap))
    return machine


def caps(**options):
    gate = ResourceCaps({**OPEN, **options})
    gate.start()
    return gate


def test_open_caps_measure_nothing(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert caps().admits(1)
    assert not caplog.records


@pytest.mark.parametrize("cap", ["cpu_cap", "memory_cap", "swap_cap"])
def test_usage_above_a_cap_admits_nothing(machine, cap):
    value = {"cpu_cap": 10.0, "memory_cap": 20.0, "swap_cap": 30.0}[cap]
    assert caps(**{cap: value}).admits(1)
    assert not caps(**{cap: value - 0.1}).admits(1)


def test_the_estimate_counts_for_active_processes_and_the_next_one(machine):
    # 20 % used; each process may need 10 %: two active ones, which have next to nothing, and one.
    assert caps(memory_cap=(51.0, 100.0)).admits(2)
    assert not caps(memory_cap=(49.0, 100.0)).admits(2)


def test_one_warning_an_episode_and_ten_in_all(machine, caplog):
    gate = caps(memory_cap=50.0)
    with caplog.at_level(logging.WARNING):
        for episode in range(MAX_WARNINGS + 5):
            machine.memory = 90.0
            assert not gate.admits(1)
            assert not gate.admits(1)
            machine.memory = 10.0
            assert gate.admits(1)
            if episode == 0:
                assert len(caplog.records) == 1
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == MAX_WARNINGS + 1
    assert "memory usage is 90.00 %, its cap is 50.00 %" in texts[0]


def test_cpu_usage_is_measured_seldom(machine, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("pypet.plugins.resource_caps.monotonic", lambda: now)
    gate = caps(cpu_cap=50.0)
    assert gate.admits(1)
    machine.cpu = 99.0
    assert gate.admits(1)
    now += 1.0
    assert not gate.admits(1)
