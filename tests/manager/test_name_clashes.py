"""Two plugins that claim the same name: who wins does not depend on the order of loading."""

from __future__ import annotations

import warnings

import pytest

from pypet.errors import PluginError, PluginWarning
from pypet.interfaces import StorageService
from pypet.manager import PluginEntry, PluginManager, Status
from pypet.manager.entries import OWN_DISTRIBUTION
from pypet.markers import hookimpl
from tests.plugin_folders import storage_plugin


class ShelfPlugin:
    """A plugin that is an object: gives one storage service."""

    def __init__(self, name="shelf"):
        self.service = type("Service", (StorageService,), {"name": name})

    @hookimpl
    def pypet_register_storage_services(self):
        return [self.service]


def entry(name, distribution, plugin):
    return PluginEntry(name, f"{distribution}_module", distribution, "1.0", lambda: plugin)


def states(manager):
    return {found.distribution: found.status for found in manager.entries}


def test_two_builtin_features_of_one_name_are_an_error():
    entries = [entry("a", OWN_DISTRIBUTION, ShelfPlugin()), entry("b", "pypet", ShelfPlugin())]
    manager = PluginManager(entries=entries)
    with pytest.raises(PluginError, match=r"'shelf' is registered twice.*'a' and 'b'"):
        manager.load_all()
    assert [found.status for found in manager.entries] == [Status.LOADED, Status.FAILED]


@pytest.mark.parametrize("name", ["shelf", "something_else"])
def test_a_builtin_feature_wins_over_a_third_party(name):
    own, foreign = ShelfPlugin(), ShelfPlugin("SHELF")
    entries = [entry(name, "aardvark", foreign), entry("shelf", OWN_DISTRIBUTION, own)]
    manager = PluginManager(entries=entries)
    expected = (
        "Two plugins give a storage service 'shelf': plugin 'shelf' of pypet 1.0 is used, "
        rf"plugin '{name}' of aardvark 1.0 is not"
    )
    with pytest.warns(PluginWarning, match=expected):
        manager.load_all()
    assert manager.storage_service("shelf") is own.service
    assert states(manager) == {"pypet": Status.LOADED, "aardvark": Status.SHADOWED}
    loser = manager.entries[1]
    assert loser.reason == "'SHELF' is taken by plugin 'shelf' of pypet 1.0"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_third_parties_the_first_distribution_by_name_wins(reverse):
    plugins = {"Zebra": ShelfPlugin(), "aardvark": ShelfPlugin()}
    entries = [entry("shelf", name, plugins[name]) for name in sorted(plugins, reverse=reverse)]
    manager = PluginManager(entries=entries)
    with pytest.warns(PluginWarning, match="'shelf' of aardvark 1.0 is used"):
        service = manager.storage_service("shelf")
    assert service is plugins["aardvark"].service
    assert states(manager) == {"aardvark": Status.LOADED, "Zebra": Status.SHADOWED}


def test_the_winner_is_the_same_whichever_plugin_was_loaded_first():
    by_name, by_luck = ShelfPlugin(), ShelfPlugin()

    def manager():
        return PluginManager(
            entries=[entry("shelf", "zebra", by_name), entry("misc", "aardvark", by_luck)]
        )

    asked_first, loaded_first = manager(), manager()
    assert asked_first.storage_service("shelf") is by_name.service
    with pytest.warns(PluginWarning):
        asked_first.load_all()
    with pytest.warns(PluginWarning):
        loaded_first.load_all()
    assert asked_first.storage_service("shelf") is by_name.service
    assert loaded_first.storage_service("shelf") is by_name.service


def test_the_loser_keeps_its_other_features():
    both = ShelfPlugin()
    other = type("Other", (StorageService,), {"name": "other"})
    both.pypet_register_storage_services = hookimpl(lambda: [both.service, other])
    manager = PluginManager(
        entries=[entry("a", "aardvark", ShelfPlugin()), entry("b", "bee", both)]
    )
    with pytest.warns(PluginWarning):
        manager.load_all()
    assert manager.storage_service("other") is other
    assert manager.entries[1].status is Status.LOADED
    assert "'shelf' is taken by" in manager.entries[1].reason


def test_equal_names_of_entry_points_are_no_clash_if_the_features_differ(install, third_party):
    install("one", "thing", shelf=storage_plugin("shelf"))
    install("two", "thing", cupboard=storage_plugin("cupboard"))
    manager = third_party()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        manager.load_all()
    names = [service.name for service in manager.storage_services()]
    assert sorted(names) == ["cupboard", "shelf"]
    assert {found.status for found in manager.entries} == {Status.LOADED}


def test_equal_entry_points_with_equal_features_leave_one_shadowed(install, third_party):
    install("one", "shelf", shelf_one=storage_plugin("shelf"))
    install("two", "shelf", shelf_two=storage_plugin("shelf"))
    manager = third_party()
    with pytest.warns(PluginWarning, match="of one 1.0 is used, plugin 'shelf' of two 1.0 is not"):
        assert manager.storage_service("shelf").__module__ == "shelf_one"


def test_one_module_behind_two_entry_points_is_loaded_once(site, install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    from tests.plugin_folders import write_distribution

    write_distribution(site, "two", {"shelf2": "shelf"})
    from pypet.manager import refresh

    refresh()
    manager = third_party()
    manager.load_all()
    assert states(manager) == {"one": Status.LOADED, "two": Status.SHADOWED}
    assert "same module as plugin 'shelf' of one 1.0" in manager.entries[1].reason


def test_a_warning_turned_into_an_error_leaves_the_manager_usable():
    entries = [entry("shelf", "a", ShelfPlugin()), entry("shelf", "b", ShelfPlugin())]
    manager = PluginManager(entries=entries)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginWarning):
            manager.load_all()
    assert states(manager) == {"a": Status.LOADED, "b": Status.SHADOWED}
    assert manager.storage_service("shelf").name == "shelf"
