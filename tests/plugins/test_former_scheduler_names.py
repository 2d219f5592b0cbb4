"""Schedulers and wrap modes written for former names of methods still work."""

from __future__ import annotations

import pytest

from pypet.interfaces import Outcome, Scheduler, TaskFunction
from pypet.plugins.serial import SerialScheduler


def test_overrides_under_former_names_are_called():
    with pytest.warns(DeprecationWarning, match="resolve_options|free_slots|wait_closed") as caught:

        class Former(SerialScheduler):
            @classmethod
            def settle(cls, options):
                return {"ncores": 7}

            def room(self):
                return 5

            def join(self):
                self.joined = True

    assert len(caught) == 3
    scheduler = Former({})
    assert Scheduler.resolve_options({}) == {}
    assert Former.resolve_options({}) == {"ncores": 7}
    assert scheduler.free_slots() == 5
    scheduler.wait_closed()
    assert scheduler.joined


def test_former_names_can_be_called():
    scheduler = SerialScheduler({})
    with pytest.warns(DeprecationWarning, match="use free_slots instead"):
        assert scheduler.room() == scheduler.free_slots()


def test_former_name_of_the_payload_of_an_outcome_is_readable():
    outcome = Outcome(0, None, 0.0, 1.0, payload="data")
    with pytest.warns(DeprecationWarning, match="use payload instead"):
        assert outcome.references == "data"


def test_former_name_of_task_functions_can_be_imported():
    with pytest.warns(DeprecationWarning, match="TaskFunction"):
        from pypet.interfaces import Work
    assert Work is TaskFunction
