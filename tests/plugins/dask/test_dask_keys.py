"""Keys of network wrap modes do not travel through a Dask cluster whose connections are open."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pypet.errors import WorkerDiedError
from pypet.plugins.dask.scheduler import DaskScheduler
from tests.plugins.dask.clusters import make_cluster

pytest.importorskip("zmq")
pytest.importorskip("h5py")

from pypet.wrap_modes._net import key_files
from pypet.wrap_modes._net.keys import ServerKey

pytestmark = pytest.mark.timeout(120)
MODES = ("NETLOCK", "NETQUEUE")


@pytest.fixture
def secrets(monkeypatch):
    """The keys of servers that were made."""
    made = []
    make = ServerKey.make.__func__

    def noting(cls, zmq):
        key = make(cls, zmq)
        made.append(key)
        return key

    monkeypatch.setattr(ServerKey, "make", classmethod(noting))
    return made


@pytest.fixture
def sent(distributed, monkeypatch):
    """The bytes that Dask was given."""
    given = []
    submit = distributed.Client.submit

    def noting(self, function, *args, **kwargs):
        given.extend(part for part in args if isinstance(part, bytes))
        return submit(self, function, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "submit", noting)
    return given


def key_files_in(folder):
    return list(Path(folder).rglob(".pypet-*.key"))


def store(traj, folder):
    """Return the modes of the key files that are there during a run."""
    traj.f_add_result("z", 2 * traj.x)
    return [stat.S_IMODE(path.stat().st_mode) for path in key_files_in(folder)]


def fail(traj):
    raise ValueError("failed")


def check(secrets, sent, is_there):
    (key,) = secrets
    assert sum(map(len, sent)) > 1000
    for part in (key.token, key.public, key.secret):
        there = any(part in each for each in sent)
        assert there == (is_there and part is not key.secret)


@pytest.mark.parametrize("mode", MODES)
def test_tasks_have_the_name_of_a_file_instead(make_env, client, secrets, sent, tmp_path, mode):
    env = make_env(dask_address=client, wrap_mode=mode, storage_service="hdf5")
    results = env.run(store, str(tmp_path))
    check(secrets, sent, False)
    assert any(b".pypet-" in each for each in sent)
    assert all(modes for _, modes in results)
    if os.name == "posix":
        assert {mode for _, modes in results for mode in modes} == {0o600}
    assert key_files_in(tmp_path) == []
    env.traj.f_load(load_data=2)
    stored = env.traj.f_get_from_runs("z", fast_access=True)
    assert list(stored.values()) == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("mode", MODES)
def test_files_are_removed_after_errors(make_env, client, tmp_path, mode):
    env = make_env(dask_address=client, wrap_mode=mode, storage_service="hdf5", on_error="raise")
    with pytest.raises(ValueError, match="failed"):
        env.run(fail)
    assert key_files_in(tmp_path) == []


def test_an_encrypted_cluster_takes_the_key_along(make_env, secrets, sent, tmp_path):
    env = make_env(2, ncores=1, wrap_mode="NETQUEUE", storage_service="hdf5")
    assert [modes for _, modes in env.run(store, str(tmp_path))] == [[], []]
    check(secrets, sent, True)


def test_a_worker_that_cannot_read_the_file_is_told(make_env, client, tmp_path, monkeypatch):
    write = key_files.write

    def write_into_folder_of_main_process(folders, secret):
        places = write(folders, secret)
        for place in places:
            os.unlink(place)  # for workers it is as if it had never been there
        return places

    monkeypatch.setattr(key_files, "write", write_into_folder_of_main_process)
    env = make_env(dask_address=client, wrap_mode="NETQUEUE", storage_service="hdf5")
    with pytest.raises(WorkerDiedError, match=r"cannot use the key file .* folder that all hosts"):
        env.run(store, str(tmp_path))


def test_whose_connections_are_encrypted(distributed, cluster, client, tmp_path):
    def is_private(address):
        return DaskScheduler.is_private({"dask_address": address})

    assert is_private(None)
    assert is_private("tls://10.0.0.1:8786")
    for address in ("tcp://10.0.0.1:8786", "10.0.0.1:8786", cluster, client):
        assert not is_private(address)
    with (
        make_cluster(distributed, tmp_path / "dask", 1, security=True) as secure,
        distributed.Client(secure, set_as_default=False) as secure_client,
    ):
        assert is_private(secure)
        assert is_private(secure_client)
        with distributed.Client(
            secure.scheduler_address, security=secure.security, set_as_default=False
        ) as linked:
            assert is_private(linked)
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as linked:
        assert not is_private(linked)
