"""What plugins are told while an experiment runs."""

from __future__ import annotations

import math
import os

import pytest

from pypet.interfaces import Versioning
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.plugins._workers.process_executor import ProcessExecutor
from pypet.wrap_modes._local.writer_mode import WriterMode

# A name that no plugin has gives an experiment a plugin manager of its own.
pytestmark = pytest.mark.filterwarnings("ignore:disable_plugins. there is no plugin")


class Listener:
    """Notes everything that it is told."""

    def __init__(self):
        self.told = []

    @hookimpl
    def pypet_environment_created(self, environment):
        self.told.append(("created", environment.traj.v_name))

    @hookimpl
    def pypet_experiment_started(self, environment):
        self.told.append(("started", environment.traj.f_get("x").v_locked))

    @hookimpl
    def pypet_runs_started(self, environment, indices):
        self.told.append(("runs", list(indices)))

    @hookimpl
    def pypet_runs_finished(self, environment, outcomes):
        self.told.append(("done", [(outcome.index, outcome.value) for outcome in outcomes]))

    @hookimpl
    def pypet_runs_failed(self, environment, outcomes):
        self.told.append(("failed", [type(outcome.error) for outcome in outcomes]))

    @hookimpl
    def pypet_experiment_finished(self, environment, completed):
        self.told.append(("finished", completed))


@pytest.fixture
def listen(make_env, monkeypatch):
    """Make an environment that a listener is told about."""

    # However slow the machine is, outcomes are gathered until there is a reason to tell.
    monkeypatch.setattr("pypet.environment.run_loop.BATCH_SECONDS", math.inf)

    def listen(listener, **options):
        # A set of disabled names of its own gives a manager of its own.
        name = f"nobody-{id(listener)}"
        get_manager((name,)).register(listener, f"listener-{id(listener)}")
        env = make_env(disable_plugins=(name,), **options)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(3)})
        return env

    return listen


def test_a_whole_experiment(listen):
    listener = Listener()
    listen(listener).run(lambda traj: traj.x)
    assert listener.told == [
        ("created", "test"),
        ("started", True),
        ("runs", [0, 1, 2]),
        ("done", [(0, 0), (1, 1), (2, 2)]),
        ("finished", True),
    ]


def fail_at_one(traj):
    if traj.v_idx == 1:
        raise ZeroDivisionError
    return traj.x


def test_an_experiment_that_ends_with_an_error(listen):
    listener = Listener()
    with pytest.raises(ZeroDivisionError):
        listen(listener).run(fail_at_one)
    assert listener.told[3:] == [
        ("done", [(0, 0)]),
        ("failed", [ZeroDivisionError]),
        ("finished", False),
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are functions that cannot be pickled")
def test_an_interrupt_while_processes_end_hides_nothing(listen, monkeypatch, tmp_path):
    pytest.importorskip("h5py")
    waited = []

    def interrupted(mode, original=WriterMode.wait_closed):
        original(mode)
        raise KeyboardInterrupt

    def wait_closed(scheduler, original=ProcessExecutor.wait_closed):
        waited.append(scheduler)
        original(scheduler)

    monkeypatch.setattr(WriterMode, "wait_closed", interrupted)
    monkeypatch.setattr(ProcessExecutor, "wait_closed", wait_closed)
    listener = Listener()
    storage = {"storage_service": "hdf5", "filename": str(tmp_path / "data.hdf5")}
    env = listen(listener, multiproc=True, ncores=1, wrap_mode="QUEUE", **storage)
    with pytest.raises(KeyboardInterrupt):
        env.run(lambda traj: None)
    assert len(waited) == 1
    assert listener.told[-1] == ("finished", True)


def test_who_waits_long_enough_is_told_early(listen, monkeypatch):
    listener = Listener()
    env = listen(listener)
    monkeypatch.setattr("pypet.environment.run_loop.BATCH_SECONDS", 0)
    env.run(lambda traj: traj.x)
    assert listener.told[3:] == [*(("done", [(i, i)]) for i in range(3)), ("finished", True)]


def test_an_experiment_with_a_failed_run(listen):
    listener = Listener()
    listen(listener, on_error="continue").run(fail_at_one)
    assert listener.told[3:] == [
        ("done", [(0, 0)]),
        ("failed", [ZeroDivisionError]),
        ("done", [(2, 2)]),
        ("finished", False),
    ]


def test_arguments_that_are_drawn_one_by_one_are_told_one_by_one(listen):
    listener = Listener()
    listen(listener).run_map(lambda traj, a: a, iter("abc"))
    assert [what for what in listener.told if what[0] == "runs"] == [
        ("runs", [0]),
        ("runs", [1]),
        ("runs", [2]),
    ]


def test_a_faulty_listener_does_not_stop_the_experiment(listen, caplog):
    class Faulty:
        @hookimpl
        def pypet_runs_finished(self, environment, outcomes):
            raise RuntimeError("broken listener")

    assert len(listen(Faulty()).run(lambda traj: 1)) == 3
    assert "broken listener" in caplog.text


class NotingVersioning(Versioning):
    """Makes a revision and notes when it is called."""

    name = "noting"
    told: list = []

    def __init__(self, options):
        self.told.clear()

    def snapshot(self, environment):
        self.told.append(("snapshot", environment.traj.v_name))
        return "c0ffee" + "0" * 34

    def environment_named(self, environment):
        self.told.append(("named", environment.name[:19]))

    def experiment_started(self, environment):
        self.told.append("started")

    def experiment_finished(self, environment):
        self.told.append("finished")


class VersioningPlugin:
    @hookimpl
    def pypet_register_versioning(self):
        return [NotingVersioning]


def test_versioning_gives_the_hash_and_records_the_experiment(listen):
    env = listen(VersioningPlugin())
    assert env.hexsha.startswith("c0ffee0")
    assert env.name.startswith("environment_c0ffee0_")
    env.run(lambda traj: 1)
    named = ("named", "environment_c0ffee0")
    assert NotingVersioning.told == [("snapshot", "test"), named, "started", "finished"]


def test_versioning_records_no_failed_experiment(listen):
    env = listen(VersioningPlugin(), on_error="continue")
    env.run(fail_at_one)
    assert "started" in NotingVersioning.told
    assert "finished" not in NotingVersioning.told
