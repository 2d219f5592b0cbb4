"""Methods and hooks that cannot be called as pypet calls them make a plugin fail at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pypet.errors import PluginError
from pypet.interfaces import (
    AdmissionGate,
    LoggingSetup,
    ProgressReporter,
    Scheduler,
    StorageService,
)
from pypet.manager import PluginManager
from pypet.manager.families import FAMILIES
from pypet.manager.signatures import check_methods
from pypet.markers import hookimpl
from pypet.services import RecordStorageService


class Gate(AdmissionGate):
    name = "gate"

    def admits(self, active):
        return True


class Reporter(ProgressReporter):
    name = "reporter"

    def __init__(self, options): ...
    def start(self, total, done=0): ...
    def advance(self, finished=1, failed=0): ...
    def stop(self): ...


class Setup(LoggingSetup):
    name = "setup"

    def __init__(self, options): ...
    def start(self, context): ...
    def start_worker(self, context): ...
    def stop(self, *, remove_all_handlers=True): ...


class Serial(Scheduler):
    name = "mine"

    def start(self, execute): ...
    def free_slots(self): ...
    def submit(self, tasks): ...
    def outcomes(self): ...
    def stop(self): ...


async def asynchronous(self, tasks): ...


@pytest.mark.parametrize(
    ("base", "name", "override", "problem"),
    [
        (Gate, "admits", lambda self: True, r"lacks the parameter 'active'.* admits\(active\)"),
        (Gate, "admits", lambda self, active, more: True, "requires 'more', which is never passed"),
        (Gate, "__init__", lambda self: None, r"lacks .*'options'.* __init__\(options\)"),
        (Gate, "admits_all", lambda self: True, "is a method, but has to be a property"),
        (Gate, "start", property(lambda self: None), "is a property, but has to be a method"),
        (
            Reporter,
            "advance",
            lambda self, finished=1, broken=0: None,
            r"has 'broken' instead of .*'failed'.* advance\(finished=1, failed=0\)",
        ),
        (
            Setup,
            "stop",
            lambda self: None,
            r"lacks the keyword 'remove_all_handlers'.* stop\(\*, remove_all_handlers=True\)",
        ),
        (Serial, "describe", lambda self, options: "", "lacks @classmethod or @staticmethod"),
        (Serial, "describe", classmethod(lambda cls: ""), r"lacks .* describe\(options\)"),
        (Serial, "submit", asynchronous, "is asynchronous"),
        (StorageService, "kept_open", lambda self: None, "lacks the parameter 'trajectory_name'"),
        (
            RecordStorageService,
            "read_meta",
            lambda self, trajectory: None,
            r"lacks the keyword 'with_runs'.* read_meta\(trajectory, \*, with_runs\)",
        ),
    ],
)
def test_an_override_that_takes_other_arguments_is_refused(base, name, override, problem):
    with pytest.raises(PluginError, match=rf"Odd\.{name} {problem}"):
        check_methods(type("Odd", (base,), {name: override}))


@pytest.mark.parametrize(
    ("base", "name", "override"),
    [
        (Gate, "admits", lambda self, number: True),
        (Gate, "admits", lambda self, *args: True),
        (Gate, "admits", lambda self, active, more=1, *, further=None: True),
        (Gate, "admits_all", True),
        (Gate, "own_method", lambda self, anything: True),
        (Reporter, "advance", lambda self, *args, **kwargs: None),
        (Setup, "stop", lambda self, **kwargs: None),
        (Serial, "describe", staticmethod(lambda options: "")),
        (StorageService, "__init__", lambda self, filename, codec="zip": None),
        (StorageService, "store", lambda self, msg, stuff, **kwargs: None),
    ],
)
def test_an_override_that_takes_the_same_calls_is_fine(base, name, override):
    check_methods(type("Fine", (base,), {name: override}))


def test_an_inherited_method_counts():
    class Mixin:
        def admits(self):
            return True

    with pytest.raises(PluginError, match=r"lacks the parameter 'active'"):
        check_methods(type("Odd", (Mixin, Gate), {}))


def test_the_plugin_that_registers_it_fails_and_is_named(install, third_party):
    install(
        "gates",
        version="2.1",
        shelf="""
            from pypet.interfaces import AdmissionGate
            from pypet.markers import hookimpl

            class Gate(AdmissionGate):
                name = "gate"

                def admits(self, workers, memory):
                    return True

            @hookimpl
            def pypet_register_admission_gates():
                return [Gate]
        """,
    )
    manager = third_party()
    manager.load_all()
    (entry,) = manager.entries
    assert entry.label == "plugin 'shelf' of gates 2.1"
    assert entry.reason == (
        "broke the contract of plugins: Gate.admits requires 'memory', which is never passed; it "
        "is called as admits(active)"
    )


def test_a_hook_with_an_unknown_argument_is_told_its_signature():
    @hookimpl
    def pypet_runs_finished(env, outcomes):
        pass

    manager = PluginManager(entries=())
    expected = (
        r"'pypet_runs_finished' takes 'env', .*"
        r"its signature is pypet_runs_finished\(environment, outcomes\)"
    )
    with pytest.raises(PluginError, match=expected):
        manager.register(SimpleNamespace(pypet_runs_finished=pypet_runs_finished), "odd")


def test_what_pypet_itself_registers_fulfils_its_contracts():
    manager = PluginManager()
    manager.load_all()
    features = [feature for family in FAMILIES for feature in manager.features(family)]
    classes = [feature.item for feature in features if isinstance(feature.item, type)]
    for cls in classes:
        check_methods(cls)
    assert len(classes) > 20
