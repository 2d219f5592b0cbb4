"""What pyproject.toml promises is what there is."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from pypet.manager import PluginManager, Status
from pypet.manager.discovery import candidates

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
ENTRY_POINTS = PYPROJECT["project"]["entry-points"]["pypet"]
FOLDERS = PYPROJECT["tool"]["setuptools"]["package-dir"]


def packages_in_the_tree():
    for package, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            yield ".".join([package, *parts])


def test_every_package_folder_is_listed_once():
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(packages_in_the_tree())


def test_every_folder_with_modules_is_a_package():
    for package, folder in FOLDERS.items():
        for module in (ROOT / folder).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), (package, module)


def test_installed_entry_points_are_those_of_the_project():
    """Reinstall the project (``pip install -e .``) when this fails after a new entry point."""
    installed = {
        e.name: e.value for e in metadata.distribution("pypet").entry_points.select(group="pypet")
    }
    assert installed == ENTRY_POINTS


@pytest.fixture(scope="module")
def builtin():
    entries = [candidate.entry() for candidate in candidates()]
    manager = PluginManager(entries=[entry for entry in entries if entry.builtin])
    manager.load_all()
    return manager


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_own_plugin_loads_and_is_named_like_its_feature(builtin, name):
    entry = next(entry for entry in builtin.entries if entry.name == name)
    assert entry.status in (Status.LOADED, Status.UNAVAILABLE), entry.reason
    assert name == name.lower()
    if entry.features:
        assert name in [feature.name.lower() for feature in entry.features]


def test_every_extra_that_a_feature_names_exists(builtin):
    extras = PYPROJECT["project"]["optional-dependencies"]
    for entry in builtin.entries:
        for feature in entry.features:
            if feature.hint():
                assert feature.item.extra in extras
            else:
                assert getattr(feature.item, "requires", ()) == ()


def test_the_version_is_the_same_everywhere():
    import pypet

    assert metadata.version("pypet") == pypet.__version__
    attribute = PYPROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "core.version.__version__"
