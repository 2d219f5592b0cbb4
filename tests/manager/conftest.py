"""Fixtures: a folder of hand-made distributions, and a manager that sees only these."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pypet import manager as plugin_management
from pypet.manager import PluginManager
from pypet.manager.entries import discover
from tests.plugin_folders import write_distribution, write_modules


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path``; what is imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delenv("PYPET_DISABLE_PLUGINS", raising=False)
    plugin_management.refresh()
    yield folder
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    monkeypatch.undo()
    plugin_management.refresh()


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Install a distribution of one module: ``install('dist', 'entry', module='source')``."""

    def install_one(
        distribution: str, *entry_names: str, version: str = "1.0", **modules: str
    ) -> None:
        write_modules(site, modules)
        names = entry_names or tuple(modules)
        write_distribution(
            site, distribution, dict(zip(names, modules, strict=True)), version=version
        )
        plugin_management.refresh()

    return install_one


@pytest.fixture
def third_party(site: Path) -> Callable[..., PluginManager]:
    """Return managers that know the plugins of the folder and none of pypet itself."""

    def make(disabled: tuple[str, ...] = ()) -> PluginManager:
        entries = [candidate.entry() for candidate in discover()]
        return PluginManager(disabled, [entry for entry in entries if not entry.builtin])

    return make
