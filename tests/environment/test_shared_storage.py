"""What wrap modes report about runs that were not stored."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from types import SimpleNamespace

import pytest

from pypet.environment.plugin_set import PluginSet
from pypet.interfaces import StorageService, WrapMode, adapted
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.storage_backends.lazy import LazyStorageService
from tests.environment.file_per_run import FilePerRun
from tests.processes import run_until_killed


class LostRunsError(RuntimeError):
    def __init__(self, runs):
        super().__init__(f"runs {runs} were lost")
        self.runs = runs


class Lossy(WrapMode):
    """Hands the service out as it is, and says at the end that runs were lost."""

    name = "LOSSY"
    lost = ()
    refused = ()
    helper_died = False
    accepted = []

    def start(self, service, mp_context):
        self.service = service

    def worker_service(self):
        return self.service

    @staticmethod
    def collect(trajectory):
        return f"references of {trajectory.v_crun}"

    def accept(self, outcome):
        self.accepted.append(outcome.payload)
        if outcome.index in self.refused:
            raise OSError("disk full")

    def check(self):
        if self.helper_died:
            raise RuntimeError("the writer is gone")

    def stop(self):
        lost, self.lost = self.lost, ()
        if lost:
            raise LostRunsError(lost)


class Plugin:
    def __init__(self, mode):
        self.mode = mode

    @hookimpl
    def pypet_register_wrap_modes(self):
        return [self.mode]


class Unsafe(FilePerRun):
    multiproc_safe = False


@pytest.fixture(params=[{"use_pool": True}, {}], ids=["pool", "process"])
def make(request, make_env, tmp_path):
    def make(mode, **options):
        service = Unsafe(tmp_path)
        own = f"with mode {id(mode)}"  # switches nothing off, but makes a manager of its own
        get_manager((own,)).register(Plugin(mode), own)
        parallel = {"multiproc": True, "ncores": 2, "wrap_mode": mode.name, **request.param}
        env = make_env(storage_service=service, disable_plugins=(own,), **parallel, **options)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(4)})
        return env

    return make


def identity(traj):
    return traj.x


def test_what_travels_home_is_accepted_for_every_run(make):
    class Mode(Lossy):
        accepted = []

    make(Mode).run(identity)
    assert sorted(Mode.accepted) == [f"references of run_{i:08d}" for i in range(4)]


def test_runs_that_were_lost_are_incomplete_and_raised(make):
    class Mode(Lossy):
        lost = (1, 2)

    env = make(Mode, on_error="raise")
    service = env.traj.v_storage_service
    with pytest.raises(LostRunsError):
        env.run(identity)
    assert [env.traj.f_is_completed(i) for i in range(4)] == [1, 0, 0, 1]
    assert env.traj.v_storage_service is service
    assert env.current_idx == 1


def test_runs_that_were_lost_may_be_left_out(make, caplog):
    class Mode(Lossy):
        lost = (1, 2)

    assert make(Mode, on_error="continue").run(identity) == [(0, 0), (3, 3)]
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "Data of 2 runs was not stored" in errors


def test_a_run_that_is_not_accepted_has_failed(make):
    class Mode(Lossy):
        refused = (3,)

    env = make(Mode, on_error="continue")
    assert env.run(identity) == [(0, 0), (1, 1), (2, 2)]
    assert not env.traj.f_is_completed(3)


def never_end(traj):
    run_until_killed()


def test_a_dead_helper_ends_the_experiment_and_its_active_runs(make):
    class Mode(Lossy):
        helper_died = True

    with pytest.raises(RuntimeError, match="the writer is gone"):
        make(Mode).run(never_end)


def test_losses_do_not_hide_the_error_of_a_run(make, caplog):
    class Mode(Lossy):
        lost = (0,)

    with pytest.raises(ZeroDivisionError):
        make(Mode, on_error="raise").run(divide_by_zero)
    assert "data of runs was lost" in caplog.text


def divide_by_zero(traj):
    return 1 / 0


def log_of(caplog, make_env, **options):
    with caplog.at_level(logging.INFO, "pypet"):
        env = make_env(multiproc=True, ncores=1, **options)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        env.run(lambda traj: None)
        env.current_idx = 0
        env.traj.f_expand({"x": [3]})
        env.run(lambda traj: None)
    return caplog.text


def test_a_wrap_mode_that_is_named_but_not_used_is_logged_once(caplog, make_env):
    text = log_of(caplog, make_env, storage_service="lazy", wrap_mode="QUEUE")
    assert text.count("wrap_mode='QUEUE' is not used: storage service 'lazy' is safe") == 1
    assert "force_wrap_mode=True" in text


def test_the_default_wrap_mode_is_only_said_to_be_unnecessary(caplog, make_env):
    text = log_of(caplog, make_env, storage_service="lazy")
    assert "'lazy' needs no wrap mode" in text
    assert "is not used" not in text


def test_a_wrap_mode_can_be_forced(caplog, make_env):
    options = {"storage_service": "lazy", "wrap_mode": "LOCAL", "force_wrap_mode": True}
    text = log_of(caplog, make_env, **options)
    assert "is not used" not in text
    assert "needs no wrap mode" not in text


def test_an_unsafe_service_without_wrap_mode_is_warned_of_once(caplog, make_env, tmp_path):
    pytest.importorskip("h5py")
    place = {"storage_service": "hdf5", "filename": str(tmp_path / "data.hdf5")}
    text = log_of(caplog, make_env, wrap_mode="NONE", **place)
    assert text.count("although it is not safe for many processes") == 1


def test_safety_on_one_host_does_not_count_on_several():
    class Service(StorageService):
        multiproc_safe = True

    class Scheduler:
        def __init__(self, reaches):
            self.reaches_other_hosts = lambda options: reaches

    def shares(service, *, reaches, force=False):
        plugins = SimpleNamespace(options={"force_wrap_mode": force}, scheduler=Scheduler(reaches))
        return PluginSet.shares_directly(plugins, service)

    assert shares(Service(), reaches=False)
    assert not shares(Service(), reaches=True)
    assert not shares(Service(), reaches=False, force=True)
    assert not shares(StorageService(), reaches=False)
    everywhere = Service()
    everywhere.multihost_safe = True
    assert shares(everywhere, reaches=True)
    # What a user wrote for the established interface says `multiproc_safe` and nothing else.
    own = adapted(SimpleNamespace(store=print, multiproc_safe=True))
    assert shares(own, reaches=True)


class SafeElsewhere(LazyStorageService):
    """Knows only when it is made that it is safe for several hosts."""

    name = "safe_elsewhere"
    multiproc_safe = multihost_safe = False

    def __init__(self, place="here"):
        super().__init__()
        self.multiproc_safe = self.multihost_safe = place == "anywhere"


@pytest.fixture(scope="module")
def executor():
    with ProcessPoolExecutor(1) as executor:
        yield executor


def test_a_service_that_is_safe_everywhere_needs_no_mode_that_works_across_hosts(
    make_env, executor
):
    env = make_env(scheduler=executor, storage_service=SafeElsewhere, place="anywhere")
    env.traj.f_add_parameter("x", 1)
    env.traj.f_explore({"x": [1, 2]})
    assert env.run(identity) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("options", [{"place": "here"}, {"force_wrap_mode": True}])
def test_a_service_that_needs_an_unfit_mode_is_refused_before_anything_runs(
    make_env, executor, options
):
    place = {"place": "anywhere", **options}
    with pytest.raises(ValueError, match=r"wrap_mode='LOCK' works .* across hosts, for example"):
        make_env(scheduler=executor, storage_service=SafeElsewhere, **place)


def test_a_service_that_is_attached_later_may_need_the_mode(make_env, executor):
    env = make_env(scheduler=executor, storage_service=SafeElsewhere, place="anywhere")
    env.traj.v_storage_service = SafeElsewhere("here")
    with pytest.raises(ValueError, match="multihost_safe"):
        env.run(identity)
