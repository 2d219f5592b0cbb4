"""Clusters of Dask on this machine."""

from __future__ import annotations

import tempfile

import pytest

from pypet import Environment
from tests.plugins.dask.clusters import make_cluster


@pytest.fixture(scope="session")
def distributed():
    return pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(distributed, tmp_path_factory):
    with make_cluster(distributed, tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(distributed, cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def doomed(distributed, tmp_path):
    """A client whose workers die in a test."""
    with (
        make_cluster(distributed, tmp_path / "dask") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def make_env(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def make(length=6, **options):
        defaults = {
            "scheduler": "dask",
            "storage_service": "memory",
            "wrap_mode": "LOCAL",
            "log_config": None,
            "report_progress": False,
        }
        env = Environment("test", **{**defaults, **options})
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(length)})
        return env

    return make
