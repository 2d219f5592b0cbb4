"""The key of network wrap modes, where others can read what workers are sent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("zmq")
pytest.importorskip("h5py")

from pypet.plugins.executor import ExecutorScheduler
from pypet.plugins.pool import PoolScheduler
from pypet.plugins.scoop import ScoopScheduler
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.wrap_modes._net import key_files, keys
from pypet.wrap_modes._net.keys import WorkerKey
from pypet.wrap_modes.netlock import NetLockWrapMode
from pypet.wrap_modes.netqueue import NetQueueWrapMode
from pypet.wrap_modes.netqueue.channel import Channel
from tests.processes import wait_until

MODES = {"NETLOCK": NetLockWrapMode, "NETQUEUE": NetQueueWrapMode}
SECRET = b"s" * 72

on_posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are a matter of POSIX")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Neither the folder of the file nor the current one has anything else in it."""
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    yield
    keys._from_files.cache_clear()


@pytest.fixture
def service(tmp_path):
    return HDF5StorageService(filename=str(tmp_path / "data" / "data.hdf5"))


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]({"is_private": False})


def files(folder):
    return sorted(folder.rglob(".pypet-*.key"))


def key_of(mode):
    """Return the key of a server, which nobody else should see."""
    return mode._key


def test_a_pickle_has_the_names_of_files_and_these_have_the_key(mode, service, tmp_path):
    mode.start(service, multiprocessing.get_context())
    try:
        shared = mode.worker_service()
        token = key_of(mode).token
        pickled = pickle.dumps(shared, 5)
        found = files(tmp_path)
        assert [path.parent.name for path in found] == ["current", "data"]
        assert token not in pickled
        assert key_of(mode).public not in pickled
        assert all(str(path).encode() in pickled for path in found)
        for path in found:
            assert token in path.read_bytes()
            if os.name == "posix":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
        again = pickle.loads(pickled)
        assert token not in pickle.dumps(again, 5)  # a worker may pass it on
        found[-1].unlink()
        found[0].unlink()
        pickle.loads(pickled)  # a process reads the key once
    finally:
        mode.stop()
        mode.wait_closed()


@pytest.mark.parametrize("name", MODES)
def test_there_is_no_file_if_tasks_are_private(service, tmp_path, name):
    mode = MODES[name]({})
    mode.start(service, multiprocessing.get_context())
    try:
        assert files(tmp_path) == []
        assert key_of(mode).token in pickle.dumps(mode.worker_service(), 5)
    finally:
        mode.stop()
        mode.wait_closed()


def test_files_are_removed_in_the_end(mode, service, tmp_path):
    mode.start(service, multiprocessing.get_context())
    assert len(files(tmp_path)) == 2
    mode.stop()
    assert files(tmp_path) == []
    mode.wait_closed()


def test_files_are_removed_if_nothing_can_listen(service, tmp_path):
    for kind in MODES.values():
        mode = kind({"is_private": False, "port": "tcp://192.0.2.7:7777"})
        with pytest.raises(OSError, match=r"192\.0\.2\.7"):
            mode.start(service, multiprocessing.get_context())
        assert files(tmp_path) == []


def _start_and_be_killed(kind, service, ready):
    kind({"is_private": False}).start(service, multiprocessing.get_context())
    ready.send(True)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize("name", MODES)
def test_files_are_removed_if_the_main_process_is_killed(service, tmp_path, name):
    ready, tells = multiprocessing.Pipe(duplex=False)
    arguments = (MODES[name], service, tells)
    process = multiprocessing.Process(target=_start_and_be_killed, args=arguments)
    process.start()
    tells.close()
    assert ready.poll(60)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    wait_until(lambda: files(tmp_path) == [])


def test_one_folder_that_can_be_written_is_enough(tmp_path):
    (tmp_path / "file").touch()
    (place,) = key_files.write([tmp_path / "file" / "folder", tmp_path], SECRET)
    assert Path(place).parent == tmp_path
    assert key_files.read(["/nowhere/key", place]) == SECRET
    with pytest.raises(OSError, match=r"No key file can be written: .*hosts share"):
        key_files.write([tmp_path / "file" / "folder"], SECRET)


def test_a_worker_without_the_file_gets_advice(tmp_path):
    with pytest.raises(PermissionError, match=r"on host .* key file .*lost\.key \(No such file"):
        key_files.read([str(tmp_path / "lost.key")])
    key = pickle.dumps(WorkerKey(b"s" * 40, b"t" * 32, (str(tmp_path / "lost.key"),)))
    with pytest.raises(PermissionError, match="encrypt the connection"):
        pickle.loads(key)


@on_posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    (place,) = key_files.write([tmp_path], SECRET)
    os.chmod(place, mode)
    with pytest.raises(PermissionError, match=f"mode {mode:04o}"):
        key_files.read([place])


@on_posix
def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    (place,) = key_files.write([tmp_path], SECRET)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(PermissionError, match=f"belongs to user {other - 1}, not to {other}"):
        key_files.read([place])


@on_posix
def test_links_and_pipes_are_refused(tmp_path):
    (place,) = key_files.write([tmp_path], SECRET)
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(place)
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe):
        with pytest.raises(PermissionError, match="cannot use the key file"):
            key_files.read([str(path)])


@on_posix
def test_whatever_the_umask_is_only_the_user_can_read(tmp_path):
    former = os.umask(0)
    try:
        (place,) = key_files.write([tmp_path], SECRET)
    finally:
        os.umask(former)
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600


@on_posix
def test_a_file_system_without_modes_gets_no_key(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fchmod", lambda descriptor, mode: os.chmod(descriptor, 0o666))
    with pytest.raises(OSError, match="mode 0666"):
        key_files.write([tmp_path], SECRET)
    assert list(tmp_path.glob(".pypet-*")) == []


def test_a_file_that_is_no_key_is_reported(tmp_path):
    (place,) = key_files.write([tmp_path], b"something else")
    with pytest.raises(ValueError, match="not a key file of pypet"):
        pickle.loads(pickle.dumps(WorkerKey(b"", b"", (place,))))


def test_another_experiment_at_the_same_port_has_another_key():
    # In a worker that stays: a server with a fixed port has the same address every time.
    first, second = (WorkerKey(b"s" * 40, token * 32) for token in (b"1", b"2"))
    url = "tcp://127.0.0.1:7777"
    kept = pickle.loads(pickle.dumps(Channel(url, first)))
    assert pickle.loads(pickle.dumps(Channel(url, first))) is kept
    assert pickle.loads(pickle.dumps(Channel(url, second)))._socket.key == second


# ----- whose tasks are private ---------------------------------------------------------------


def test_what_stays_on_this_host_is_private():
    assert PoolScheduler.is_private({})
    with ProcessPoolExecutor(1) as executor:
        assert ExecutorScheduler.is_private({"scheduler": executor})


def test_what_may_travel_in_the_open_is_not():
    assert not ScoopScheduler.is_private({})
    with ThreadPoolExecutor(1) as executor:  # stands for one that nobody knows
        assert not ExecutorScheduler.is_private({"scheduler": executor})
