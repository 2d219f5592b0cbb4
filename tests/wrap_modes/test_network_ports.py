"""Where the servers of NETLOCK and NETQUEUE listen."""

from __future__ import annotations

import multiprocessing
import socket

import pytest

from pypet import Environment, load_trajectory

pytest.importorskip("zmq")
pytest.importorskip("h5py")

from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.wrap_modes._net.addresses import own_host
from pypet.wrap_modes.netlock import NetLockWrapMode
from pypet.wrap_modes.netqueue import NetQueueWrapMode

MODES = {"NETLOCK": NetLockWrapMode, "NETQUEUE": NetQueueWrapMode}


@pytest.fixture(params=MODES)
def url_with(request, tmp_path):
    """A function that starts a mode with options and returns where it listens."""

    def start(**options):
        mode = MODES[request.param](options)
        try:
            service = HDF5StorageService(filename=str(tmp_path / "data.hdf5"))
            mode.start(service, multiprocessing.get_context())
            return mode.url
        finally:
            mode.stop()
            mode.wait_closed()
            assert mode.url is None

    return start


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_of(url):
    return int(url.rpartition(":")[2])


def test_by_default_only_this_machine_reaches_any_free_port(url_with):
    assert url_with().startswith("tcp://127.0.0.1:")
    assert port_of(url_with(port=None)) > 0


def test_a_number_is_the_port(url_with, free_port):
    assert url_with(port=free_port) == f"tcp://127.0.0.1:{free_port}"


def test_a_port_of_a_range_is_taken(url_with, free_port):
    assert port_of(url_with(port=(free_port, free_port + 1))) == free_port
    assert port_of(url_with(port=(free_port, free_port))) == free_port


@pytest.mark.parametrize("where", ["127.0.0.1:{}", "*:{}", "0.0.0.0:{}"])
def test_an_address_is_taken_as_it_is(url_with, free_port, where):
    url = url_with(port=f"tcp://{where.format(free_port)}")
    host = "127.0.0.1" if where.startswith("127") else own_host()
    assert url == f"tcp://{host}:{free_port}"


def test_an_address_without_a_port_gets_a_free_one(url_with):
    url = url_with(port="tcp://127.0.0.1")
    assert url.startswith("tcp://127.0.0.1:")
    assert port_of(url) > 0


def test_workers_on_other_hosts_get_an_address_of_this_one(url_with):
    url = url_with(across_hosts=True)
    assert url.rpartition(":")[0] == f"tcp://{own_host()}"


@pytest.mark.parametrize("is_range", [False, True])
def test_a_port_in_use_is_an_error_that_says_so(url_with, is_range):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"port=.*{port}.*in use"):
            url_with(port=(port, port + 1) if is_range else port)


def test_an_address_of_another_host_is_an_error(url_with):
    with pytest.raises(OSError, match=r"tcp://192\.0\.2\.7:7777"):
        url_with(port="tcp://192.0.2.7:7777")


def store(traj):
    traj.f_add_result("z", traj.x)


@pytest.mark.parametrize("mode", MODES)
def test_the_config_says_where_the_latest_server_listened(tmp_path, mode):
    filename, noted = str(tmp_path / "data.hdf5"), []
    with Environment(
        "ports",
        filename=filename,
        multiproc=True,
        use_pool=True,
        wrap_mode=mode,
        ncores=1,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [0, 1]})
        for more in ({"x": [2]}, None):
            env.run(store)
            noted.append(env.traj.f_get(f"config.environment.{env.name}.url").f_get())
            stored = load_trajectory("ports", filename=filename, load_data=2)
            assert stored.f_get(f"config.environment.{env.name}.url").f_get() == noted[-1]
            if more:
                env.traj.f_expand(more)
    assert all(url.startswith("tcp://127.0.0.1:") for url in noted)
    assert noted[0] != noted[1]


@pytest.fixture
def make_env(tmp_path):
    def make(mode, port):
        return Environment(
            "ports",
            filename=str(tmp_path / "data.hdf5"),
            multiproc=True,
            use_pool=True,
            wrap_mode=mode,
            ncores=1,
            port=port,
            log_config=None,
            report_progress=False,
        )

    return make


def url_of(env):
    return env.traj.f_get_default(
        f"config.environment.{env.name}.url", shortcuts=False, fast_access=True
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("port", ["{}", "tcp://127.0.0.1:{}", "tcp://*:{}", "range"])
def test_the_config_has_an_address_that_is_given_before_the_first_run(
    make_env, free_port, mode, port
):
    given = port.format(free_port)
    if port == "range":
        given = (free_port, free_port + 1)
    elif given.isdigit():
        given = int(given)
    with make_env(mode, given) as env:
        host = own_host() if "*" in port else "127.0.0.1"
        before = url_of(env)
        assert before == f"tcp://{host}:{free_port}"
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [0, 1]})
        env.run(store)
        assert url_of(env) == before


@pytest.mark.parametrize("port", [None, (7000, 7100), "tcp://127.0.0.1", "tcp://127.0.0.1:*"])
def test_it_has_none_as_long_as_any_port_may_be_taken(make_env, port):
    with make_env("NETQUEUE", port) as env:
        assert url_of(env) is None


def test_a_fixed_port_is_expected_at_the_address_that_other_hosts_know():
    for mode in MODES.values():
        url = mode.fixed_url({"port": 7777, "across_hosts": True})
        assert url == f"tcp://{own_host()}:7777"
