"""Clusters of Dask on this machine."""

from __future__ import annotations

import functools
import tempfile

import pytest

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
def make_env(make_env, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return functools.partial(make_env, scheduler="dask")
