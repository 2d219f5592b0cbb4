"""Lifecycle hooks reach every listener; what one of them raises is logged and goes no further."""

from __future__ import annotations

import inspect
import logging

import pytest

from pypet import hookspecs
from pypet.manager import PluginManager
from pypet.manager.validation import HOOKS, REGISTER_PREFIX
from pypet.markers import hookimpl

LIFECYCLE = [name for name in HOOKS if not name.startswith(REGISTER_PREFIX)]

REGISTER_METHODS = {
    "pypet_register_storage_services": "storage_services",
    "pypet_register_wrap_modes": "wrap_modes",
    "pypet_register_schedulers": "schedulers",
    "pypet_register_admission_gates": "admission_gates",
    "pypet_register_logging": "logging_setups",
    "pypet_register_progress_reporters": "progress_reporters",
    "pypet_register_versioning": "versionings",
    "pypet_register_journals": "journals",
    "pypet_register_config_readers": "config_readers",
    "pypet_register_samplers": "samplers",
    "pypet_register_exporters": "exporters",
    "pypet_register_options": "options",
    "pypet_register_leaf_classes": "leaf_class_path",
    "pypet_register_plots": "plots",
    "pypet_register_displays": "displays",
    "pypet_register_terminal_writers": "terminal_writers",
    "pypet_register_commands": "commands",
}


class Listener:
    def __init__(self, told, name):
        self.told, self.name = told, name

    @hookimpl
    def pypet_runs_finished(self, outcomes):
        self.told.append((self.name, outcomes))

    @hookimpl
    def pypet_experiment_finished(self, environment, completed):
        self.told.append((self.name, environment, completed))


class Troublemaker:
    @hookimpl
    def pypet_runs_finished(self, environment):
        raise RuntimeError(f"trouble with {environment}")


@pytest.fixture
def manager():
    return PluginManager(entries=())


def test_listeners_get_the_arguments_that_they_ask_for(manager):
    told = []
    manager.register(Listener(told, "a"), "a")
    manager.runs_finished("env", ["outcome"])
    manager.experiment_finished("env", True)
    assert told == [("a", ["outcome"]), ("a", "env", True)]


def test_what_a_listener_raises_is_logged_with_plugin_and_does_not_stop_the_others(manager, caplog):
    told = []
    manager.register(Listener(told, "before"), "before")
    manager.register(Troublemaker(), "trouble")
    manager.register(Listener(told, "after"), "after")
    with caplog.at_level(logging.ERROR):
        manager.runs_finished("env", [])
    assert [name for name, _ in told] == ["after", "before"]
    assert "plugin 'trouble' of this process raised in pypet_runs_finished" in caplog.text
    assert "RuntimeError: trouble with env" in caplog.text


def test_listens_tells_whether_somebody_would_hear(manager):
    assert not manager.listens("runs_finished")
    manager.register(Listener([], "a"), "a")
    assert manager.listens("runs_finished")
    assert manager.listens("pypet_runs_finished")
    assert not manager.listens("runs_failed")


def test_listens_refuses_hooks_that_there_are_not(manager):
    with pytest.raises(ValueError, match=r"no hook 'run_finished'.*'pypet_runs_finished'"):
        manager.listens("run_finished")


def test_nobody_listening_costs_no_error(manager):
    for name in LIFECYCLE:
        method = getattr(manager, name.removeprefix("pypet_"))
        method(*["x" for _ in inspect.signature(method).parameters])


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_docstring_and_a_typed_manager_method(hook):
    assert inspect.getdoc(getattr(hookspecs, hook)).endswith(".")
    method = getattr(PluginManager, REGISTER_METHODS.get(hook) or hook.removeprefix("pypet_"))
    signature = inspect.signature(method)
    assert signature.return_annotation is not inspect.Signature.empty
    parameters = [p for name, p in signature.parameters.items() if name != "self"]
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters)
    if hook in LIFECYCLE:
        spec = inspect.signature(getattr(hookspecs, hook))
        assert [p.name for p in parameters] == list(spec.parameters)
    assert inspect.getdoc(method)


def test_only_the_manager_touches_hooks():
    import pathlib

    import pypet

    root = pathlib.Path(pypet.__file__).parent
    touching = [
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "pluggy" in path.read_text(encoding="utf8")
        and path.parent.name != "manager"
        and path.name != "markers.py"
    ]
    assert touching == []
