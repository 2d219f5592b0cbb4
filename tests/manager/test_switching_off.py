"""Plugins can be switched off by their own, their features' or their distribution's name."""

from __future__ import annotations

import sys

import pytest

from pypet.errors import MissingDependencyError, UnknownPluginError
from pypet.manager import Status, get_manager
from tests.plugin_folders import storage_plugin


def entry_of(manager, name):
    return next(entry for entry in manager.entries if entry.name == name)


@pytest.mark.parametrize("disabled", ["shelf", "SHELF", "my.Shelves", "my_shelves"])
def test_a_blocked_plugin_is_never_imported(install, third_party, disabled):
    install("my-shelves", shelf=storage_plugin("shelf"))
    manager = third_party((disabled,))
    manager.load_all()
    assert "shelf" not in sys.modules
    assert entry_of(manager, "shelf").status is Status.BLOCKED
    assert "switched off" in entry_of(manager, "shelf").reason
    with pytest.raises(UnknownPluginError, match=r"'shelf'.*switched off|Switched off: shelf"):
        manager.storage_service("shelf")


def test_others_keep_working(install, third_party):
    install("one", shelf=storage_plugin("shelf"), cupboard=storage_plugin("cupboard"))
    manager = third_party(("shelf",))
    assert [service.name for service in manager.storage_services()] == ["cupboard"]


def test_a_feature_can_be_switched_off_by_its_own_name(install, third_party):
    install("one", "furniture", shelf=storage_plugin("shelf"))
    manager = third_party(("Shelf",))
    with pytest.raises(UnknownPluginError, match="storage_service='shelf' is switched off"):
        manager.storage_service("shelf")
    assert entry_of(manager, "furniture").status is Status.BLOCKED


def test_the_environment_variable_switches_off(install, monkeypatch):
    install("one", shelf=storage_plugin("shelf"), cupboard=storage_plugin("cupboard"))
    monkeypatch.setenv("PYPET_DISABLE_PLUGINS", "shelf, nobody ,")
    manager = get_manager(("cupboard",))
    assert manager.disabled == {"shelf", "nobody", "cupboard"}
    for name in ("shelf", "cupboard"):
        assert entry_of(manager, name).status is Status.BLOCKED


def test_switching_off_the_winner_of_a_clash_gives_the_name_to_the_other(install, third_party):
    install("one", "shelf", shelf_one=storage_plugin("shelf"))
    install("two", "shelf", shelf_two=storage_plugin("shelf"))
    assert third_party(("one",)).storage_service("shelf").__module__ == "shelf_two"


def test_an_attribute_of_a_blocked_plugin_says_so(install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    manager = third_party(("shelf",))
    with pytest.raises(MissingDependencyError, match=r"x\.Shelf needs plugin 'shelf'.*switched"):
        manager.attribute("shelf", "Service", asked="x.Shelf")
