"""The fault of one plugin stays that plugin's: it is reported, and everything else goes on."""

from __future__ import annotations

import logging

import pytest

from pypet.errors import MissingDependencyError, PluginError, UnknownPluginError
from pypet.manager import Status, report
from tests.plugin_folders import storage_plugin

HOOK = """
from pypet.interfaces import AdmissionGate, Command, Option, StorageService
from pypet.markers import hookimpl

class Good(StorageService):
    name = "good"

@hookimpl
def pypet_register_storage_services():
    return {answer}
"""


def entry_of(manager, name):
    return next(entry for entry in manager.entries if entry.name == name)


def reason_of(manager, name="shelf", status=Status.FAILED):
    manager.load_all()
    entry = entry_of(manager, name)
    assert entry.status is status
    return entry.reason


def test_a_plugin_that_raises_on_import_is_reported_and_others_work(install, third_party, caplog):
    install("wrecks", wreck="raise RuntimeError('no\\nluck')", version="2.1")
    install("shelves", shelf=storage_plugin("shelf"))
    manager = third_party()
    with caplog.at_level(logging.WARNING, "pypet.manager"):
        assert reason_of(manager, "wreck") == "raised RuntimeError: no luck"
    assert "Continuing without plugin 'wreck' of wrecks 2.1" in caplog.text
    assert manager.storage_service("shelf").name == "shelf"


def test_asking_for_a_failed_plugin_raises_with_distribution_version_and_cause(
    install, third_party
):
    install("wrecks", wreck="raise RuntimeError('no luck')", version="2.1")
    expected = r"storage_service='wreck'.*'wreck' of wrecks 2\.1 raised RuntimeError: no luck"
    with pytest.raises(PluginError, match=expected) as caught:
        third_party().storage_service("wreck")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_unknown_name_mentions_plugins_that_failed(install, third_party):
    install("wrecks", wreck="1 / 0")
    with pytest.raises(UnknownPluginError, match=r"Failed plugins: wreck \(raised ZeroDiv"):
        third_party().storage_service("shelf")


def test_a_plugin_that_exits_on_import_does_not_end_the_program(install, third_party):
    install("wrecks", shelf="raise SystemExit(3)")
    assert "SystemExit" in reason_of(third_party())


def test_an_entry_point_that_leads_nowhere_is_a_failure(install, site, third_party):
    install("wrecks", shelf="")
    (site / "shelf.py").unlink()
    assert "ModuleNotFoundError" in reason_of(third_party())


def test_a_plugin_that_imports_a_missing_package_is_unavailable(install, third_party):
    install("shelves", shelf="import package_that_nobody_has")
    manager = third_party()
    assert "package_that_nobody_has" in reason_of(manager, status=Status.UNAVAILABLE)
    with pytest.raises(MissingDependencyError, match="package_that_nobody_has"):
        manager.storage_service("shelf")


def test_a_plugin_that_imports_a_missing_module_of_pypet_is_a_failure(install, third_party):
    install("shelves", shelf="import pypet.module_of_another_version")
    reason = reason_of(third_party())
    assert "raised ModuleNotFoundError" in reason
    assert "pypet.module_of_another_version" in reason


def test_the_report_of_a_failed_plugin_has_the_traceback(install, third_party):
    install("wrecks", wreck="def sink():\n    1 / 0\n\nsink()")
    (row,) = report(third_party())
    assert "in sink" in row.traceback
    assert row.traceback.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_register_hook_that_raises_makes_the_whole_plugin_fail(install, third_party):
    source = storage_plugin("shelf") + (
        "\n@hookimpl\ndef pypet_register_options():\n    raise KeyError('oops')\n"
        "\n@hookimpl\ndef pypet_environment_created():\n    pass\n"
    )
    install("shelves", shelf=source)
    manager = third_party()
    assert "KeyError: 'oops'" in reason_of(manager)
    assert manager.storage_services() == ()
    assert not manager.listens("environment_created")


def test_a_misspelt_hook_is_a_failure_with_the_nearest_hook(install, third_party):
    install(
        "shelves",
        shelf="""
            from pypet.markers import hookimpl

            @hookimpl
            def pypet_register_storage_service():
                return []
        """,
    )
    reason = reason_of(third_party())
    assert "'pypet_register_storage_service'" in reason
    assert "Did you mean 'pypet_register_storage_services'?" in reason


def test_a_hook_with_a_wrong_argument_is_a_failure(install, third_party):
    install(
        "shelves",
        shelf="""
            from pypet.markers import hookimpl

            @hookimpl
            def pypet_environment_created(env):
                pass
        """,
    )
    assert "broke the contract" in reason_of(third_party())


def test_a_hook_without_marker_is_a_failure(install, third_party):
    install(
        "shelves",
        shelf="""
            from pypet.markers import hookimpl

            @hookimpl
            def pypet_environment_created():
                pass

            def pypet_register_storage_services():
                return []
        """,
    )
    assert "lacks the marker" in reason_of(third_party())


def test_a_module_without_hooks_is_a_failure(install, third_party):
    install("shelves", shelf="x = 1")
    assert "implements no hook" in reason_of(third_party())


def test_a_wrapping_hook_is_a_failure(install, third_party):
    install(
        "shelves",
        shelf="""
            from pypet.markers import hookimpl

            @hookimpl(wrapper=True)
            def pypet_environment_created():
                yield
        """,
    )
    assert "wrapper" in reason_of(third_party())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("None", "returns None instead of a list"),
        ("'Good'", "instead of a list"),
        ("[Good()]", "no subclass of `StorageService`"),
        ("[int]", "returns int, which is no subclass of `StorageService`"),
        ("[AdmissionGate]", "no subclass of `StorageService`"),
        ("[type('Nameless', (StorageService,), {})]", "Nameless has no name"),
        ("[type('Odd', (Good,), {'requires': 'h5py'})]", "Odd.requires must be a tuple"),
        ("[type('Odd', (Good,), {'options': ('x',)})]", "declares 'x'"),
        ("[type('Odd', (Good,), {'options': (Option('a b'),)})]", "valid name"),
        ("[Good, type('Twin', (Good,), {'name': 'GOOD'})]", "two storage services 'GOOD'"),
    ],
)
def test_what_a_register_hook_returns_is_checked(install, third_party, answer, expected):
    install("shelves", shelf=HOOK.format(answer=answer))
    assert expected in reason_of(third_party())


def test_an_abstract_class_is_refused_with_what_it_lacks(install, third_party):
    install(
        "gates",
        shelf="""
            from pypet.interfaces import AdmissionGate
            from pypet.markers import hookimpl

            class Gate(AdmissionGate):
                name = "gate"

            @hookimpl
            def pypet_register_admission_gates():
                return [Gate]
        """,
    )
    assert "Gate does not implement admits" in reason_of(third_party())


def test_a_command_must_be_a_command(install, third_party):
    install(
        "commands",
        shelf="""
            from pypet.markers import hookimpl

            @hookimpl
            def pypet_register_commands():
                return [print]
        """,
    )
    assert "not a `Command`" in reason_of(third_party())
