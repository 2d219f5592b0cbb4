"""The fault of a plugin names it, and ends no experiment that does not need the plugin."""

from __future__ import annotations

import logging

import pytest

from pypet.interfaces import (
    AdmissionGate,
    Journal,
    LoggingSetup,
    Outcome,
    ProgressReporter,
    Scheduler,
    Versioning,
    WrapMode,
)
from pypet.manager import PluginEntry, get_manager
from pypet.markers import hookimpl
from pypet.plugins.resume.experiment_journal import ExperimentJournal

pytestmark = pytest.mark.filterwarnings("ignore:disable_plugins. there is no plugin")

SWITCH = "disable_plugins='faulty'"


class FaultyLogging(LoggingSetup):
    name = "faulty_logging"
    fails_in = ""

    def __init__(self, options):
        self._call("__init__")

    def _call(self, method):
        if method == self.fails_in:
            raise RuntimeError("broken logging")

    def start(self, context):
        self._call("start")

    def start_worker(self, context):
        self._call("start_worker")

    def stop(self, *, remove_all_handlers=True):
        self._call("stop")

    @property
    def folders(self):
        self._call("folders")
        return ()


class FaultyVersioning(Versioning):
    name = "faulty_versioning"
    fails_in = ""

    def __init__(self, options):
        self._call("__init__")

    def _call(self, method):
        if method == self.fails_in:
            raise RuntimeError("broken versioning")

    def snapshot(self, environment):
        self._call("snapshot")

    def environment_named(self, environment):
        self._call("environment_named")

    def experiment_started(self, environment):
        self._call("experiment_started")

    def experiment_finished(self, environment):
        self._call("experiment_finished")


class FaultyReporter(ProgressReporter):
    name = "faulty_reporter"
    fails_in = ""
    called = []

    def __init__(self, options):
        self._call("__init__")
        self.called.clear()

    def _call(self, method):
        self.called.append(method)
        if method == self.fails_in:
            raise RuntimeError("broken reporter")

    def start(self, total, done=0):
        self._call("start")

    def advance(self, finished=1, failed=0):
        self._call("advance")

    def stop(self):
        self._call("stop")


class FaultyGate(AdmissionGate):
    name = "faulty_gate"

    def start(self):
        raise RuntimeError("broken gate")

    def admits(self, active):
        return True


class FaultyScheduler(Scheduler):
    name = "faulty_scheduler"
    in_process = True
    fails_in = ""

    def __init__(self, options):
        self._tasks = []
        self._call("__init__")

    def _call(self, method):
        if method == self.fails_in:
            raise RuntimeError("broken scheduler")

    def start(self, execute):
        self._call("start")
        self._execute = execute

    def free_slots(self):
        self._call("free_slots")
        return 10

    def submit(self, tasks):
        self._call("submit")
        self._tasks.extend(tasks)

    def outcomes(self):
        self._call("outcomes")
        while self._tasks:
            yield self._execute(self._tasks.pop(0))

    def stop(self):
        self._call("stop")

    def wait_closed(self):
        self._call("wait_closed")


class ImpatientScheduler(FaultyScheduler):
    """Calls `check` while it waits, as schedulers with workers do."""

    name = "impatient_scheduler"
    in_process = False
    workers_stay = True

    def outcomes(self):
        self.check()
        yield Outcome(0, None, 0.0, 1.0)


class FaultyWrapMode(WrapMode):
    name = "faulty_mode"
    stores_in_main_process = True
    fails_in = ""

    def __init__(self, options):
        self._call("__init__")

    def _call(self, method):
        if method == self.fails_in:
            raise KeyError("broken wrap mode")

    def start(self, service, mp_context):
        self._service = service
        self._call("start")

    def worker_service(self):
        self._call("worker_service")
        return self._service

    def main_service(self):
        return self._service

    @property
    def url(self):
        self._call("url")

    def accept(self, outcome):
        self._call("accept")

    def check(self):
        self._call("check")

    def stop(self):
        self._call("stop")

    def wait_closed(self):
        self._call("wait_closed")


class FaultyJournal(ExperimentJournal):
    name = "faulty_journal"
    fails_in = ""

    def _call(self, method):
        if method == self.fails_in:
            raise KeyError("broken journal")

    def check_vacant(self, trajectory_name):
        self._call("check_vacant")
        super().check_vacant(trajectory_name)

    def begin(self, environment, snapshot):
        self._call("begin")
        super().begin(environment, snapshot)

    def runs_started(self, indices):
        super().runs_started(indices)
        self._call("runs_started")

    def settle(self, completed):
        super().settle(completed)
        self._call("settle")

    def end(self, *, completed):
        super().end(completed=completed)
        self._call("end")


HOOKS = {
    LoggingSetup: "pypet_register_logging",
    Versioning: "pypet_register_versioning",
    ProgressReporter: "pypet_register_progress_reporters",
    AdmissionGate: "pypet_register_admission_gates",
    Scheduler: "pypet_register_schedulers",
    WrapMode: "pypet_register_wrap_modes",
    Journal: "pypet_register_journals",
}


@pytest.fixture
def make_faulty(make_env, request):
    """Make an environment with one more plugin, which gives a faulty feature."""

    def make(feature, fails_in="", others=(), without=(), **options):
        kind = type(feature.__name__, (feature,), {"fails_in": fails_in})
        hook = next(HOOKS[base] for base in feature.__mro__ if base in HOOKS)
        plugin = type("Plugin", (), {hook: hookimpl(lambda self: [kind])})()
        # A set of disabled names of its own gives a manager of its own.
        name = f"nobody-{request.node.name}"
        disabled = (name, *without)
        manager = get_manager(disabled)
        manager._loader.add(PluginEntry("faulty", "faulty", "faults", "2.1", lambda: plugin))
        for other in others:
            manager._loader.add(other)
        env = make_env(disable_plugins=disabled, **options)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(3)})
        return env

    return make


def return_x(traj):
    return traj.x


def note_of(caught):
    (note,) = caught.value.__notes__
    return note


@pytest.mark.parametrize("feature", [FaultyLogging, FaultyVersioning, FaultyReporter])
def test_a_constructor_that_raises_is_named(make_faulty, feature):
    with pytest.raises(RuntimeError, match="broken") as caught:
        make_faulty(feature, "__init__")
    assert "plugin 'faulty' of faults 2.1" in note_of(caught)
    assert SWITCH in note_of(caught)


@pytest.mark.parametrize(
    ("feature", "method"),
    [
        (FaultyLogging, "start"),
        (FaultyVersioning, "snapshot"),
        (FaultyVersioning, "environment_named"),
    ],
)
def test_what_raises_when_the_environment_is_made_is_named(make_faulty, feature, method):
    with pytest.raises(RuntimeError, match="broken") as caught:
        make_faulty(feature, method)
    assert SWITCH in note_of(caught)


def test_what_raises_when_the_experiment_starts_is_named(make_faulty):
    env = make_faulty(FaultyVersioning, "experiment_started")
    with pytest.raises(RuntimeError, match="broken") as caught:
        env.run(lambda traj: traj.x)
    assert SWITCH in note_of(caught)


METHODS = ["__init__", "start", "free_slots", "submit", "outcomes", "stop", "wait_closed"]


@pytest.mark.parametrize("method", METHODS)
def test_a_scheduler_that_raises_is_named(make_faulty, method):
    env = make_faulty(FaultyScheduler, method, scheduler="faulty_scheduler")
    with pytest.raises(RuntimeError, match="broken") as caught:
        env.run(lambda traj: traj.x)
    assert "scheduler 'faulty_scheduler' (plugin 'faulty' of faults 2.1)" in note_of(caught)
    assert SWITCH in note_of(caught)


@pytest.mark.parametrize("method", ["__init__", "start", "url", "worker_service", "check", "stop"])
def test_a_wrap_mode_that_raises_is_named_once(make_faulty, method):
    env = make_faulty(
        FaultyWrapMode,
        method,
        multiproc=True,
        ncores=2,
        wrap_mode="faulty_mode",
        storage_service="memory",
    )
    with pytest.raises(KeyError, match="broken") as caught:
        env.run(return_x)
    assert "wrap mode 'faulty_mode' (plugin 'faulty' of faults 2.1)" in note_of(caught)
    assert SWITCH in note_of(caught)


def test_what_a_scheduler_is_told_while_it_waits_is_not_its_fault(make_faulty):
    mode = type("Broken", (FaultyWrapMode,), {"fails_in": "check", "name": "broken_mode"})
    plugin = type("Plugin", (), {HOOKS[WrapMode]: hookimpl(lambda self: [mode])})()
    env = make_faulty(
        ImpatientScheduler,
        scheduler="impatient_scheduler",
        wrap_mode="broken_mode",
        storage_service="memory",
        others=[PluginEntry("other", "other", "others", "1.0", lambda: plugin)],
    )
    with pytest.raises(KeyError, match="broken wrap mode") as caught:
        env.run(return_x)
    assert "plugin 'other' of others 1.0" in note_of(caught)


@pytest.mark.parametrize("method", ["check_vacant", "begin", "runs_started", "settle", "end"])
def test_a_journal_that_raises_is_named(make_faulty, tmp_path, method):
    env = make_faulty(
        FaultyJournal,
        method,
        without=["resume"],  # of several journals the first one is used
        resumable=True,
        resume_folder=tmp_path,
        storage_service="hdf5",
    )
    with pytest.raises(KeyError, match="broken") as caught:
        env.run(return_x)
    assert "journal 'faulty_journal' (plugin 'faulty' of faults 2.1)" in note_of(caught)
    assert SWITCH in note_of(caught)


def test_a_gate_that_raises_is_named(make_faulty):
    env = make_faulty(
        FaultyGate, multiproc=True, ncores=2, wrap_mode="LOCAL", storage_service="memory"
    )
    with pytest.raises(RuntimeError, match="broken gate") as caught:
        env.run(lambda traj: traj.x)
    assert SWITCH in note_of(caught)


@pytest.mark.parametrize(
    ("feature", "method"),
    [
        (FaultyLogging, "folders"),
        (FaultyLogging, "stop"),
        (FaultyVersioning, "experiment_finished"),
        (FaultyReporter, "start"),
        (FaultyReporter, "advance"),
        (FaultyReporter, "stop"),
    ],
)
def test_what_raises_in_the_end_or_only_reports_is_logged(make_faulty, caplog, feature, method):
    with make_faulty(feature, method) as env, caplog.at_level(logging.ERROR, "pypet"):
        assert env.run(lambda traj: traj.x) == [(0, 0), (1, 1), (2, 2)]
    assert "broken" in caplog.text
    assert "plugin 'faulty' of faults 2.1" in caplog.text
    assert SWITCH in caplog.text


def test_a_reporter_that_raised_is_only_stopped(make_faulty, caplog):
    make_faulty(FaultyReporter, "start").run(lambda traj: traj.x)
    assert FaultyReporter.called == ["start", "stop"]
    assert caplog.text.count("The experiment continues without the failed feature") == 1
