"""``pypet plugins`` shows every plugin with its state, reason and capabilities."""

from __future__ import annotations

import json

import pytest

from pypet.__main__ import main
from pypet.interfaces import StorageService
from pypet.manager import PluginEntry, PluginManager, Status, report
from pypet.markers import hookimpl


class Shelf(StorageService):
    name = "shelf"
    multiproc_safe = True


class Vault(StorageService):
    name = "vault"
    requires = ("absent_package",)
    extra = "my-vault[all]"


class Services:
    @hookimpl
    def pypet_register_storage_services(self):
        return [Shelf, Vault]


class Listener:
    @hookimpl
    def pypet_environment_created(self):
        """Nothing to do."""


def broken():
    raise RuntimeError("no luck")


def entry(name, load):
    return PluginEntry(name, f"{name}_module", "My-Dist", "2.0", load)


@pytest.fixture
def manager(monkeypatch):
    services, listener = Services(), Listener()
    made = PluginManager(
        ("off",),
        [
            entry("services", lambda: services),
            entry("listener", lambda: listener),
            entry("wreck", broken),
            entry("off", broken),
        ],
    )
    monkeypatch.setattr("pypet.plugins.listing.get_manager", lambda: made)
    return made


def test_a_report_has_a_row_for_each_feature_and_each_plugin_without(manager):
    rows = {row.name: row for row in report(manager)}
    assert list(rows) == ["listener", "shelf", "vault", "off", "wreck"]
    states = {name: (row.family, row.status) for name, row in rows.items()}
    assert states == {
        "listener": ("lifecycle", Status.LOADED),
        "shelf": ("storage", Status.LOADED),
        "vault": ("storage", Status.UNAVAILABLE),
        "off": ("-", Status.BLOCKED),
        "wreck": ("-", Status.FAILED),
    }
    assert rows["shelf"].capabilities["multiproc_safe"] is True
    assert rows["vault"].reason == 'needs absent_package: pip install "my-vault[all]"'


def test_the_table_is_aligned_and_complete(manager, capsys):
    assert main(["plugins"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    column = header.index("STATUS")
    assert [line[column:].split()[0] for line in lines] == [
        "loaded",
        "loaded",
        "unavailable",
        "blocked",
        "failed",
    ]
    assert "My-Dist 2.0" in lines[0]
    assert "multiproc_safe, keeps_data, supports_loading" in lines[1]
    assert lines[4].endswith("raised RuntimeError: no luck")


def test_json_holds_the_same(manager, capsys):
    assert main(["plugins", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["listener", "shelf", "vault", "off", "wreck"]
    assert rows[1] == {
        "family": "storage",
        "name": "shelf",
        "plugin": "services",
        "module": "services_module",
        "distribution": "My-Dist",
        "version": "2.0",
        "status": "loaded",
        "reason": "",
        "capabilities": {
            "multiproc_safe": True,
            "multihost_safe": False,
            "keeps_data": True,
            "main_process_only": False,
            "supports_loading": True,
        },
        "traceback": "",
    }
    assert "RuntimeError: no luck" in rows[4]["traceback"]
