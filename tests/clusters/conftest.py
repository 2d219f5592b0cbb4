"""Beds, each started when a test first asks for it and ended with the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.clusters.bed import reason_to_skip
from tests.clusters.grid_engine import GridEngine
from tests.clusters.hosts import Hosts
from tests.clusters.slurm import Slurm

NUMBER_OF_HOSTS = 4


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> Iterator[Slurm]:
    """A Slurm of three nodes."""
    yield from _bed(Slurm, tmp_path_factory)


@pytest.fixture(scope="session")
def grid_engine(tmp_path_factory) -> Iterator[GridEngine]:
    """A Grid Engine of one node with 8 slots."""
    yield from _bed(GridEngine, tmp_path_factory)


@pytest.fixture(scope="session")
def hosts(tmp_path_factory) -> Iterator[Hosts]:
    """Hosts ``head``, ``w1``, ``w2`` and ``w3``."""
    yield from _bed(Hosts, tmp_path_factory, str(NUMBER_OF_HOSTS))


@pytest.fixture
def fault_row(request):
    """A function that puts a row into the table of faults, see `faults_table.py`."""

    def put(**row: object) -> None:
        request.node.user_properties.append(("fault", row))

    return put


def _bed(kind, tmp_path_factory, *arguments):
    reason = reason_to_skip(kind.programs)
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp(kind.__name__)
    with contextlib.closing(kind(folder, *arguments)) as bed:
        yield bed
