"""What is remembered about one trajectory while its file is open."""

from __future__ import annotations

from h5py import h5g

from pypet import pypetconstants as constants
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import has_child, hdf5_path, is_link
from pypet.storage_backends.hdf5.overview.leaf_tables import SUMMARIES
from pypet.storage_backends.hdf5.overview.summaries import Summary
from pypet.storage_backends.hdf5.overview.tables import OverviewTable

MOST_GROUPS = 512
"""More open groups would only fill memory; the next ones are opened afresh."""


class TrajectoryCache:
    """Open groups, overview tables and known comments of one trajectory.

    Made and used by the one process that has the file open; all of it can be found again in the
    file.
    """

    def __init__(self, file: OpenFile, name: str) -> None:
        self.file = file
        self.name = name
        self.groups: dict[str, h5g.GroupID] = {}
        """Groups that are open, by full name; '' is the trajectory itself."""
        self.is_writable = False
        """Whether the overview tables are known to be such that rows can be added."""
        self._tables: dict[str, OverviewTable] = {}
        self._summaries: dict[str, Summary] = {}

    # ----- groups --------------------------------------------------------------------------

    def exists(self) -> bool:
        """Return whether the file has the trajectory."""
        return "" in self.groups or self.group("") is not None

    def group(self, path: str) -> h5g.GroupID | None:
        """Return the group of the node at ``path``, None if there is none or it is a link."""
        group = self.groups.get(path)
        if group is not None:
            return group
        if path:
            parent_path, _, name = path.rpartition(".")
            parent = self.group(parent_path)
        else:
            parent, name = self.file.id, self.name
        raw = name.encode("utf8")
        if parent is None or not has_child(parent, raw) or is_link(parent, raw):
            return None
        return self.remember(path, h5g.open(parent, raw))

    def remember(self, path: str, group: h5g.GroupID) -> h5g.GroupID:
        """Keep a group that was opened or made."""
        if len(self.groups) >= MOST_GROUPS:
            root = self.groups.get("")
            self.groups.clear()
            if root is not None:
                self.groups[""] = root
        self.groups[path] = group
        return group

    def forget(self, path: str) -> None:
        """Drop the groups at and below ``path``: they are to be removed."""
        below = path + "."
        for known in [key for key in self.groups if key == path or key.startswith(below)]:
            del self.groups[known]

    def hdf5_path(self, path: str) -> bytes:
        """Return the absolute path in the file of the node at ``path``."""
        return hdf5_path(self.name, path)

    # ----- tables --------------------------------------------------------------------------

    def table(self, name: str) -> OverviewTable:
        """Return one of the overview tables, whether or not the file has it."""
        table = self._tables.get(name)
        if table is None:
            cap = constants.HDF5_MAX_OVERVIEW_TABLE_LENGTH
            table = self._tables[name] = OverviewTable(self, name, cap)
        return table

    def summary(self, branch: str) -> Summary:
        """Return the comments of a branch, one of `leaf_tables.SUMMARIES`."""
        summary = self._summaries.get(branch)
        if summary is None:
            summary = Summary(self, self.file.memory, self.name, SUMMARIES[branch])
            self._summaries[branch] = summary
        return summary

    # ----- the end -------------------------------------------------------------------------

    def write_pending(self) -> None:
        """Write the rows of all tables that were only noted."""
        for table in self._tables.values():
            table.write_pending()
        for summary in self._summaries.values():
            summary.write_pending()

    def forget_tables(self) -> None:
        """Drop what is known about tables: they may have been made anew."""
        self.write_pending()
        self._tables.clear()
        self._forget_summaries()

    def forget_handles(self) -> None:
        """Drop everything that is open in the file."""
        self.groups.clear()

    def end(self) -> None:
        """Keep what is useful when the file, which is closed for good, is opened again."""
        self._forget_summaries()

    def _forget_summaries(self) -> None:
        for summary in self._summaries.values():
            summary.remember()
        self._summaries.clear()
