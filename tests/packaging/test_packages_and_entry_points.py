"""What pyproject.toml promises is what there is."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from pypet.manager import PluginManager, Status
from pypet.manager.entries import discover
from pypet.manager.optional_features import OPTIONAL_FEATURES

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
ENTRY_POINTS = PYPROJECT["project"]["entry-points"]["pypet"]
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
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


def test_every_plugin_is_one_of_those_that_keep_apart():
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (apart,) = (set(each["modules"]) for each in contracts if each["type"] == "independence")
    packages = {module for module in ENTRY_POINTS.values() if module in apart}
    for module in ENTRY_POINTS.values():  # two plugins of one package may share it
        assert module in apart or module.rpartition(".")[0] in packages


@pytest.fixture(scope="module")
def builtin():
    entries = [candidate.entry() for candidate in discover()]
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
    for entry in builtin.entries:
        for feature in entry.features:
            if feature.hint():
                assert feature.item.extra in EXTRAS
            else:
                assert getattr(feature.item, "requires", ()) == ()


def brought_by(extra):
    """Return the names of all distributions, and of the extras, that an extra brings."""
    names = set()
    for line in EXTRAS[extra]:
        name, own = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?.*", line).groups()
        if name == "pypet":
            names.update(own.split(","), *(brought_by(each) for each in own.split(",")))
        else:
            names.add(name)
    return names


def test_the_extra_all_is_everything_but_tools_of_development():
    assert EXTRAS.keys() - brought_by("all") == {"all", "dev", "test"}
    assert brought_by("dev") >= {"all", "test"}


def test_the_extra_sumatra_brings_git_along():
    assert "GitPython" in brought_by("sumatra")


def test_every_extra_that_an_option_may_need_exists():
    assert {family.extra for family in OPTIONAL_FEATURES.values() if family.extra} <= EXTRAS.keys()


def test_the_version_is_the_same_everywhere():
    import pypet

    assert metadata.version("pypet") == pypet.__version__
    attribute = PYPROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert attribute == "core.version.__version__"
