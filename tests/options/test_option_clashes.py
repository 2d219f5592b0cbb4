"""Options that two plugins declare differently: one counts, with a warning, and nothing breaks."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest

from pypet.environment.plugin_set import make_plugin_set
from pypet.errors import PluginWarning
from pypet.interfaces import Option, Scheduler, StorageService, Versioning
from pypet.manager import PluginEntry, PluginManager, Status, report
from pypet.markers import hookimpl
from pypet.options import collect


class Options:
    """A plugin with options and nothing else."""

    def __init__(self, *options):
        self.options = options

    @hookimpl
    def pypet_register_options(self):
        return self.options


def manager_of(**plugins):
    return PluginManager(
        entries=[
            PluginEntry(name, name, f"{name}-dist", "1.0", lambda plugin=plugin: plugin)
            for name, plugin in plugins.items()
        ]
    )


def refuse(value):
    raise ValueError("never")


class Choosy(Scheduler):
    name = "choosy"
    options = (Option("ncores", 1, (int,), check=refuse),)

    def start(self, execute): ...
    def free_slots(self): ...
    def submit(self, tasks): ...
    def outcomes(self): ...
    def stop(self): ...


def test_an_established_option_stays_as_it_is_and_the_plugin_is_named():
    manager = manager_of(odd=Options(Option("ncores", "many", (str,), check=refuse)))
    expected = (
        "'ncores' differently: the declaration of pypet itself counts, with the default 1; that "
        r"of plugin 'odd' of odd-dist 1.0 \(str, default 'many'\) does not.*disable_plugins"
    )
    with pytest.warns(PluginWarning, match=expected):
        values = collect(manager, (), {"ncores": 3}).values
    assert values["ncores"] == 3
    assert manager.entries[0].status is Status.LOADED
    assert manager.entries[0].reason == "option 'ncores' is declared by pypet itself"


def test_it_is_reported_once_for_each_manager():
    manager = manager_of(odd=Options(Option("ncores", None)))
    with pytest.warns(PluginWarning):
        collect(manager, (), {})
    collect(manager, (), {})


def test_a_check_of_a_scheduler_does_not_apply_to_others():
    class Plugin:
        @hookimpl
        def pypet_register_schedulers(self):
            return [Choosy]

    manager = manager_of(choosy=Plugin())
    assert collect(manager, (), {"ncores": 3}).values["ncores"] == 3


def test_a_check_of_a_scheduler_applies_to_those_who_use_it():
    manager = PluginManager()
    manager.register(
        SimpleNamespace(pypet_register_schedulers=hookimpl(lambda: [Choosy])), "choosy"
    )
    values = collect(manager, (), {"ncores": 3, "scheduler": "choosy"}).values
    with pytest.raises(ValueError, match="never"):
        make_plugin_set(values, manager)


def test_of_two_third_parties_the_first_counts():
    manager = manager_of(a=Options(Option("colour", "red")), b=Options(Option("colour", "blue")))
    expected = "plugin 'a' of a-dist 1.0 counts, with the default 'red'; that of plugin 'b'"
    with pytest.warns(PluginWarning, match=expected):
        values = collect(manager, (), {}).values
    assert values["colour"] == "red"


def test_the_listing_of_features_has_the_clash():
    class Noting(Versioning):
        name = "noting"
        options = (Option("ncores", 7),)

        def __init__(self, options):
            pass

    class Plugin:
        @hookimpl
        def pypet_register_versioning(self):
            return [Noting]

    manager = manager_of(noting=Plugin())
    with pytest.warns(PluginWarning):
        collect(manager, (), {})
    (row,) = report(manager)
    assert (row.status, row.reason) == (
        Status.LOADED,
        "option 'ncores' is declared by pypet itself",
    )


def test_declarations_that_agree_and_those_of_storage_services_do_not_clash():
    def plugin(name, default):
        class Service(StorageService):
            options = (Option("codec", default), Option("filename", default))

        Service.name = name

        class Plugin:
            @hookimpl
            def pypet_register_storage_services(self):
                return [Service]

        return Plugin()

    manager = manager_of(
        a=plugin("a", "zip"), b=plugin("b", "lzma"), c=Options(Option("ncores", 1, (int,)))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collect(manager, (), {})
