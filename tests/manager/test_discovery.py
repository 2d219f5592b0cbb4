"""Plugins are found without being imported, and imported only when they are needed."""

from __future__ import annotations

import pickle
import sys

import pytest

from pypet.errors import UnknownPluginError
from pypet.manager import PluginManager, Status, get_manager, refresh
from pypet.manager.entries import discover
from tests.plugin_folders import storage_plugin


def entry_of(manager, name):
    return next(entry for entry in manager.entries if entry.name == name)


def test_discovery_imports_nothing(install):
    install("shelves", shelf="raise AssertionError('imported')")
    manager = get_manager()
    entry = entry_of(manager, "shelf")
    assert entry.status is Status.DISCOVERED
    assert (entry.distribution, entry.version, entry.module) == ("shelves", "1.0", "shelf")
    assert "shelf" not in sys.modules


def test_asking_for_a_name_loads_the_entry_point_of_this_name_only(install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    install("two", cupboard=storage_plugin("cupboard"))
    manager = third_party()
    assert manager.storage_service("shelf").name == "shelf"
    assert entry_of(manager, "shelf").status is Status.LOADED
    assert entry_of(manager, "cupboard").status is Status.DISCOVERED
    assert "cupboard" not in sys.modules


def test_names_are_compared_without_case(install, third_party):
    install("one", "SHELF", shelf=storage_plugin("Shelf"))
    manager = third_party()
    assert manager.storage_service("sHELf").name == "Shelf"


def test_a_feature_is_found_in_an_entry_point_of_another_name(install, third_party):
    install("one", "furniture", shelf=storage_plugin("shelf"))
    assert third_party().storage_service("shelf").name == "shelf"


def test_a_name_in_another_family_is_not_found(install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    with pytest.raises(UnknownPluginError, match=r"No wrap mode named 'shelf'\. Available: none"):
        third_party().wrap_mode("shelf")


def test_a_class_is_the_same_at_each_call(install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    manager = third_party()
    assert manager.storage_service("shelf") is manager.storage_service("shelf")
    assert manager.storage_services() == (manager.storage_service("shelf"),)


def test_own_plugins_come_first_then_third_parties_by_distribution(install):
    install("zebra", shelf_z=storage_plugin("z"))
    install("Aardvark", shelf_a=storage_plugin("a"))
    origins = [candidate.distribution for candidate in discover()]
    assert origins[-2:] == ["Aardvark", "zebra"]
    assert set(origins[:-2]) == {"pypet"}


def test_a_distribution_without_name_is_still_listed(site):
    info = site / "nameless-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[pypet]\nshelf = nowhere\n", encoding="utf8")
    refresh()
    assert [c.name for c in discover() if c.distribution != "pypet"] == ["shelf"]


def test_one_is_listed_also_where_the_backport_of_importlib_reads_metadata(site):
    pytest.importorskip("importlib_metadata")
    test_a_distribution_without_name_is_still_listed(site)


def test_managers_are_made_once_per_set_of_disabled_plugins(install):
    assert get_manager() is get_manager()
    assert get_manager(("a", "B")) is get_manager("b, a")
    assert get_manager("a") is not get_manager()


def test_refresh_finds_what_was_installed_since(install):
    assert "shelf" not in [entry.name for entry in get_manager().entries]
    install("one", shelf=storage_plugin("shelf"))
    assert "shelf" in [entry.name for entry in get_manager().entries]


def test_managers_cannot_be_pickled():
    with pytest.raises(TypeError, match=r"cannot be pickled.*names of plugins"):
        pickle.dumps(PluginManager(entries=()))


def test_without_any_plugin_the_error_says_that_pypet_is_not_installed():
    with pytest.raises(UnknownPluginError, match="No plugin is installed at all"):
        PluginManager(entries=()).storage_service("hdf5")
