"""Which storage service is meant."""

from __future__ import annotations

import pytest

from pypet.errors import UnknownPluginError
from pypet.interfaces import StorageService
from pypet.services.storage_choice import choose_storage, storage_factory
from pypet.storage_backends.memory import MemoryStorageService
from pypet.trajectory import Trajectory


class OwnService(StorageService):
    """A service of users."""

    def __init__(self, colour="red", trajectory=None):
        self.colour = colour
        self.trajectory = trajectory


def test_nothing_is_no_service():
    assert storage_factory(None) == (None, set())
    assert storage_factory(None, colour=3) == (None, {"colour"})


@pytest.mark.parametrize("name", ["memory", "Memory"])
def test_registered_name_is_a_service(name):
    service, unused = storage_factory(name)
    assert type(service) is MemoryStorageService
    assert unused == set()


@pytest.mark.parametrize("as_text", [True, False])
def test_class_is_made_with_the_keywords_that_it_takes(as_text):
    traj = Trajectory("test")
    kind = f"{OwnService.__module__}.OwnService" if as_text else OwnService
    service, unused = storage_factory(kind, traj, colour="blue", size=3)
    assert type(service).__name__ == "OwnService"
    assert service.colour == "blue"
    assert service.trajectory is traj
    assert unused == {"size"}


def test_instance_is_used_as_it_is():
    service = OwnService()
    assert storage_factory(service, Trajectory(), colour="blue") == (service, {"colour"})


def test_class_of_users_is_found_by_its_bare_name():
    traj = Trajectory("test", dynamic_imports=OwnService)
    assert type(storage_factory("OwnService", traj)[0]) is OwnService


def test_unknown_name_lists_what_there_is():
    with pytest.raises(UnknownPluginError, match="memory"):
        storage_factory("nonsense")


@pytest.mark.parametrize("filename", ["a.txt", "folder/", "a"])
def test_other_extension_does_not_say_which_service(filename):
    with pytest.raises(ValueError, match="extension"):
        Trajectory("test", filename=filename)


def test_choosing_makes_nothing():
    choice = choose_storage(OwnService, None, {"colour": 1})
    assert choice.service is OwnService
    assert choice.keywords == {"colour": 1}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"colour": 1}, "none is given"),
        ({"storage_service": OwnService, "size": 1}, "OwnService"),
        ({"storage_service": OwnService(), "colour": 1}, "ready-made"),
    ],
)
def test_trajectory_refuses_keywords_that_nobody_takes(arguments, text):
    with pytest.raises(ValueError, match=text):
        Trajectory("test", **arguments)


def test_trajectory_takes_a_service_by_name():
    assert type(Trajectory("test", storage_service="memory").v_storage_service) is (
        MemoryStorageService
    )
