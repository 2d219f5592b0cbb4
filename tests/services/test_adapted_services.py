"""Objects of users with `store` or `load` have the whole interface of storage services."""

from __future__ import annotations

import pickle

import pytest

from pypet import Trajectory
from pypet.interfaces import (
    Outcome,
    ServiceAdapter,
    StorageService,
    WrapMode,
    adapted,
    without_adapter,
)
from pypet.tree.typed_groups import attached_service


class Recorder:
    """A service of a user, which has only what it needs."""

    filename = "recorded.txt"

    def __init__(self):
        self.messages = []

    def store(self, msg, stuff_to_store, *args, **kwargs):
        self.messages.append(msg)


def test_what_an_object_has_counts_and_the_interface_completes_it():
    recorder = Recorder()
    service = adapted(recorder)
    service.store("LEAF", None)
    assert recorder.messages == service.messages == ["LEAF"]
    assert service.filename == "recorded.txt"
    assert (service.multiproc_safe, service.keeps_data, service.is_open) == (False, True, False)
    assert service.trajectory_names() is None
    service.finalize()
    service.close_on_exit()
    with service.kept_open("traj"), service.watched("traj"):
        pass
    with pytest.raises(NotImplementedError, match="does not implement `load`"):
        service.load("LEAF", None)


def test_services_with_the_interface_need_no_adapter():
    service = StorageService()
    assert adapted(service) is service
    assert without_adapter(service) is service


def test_a_trajectory_returns_the_very_object_that_it_was_given():
    recorder = Recorder()
    traj = Trajectory("traj")
    traj.v_storage_service = recorder
    assert traj.v_storage_service is recorder
    assert isinstance(attached_service(traj), ServiceAdapter)
    assert attached_service(traj) == adapted(recorder) != adapted(Recorder())
    traj.v_storage_service = None
    assert traj.v_storage_service is attached_service(traj) is None


def test_attributes_are_set_on_the_object_and_pickles_take_it_along():
    recorder = Recorder()
    service = adapted(recorder)
    service.early = 3
    assert recorder.early == 3
    copy = pickle.loads(pickle.dumps(service))
    assert isinstance(copy, ServiceAdapter)
    assert copy.messages == []


def test_a_wrap_mode_that_collects_under_the_former_name_is_understood():
    with pytest.warns(DeprecationWarning, match="overrides 'take_home', which is called 'collect'"):

        class Collecting(WrapMode):
            name = "COLLECTING"

            def start(self, service, mp_context): ...

            def worker_service(self): ...

            def stop(self): ...

            @staticmethod
            def take_home(trajectory):
                return f"data of {trajectory}"

    assert Collecting.collect("traj") == "data of traj"
    outcome = Outcome(0, None, 0.0, 0.0, payload=Collecting.collect("traj"))
    with pytest.raises(NotImplementedError, match=r"COLLECTING.*collects nothing"):
        Collecting({}).store_references(outcome.payload)
