"""A storage in memory and requests of runs, for tests of the journal."""

from __future__ import annotations

import numpy as np

from pypet.plugins.resume.journal.following import Follower
from pypet.plugins.resume.journal.segments import SegmentWriter, SharedSegmentWriter
from pypet.plugins.resume.journal.service import JournaledService
from pypet.records import CommitRun, StoreRequest
from pypet.storage_backends.memory import MemoryStorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, array, leaf, meta


def storage():
    """Return a service that has an empty trajectory."""
    service = MemoryStorageService()
    service.apply(StoreRequest(TRAJ, (meta(),)))
    return service


def journaled(folder, service, *, shared=False, committed=()):
    """Return a service that journals into a folder, and its segment."""
    segment = (SharedSegmentWriter if shared else SegmentWriter)(str(folder))
    follower = Follower(str(folder)) if shared else None
    journal = JournaledService(
        service, str(folder), segment, committed=set(committed), follower=follower, interval=0.2
    )
    return journal, segment


def put(run, name, value, **kwargs):
    """Return the operation that stores a result of a run."""
    return leaf(f"results.runs.run_{run:08d}.{name}", array("data", np.asarray(value)), **kwargs)


def data(run, *operations, started=1.0):
    """Return a request in the middle of a run."""
    return StoreRequest(TRAJ, operations, run=run, started=started)


def commit(run, *operations, started=1.0, value=b"value"):
    """Return the last request of a run."""
    done = CommitRun(started + 1, "f" * 40, value)
    return StoreRequest(TRAJ, operations, run=run, started=started, commit=done)


def contents(service):
    """Return the values of all leaves of runs by the path below ``results.runs``."""
    found = {}
    records = service.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=lambda path: True)
    for record in records:
        if record.path.startswith("results.runs.") and record.items:
            (item,) = record.items
            found[record.path.removeprefix("results.runs.run_")] = item.value.tolist()
    return found
