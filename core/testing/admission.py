"""The conformance suite of admission gates: give ``feature`` and options that close it."""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar

from pypet.interfaces import AdmissionGate
from pypet.testing.features import FeatureConformance

BLOCKING_SECONDS = 2.0
"""What takes longer blocks; a gate is asked again soon anyway."""


class AdmissionConformance(FeatureConformance):
    """What every admission gate does."""

    feature: ClassVar[type[AdmissionGate]]
    opened: ClassVar[dict[str, Any]] = {}
    """Options with which it admits everything, beside the defaults."""
    closed: ClassVar[dict[str, Any] | None] = None
    """Options with which it admits nothing beside one active process; None if there are none."""

    def test_an_open_gate_admits(self) -> None:
        gate = self.feature({**self.defaults(), **self.opened})
        gate.start()
        assert all(gate.admits(active) is True for active in (1, 2, 1000))

    def test_a_gate_that_admits_all_never_refuses(self) -> None:
        for options in (self.opened, self.closed):
            gate = self.feature({**self.defaults(), **(options or {})})
            gate.start()
            if gate.admits_all:
                assert gate.admits(1)

    def test_a_closed_gate_refuses_and_says_so(self) -> None:
        if self.closed is None:
            return
        gate = self.feature({**self.defaults(), **self.closed})
        gate.start()
        assert not gate.admits_all
        assert gate.admits(1) is False

    def test_it_does_not_block(self) -> None:
        for options in (self.opened, self.closed):
            gate = self.feature({**self.defaults(), **(options or {})})
            gate.start()
            before = monotonic()
            gate.admits(1)
            assert monotonic() - before < BLOCKING_SECONDS

    def test_it_may_start_for_each_pass_of_runs(self) -> None:
        gate = self.feature({**self.defaults(), **self.opened})
        for _ in range(2):
            gate.start()
            assert gate.admits(1)
