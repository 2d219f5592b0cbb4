"""A feature whose package is missing is an error when it is asked for, with what to install."""

from __future__ import annotations

import sys

import pytest

from pypet.errors import MissingDependencyError, PluginError, UnknownPluginError
from pypet.interfaces import StorageService
from pypet.manager import PluginEntry, PluginManager, Status, get_manager
from pypet.markers import hookimpl
from tests.plugin_folders import storage_plugin

ABSENT = ("package_one", "package_two.sub")


def builtin(name, requires, extra):
    body = {"name": name, "requires": requires, "extra": extra}
    service = type("Service", (StorageService,), body)

    class Plugin:
        @hookimpl
        def pypet_register_storage_services(self):
            return [service]

    plugin = Plugin()
    return PluginEntry(name, "pypet.somewhere", "pypet", "1.0", lambda: plugin)


def test_the_error_names_option_packages_and_extra():
    manager = PluginManager(entries=[builtin("hdf5", ABSENT, "hdf5")])
    with pytest.raises(MissingDependencyError) as caught:
        manager.storage_service("hdf5")
    assert str(caught.value) == (
        "storage_service='hdf5' needs package_one, package_two.sub: pip install \"pypet[hdf5]\""
    )


def test_the_requirement_of_a_third_party_is_named_in_full(install, third_party):
    install("pypet-depot", depot=storage_plugin("depot", requires=ABSENT, extra="depot"))
    with pytest.raises(MissingDependencyError, match='pip install "depot"'):
        third_party().storage_service("depot")


def test_without_an_extra_the_packages_are_named(install, third_party):
    install("pypet-depot", depot=storage_plugin("depot", requires=ABSENT))
    with pytest.raises(MissingDependencyError, match=r"needs package_one.*, not installed"):
        third_party().storage_service("depot")


def test_requirements_are_looked_for_but_not_imported(install, site, third_party):
    (site / "heavy_package.py").write_text("raise AssertionError('imported')", encoding="utf8")
    install("one", shelf=storage_plugin("shelf", requires=("heavy_package",)))
    assert third_party().storage_service("shelf").name == "shelf"
    assert "heavy_package" not in sys.modules


def test_a_feature_becomes_usable_when_its_package_is_installed(install, site, third_party):
    install("one", shelf=storage_plugin("shelf", requires=("late_package",)))
    manager = third_party()
    manager.load_all()
    assert manager.entries[0].status is Status.UNAVAILABLE
    assert manager.storage_services() == ()
    (site / "late_package.py").write_text("", encoding="utf8")
    sys.path_importer_cache.clear()
    assert manager.storage_service("shelf").name == "shelf"
    assert manager.entries[0].status is Status.LOADED


def test_an_unknown_name_lists_what_there_is_and_the_nearest():
    zarr = builtin("zarr", ABSENT, "pypet-zarr")
    manager = PluginManager(entries=[builtin("memory", (), None), builtin("hdf5", (), None), zarr])
    with pytest.raises(UnknownPluginError) as caught:
        manager.storage_service("hdf6")
    assert str(caught.value) == (
        "No storage service named 'hdf6'. Available: hdf5, memory. "
        "Unavailable: zarr (pip install \"pypet-zarr\"). Did you mean 'hdf5'?"
    )


ESTABLISHED_NAMES = [
    ("wrap_mode", "NETLOCK"),
    ("wrap_mode", "netqueue"),
    ("scheduler", "scoop"),
    ("scheduler", "dask"),
]


@pytest.mark.parametrize(("family", "name"), ESTABLISHED_NAMES)
def test_an_established_name_that_no_plugin_has_is_not_part_of_this_version(family, name):
    manager = PluginManager(entries=[builtin("hdf5", (), None)])
    expected = rf"^{family}={name!r} needs a plugin for .* not part of this version of pypet"
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        getattr(manager, family)(name)
    assert "pip install" not in str(caught.value)  # extras bring no plugins


@pytest.mark.parametrize(("family", "name"), ESTABLISHED_NAMES)
def test_an_established_name_whose_plugin_is_damaged_tells_the_damage(family, name):
    def load():
        raise OSError("disk on fire")

    entry = PluginEntry(name.lower(), "somewhere", "pypet", "1.0", load)
    with pytest.raises(PluginError, match="disk on fire"):
        getattr(PluginManager(entries=[entry]), family)(name)


def test_attributes_of_plugin_modules_are_found_although_packages_are_missing(install, third_party):
    install("one", shelf=storage_plugin("shelf", requires=ABSENT))
    found = third_party().attribute("SHELF", "Service", asked="x")
    assert found.name == "shelf"


def test_an_attribute_that_a_plugin_lacks_is_its_fault(install, third_party):
    install("one", shelf=storage_plugin("shelf"))
    with pytest.raises(PluginError, match=r"x\.Y is not available: plugin 'shelf' of one 1\.0"):
        third_party().attribute("shelf", "Y", asked="x.Y")


def test_an_attribute_of_an_absent_plugin_tells_how_to_install_it():
    with pytest.raises(MissingDependencyError, match="'shelf', which is not installed: pip x"):
        get_manager().attribute("shelf", "Y", asked="a.Y", hint="pip x")
