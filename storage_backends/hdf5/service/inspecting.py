"""Looking into a file that may be damaged, or anybody's, without making nodes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pypet.encoding.unpickling import Unpickling
from pypet.records import Item, MetaRecord, StoredNode
from pypet.storage_backends.hdf5.files.damage import damage_told, telling_damage
from pypet.storage_backends.hdf5.files.exclusion import stepwise
from pypet.storage_backends.hdf5.service.held_file import HeldFile

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile
    from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit


class Inspecting(HeldFile, ABC):
    """The part of the service that tells what a file holds, whatever can be loaded of it."""

    _unpickle: str
    size_limit: int | None

    @abstractmethod
    def _new_limit(self, file: OpenFile) -> SizeLimit | None:
        """Return what values are charged to."""

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

        with self.file_lock, self._held_for_reading() as file:
            self._check_known(file, trajectory)
            damage = OverviewDamage(file.path, trajectory, notes_refusals=True)
            with damage_told(file.path, lambda: f"The overview of trajectory {trajectory!r}"):
                meta = read_overview(
                    file,
                    trajectory,
                    Unpickling(self._unpickle),
                    damage,
                    with_runs=True,
                    limit=self._new_limit(file),
                )
            return meta, damage.found

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

        with ExitStack() as held:
            with self.file_lock:
                file = held.enter_context(self._held_for_reading())
                self._check_known(file, trajectory)
            nodes = telling_damage(
                inspected_nodes(file, trajectory),
                file.path,
                lambda: f"Trajectory {trajectory!r}",
            )
            yield from stepwise(nodes, self.file_lock)

    def inspect_items(self, trajectory: str, path: str) -> tuple[Item, ...]:
        """Return the items of the leaf at ``path``, whatever is wrong with its attributes.

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

        with self.file_lock, self._held_for_reading() as file:
            self._check_known(file, trajectory)
            with damage_told(file.path, lambda: f"Node {path!r} of trajectory {trajectory!r}"):
                return leaf_items(
                    file,
                    trajectory,
                    path,
                    Unpickling(self._unpickle),
                    self.size_limit,
                    checksums=self._settings.checksums,
                )
