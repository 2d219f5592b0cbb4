"""Reading a file without making nodes of it: to inspect, verify or salvage it.

The file may be damaged, or written by anybody.
"""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.records import (
    GROUP,
    LEAF,
    Digest,
    Finding,
    Item,
    MetaRecord,
    PutMeta,
    StoredNode,
    StoreRequest,
)
from pypet.storage_backends.hdf5.files.damage import damage_reported, reporting_damage
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK, stepwise
from pypet.storage_backends.hdf5.service.reading import Reading

if TYPE_CHECKING:
    from pypet.records.run_rows import RunSelection


class Inspecting(Reading, ABC):
    """The part of the service that shows what a file holds, whether or not it can be loaded."""

    def inspect_meta(self, trajectory: str) -> tuple[MetaRecord, tuple[str, ...]]:
        """Return the data about a trajectory, and what had to be rebuilt of its overview.

        Annotations are left out, since they may be pickled.

        Raises
        ------
        ValueError
            There is no such file or trajectory.
        StorageFormatError
            The file, or the group of the trajectory, cannot be read.
        """
        from pypet.storage_backends.hdf5.trajectories.meta_reading import read_overview
        from pypet.storage_backends.hdf5.trajectories.rebuilding import OverviewDamage

        with self.file_lock, self._opened_for_reading() as file:
            self._check_known(file, trajectory)
            damage = OverviewDamage(file.path, trajectory, notes_refusals=True)
            with damage_reported(file.path, lambda: f"The overview of trajectory {trajectory!r}"):
                meta = read_overview(
                    file,
                    trajectory,
                    UnpicklingPolicy(self._unpickle),
                    damage,
                    with_runs=True,
                    limit=self._new_limit(file),
                )
            return meta, damage.found

    def inspect_runs(self, trajectory: str, select: RunSelection) -> MetaRecord | None:
        """Return the data about a trajectory with the rows of some runs; see `InspectsRuns`."""
        from pypet.storage_backends.hdf5.trajectories.meta_reading import read_some_runs

        with self.file_lock, self._opened_for_reading() as file:
            self._check_known(file, trajectory)
            with damage_reported(file.path, lambda: f"The overview of trajectory {trajectory!r}"):
                policy = UnpicklingPolicy(self._unpickle)
                return read_some_runs(file, trajectory, policy, select, self._new_limit(file))

    def inspect_digests(self) -> Iterator[tuple[str, Digest | Exception]]:
        """Yield name and digest of each trajectory; see `RecordBackend.inspect_digests`.

        The file is opened once. Of an overview that is as it should be, few columns are read.
        """
        from pypet.storage_backends.hdf5.trajectories.cache import trajectory_names
        from pypet.storage_backends.hdf5.trajectories.meta_reading import read_digest

        with self.file_lock, self.reading():
            assert self._read_from is not None
            file = self._read_from
            policy = UnpicklingPolicy(self._unpickle)
            found = [
                (name, read_digest(file, name, policy, self._new_limit(file)))
                for name in trajectory_names(file)
            ]
            yield from [(name, digest or self._digest(name)) for name, digest in found]

    def inspect_nodes(self, trajectory: str) -> Iterator[StoredNode]:
        """Yield all nodes of a trajectory without values, damaged ones with what is wrong.

        Raises
        ------
        ValueError
            There is no such file or trajectory.
        StorageFormatError
            The file, or the group of the trajectory, cannot be read.
        """
        from pypet.storage_backends.hdf5.nodes.inspection import inspected_nodes

        with ExitStack() as stack:
            with self.file_lock:
                file = stack.enter_context(self._opened_for_reading())
                self._check_known(file, trajectory)
            nodes = reporting_damage(
                inspected_nodes(file, trajectory),
                file.path,
                lambda: f"Trajectory {trajectory!r}",
            )
            yield from stepwise(nodes, self.file_lock)

    def inspect_items(self, trajectory: str, path: str) -> tuple[Item, ...]:
        """Return the items of the leaf at ``path``, also if its attributes are damaged.

        The limit of sizes is for this leaf alone.

        Raises
        ------
        ValueError
            There is no such file or trajectory.
        RefusedPickleError
            Something that pandas or PyTables would unpickle may not be.
        StorageFormatError
            An item is damaged, or not in the file, or takes too much memory.
        """
        from pypet.storage_backends.hdf5.nodes.inspection import leaf_items

        with self.file_lock, self._opened_for_reading() as file:
            self._check_known(file, trajectory)
            with damage_reported(file.path, lambda: f"Node {path!r} of trajectory {trajectory!r}"):
                return leaf_items(
                    file,
                    trajectory,
                    path,
                    UnpicklingPolicy(self._unpickle),
                    self.size_limit,
                    checksums=self._settings.checksums,
                )

    def has_pending_commit(self) -> bool:
        """Return whether a writer was killed during a commit, which the next opening completes.

        Raises
        ------
        OSError
            There is no such file, or it may not be read.
        """
        from pypet.storage_backends.hdf5.files.process_locks import try_to_share
        from pypet.storage_backends.hdf5.files.redo_log import read_log

        descriptor = os.open(self._filename, os.O_RDONLY)
        try:
            # A commit that is under way has a log, too, but also the exclusive lock.
            return try_to_share(descriptor) and read_log(descriptor) is not None
        finally:
            os.close(descriptor)

    def has_writer(self) -> bool | None:
        """Return whether a process has the file open for writing; None where there are no locks.

        Those of processes on other hosts are seen if the file system has locks across hosts.

        Raises
        ------
        OSError
            There is no such file, or it may not be read.
        """
        from pypet.storage_backends.hdf5.files.process_locks import has_writer

        descriptor = os.open(self._filename, os.O_RDONLY)
        try:
            return has_writer(descriptor)
        finally:
            os.close(descriptor)

    def verify(self, trajectory: str) -> Iterator[Finding]:
        """Yield what is wrong with a trajectory; see `RecordBackend.verify`.

        All groups and datasets are opened, all values read and compared with their checksums, and
        the run table is compared with the groups of runs. Memory is needed for one leaf at a
        time.
        """
        from pypet.storage_backends.hdf5.nodes.verification import (
            NodeVerifier,
            findings_about_overview,
            findings_about_runs,
            stored_runs,
        )

        meta, rebuilt = self.inspect_meta(trajectory)
        yield from findings_about_overview(rebuilt)
        with ExitStack() as stack:
            stack.enter_context(self.reading())
            with self.file_lock:
                file = stack.enter_context(self._opened_for_reading())
            verifier = NodeVerifier(file, trajectory)
            # All of them at first: to read some frames, the file is closed and opened again.
            nodes = list(self.inspect_nodes(trajectory))
            for node in nodes:
                yield from stepwise(verifier.findings(node), self.file_lock)
        yield from findings_about_runs(meta, stored_runs(nodes))

    def salvage(
        self, target: Inspecting, trajectory: str, without: Collection[str]
    ) -> tuple[list[str], list[str]]:
        """Copy what is sound of a trajectory into the new file of another service.

        ``without`` are full names of leaves to leave out, as `verify` has found them. Nothing is
        unpickled. Returns the full names of the nodes that were copied, and of leaves that could
        not be.

        Raises
        ------
        RuntimeError
            The other file has a trajectory of this name.
        StorageFormatError
            Nothing of the trajectory can be read.
        """
        from pypet.storage_backends.hdf5.nodes.copying import copy_sound_nodes

        meta, _ = self.inspect_meta(trajectory)
        assert meta.runs is not None
        nodes = list(self.inspect_nodes(trajectory))
        target.adopt_settings(meta.settings)
        # Annotations are copied as they are.
        put = PutMeta(meta.info, {}, meta.runs, meta.explorations, meta.settings, is_new=True)
        with (
            self.exclusive(target),
            FORK_LOCK,
            self._opened_for_reading() as file,
            target.kept_open(trajectory),
        ):
            target.apply(StoreRequest(trajectory, (put,)))
            lost = copy_sound_nodes(file, target.kept_file, target, trajectory, nodes, without)
        absent = {*lost, *without}
        copied = [
            node.path for node in nodes if node.kind in (GROUP, LEAF) and node.path not in absent
        ]
        return copied, lost
