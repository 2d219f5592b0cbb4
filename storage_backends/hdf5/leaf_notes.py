"""What the file notes about a new leaf beside the leaf: overview rows and shared comments."""

from __future__ import annotations

from pypet.records import PutNode
from pypet.storage_backends.hdf5.leaf_tables import EXPLORED, OVERVIEWS, SUMMARIES
from pypet.storage_backends.hdf5.overview import explored_row, leaf_row
from pypet.storage_backends.hdf5.settings import Settings
from pypet.storage_backends.hdf5.trajectory_cache import TrajectoryCache


class LeafNotes:
    """Decides which comments are kept and which rows are added."""

    __slots__ = ("_cache", "_purge", "_tables")

    def __init__(self, cache: TrajectoryCache, settings: Settings) -> None:
        self._cache = cache
        self._tables = settings.tables
        self._purge = settings.purge_duplicate_comments

    def comment_of_new(self, node: PutNode) -> str:
        """Return the comment to keep with a new leaf: none if another leaf has the same."""
        comment = node.comment
        if not comment:
            return ""
        branch = node.path.partition(".")[0]
        table = SUMMARIES.get(branch)
        if table is None or not self._tables[table]:
            return comment
        summary = self._cache.summary(branch)
        if summary.knows(comment):
            return "" if self._purge else comment
        summary.note(node)
        return comment

    def leaf_made(self, node: PutNode) -> None:
        """Note a new leaf in the tables that list it."""
        table = OVERVIEWS.get(node.path.partition(".")[0])
        if table is None:
            return
        if self._tables[table]:
            self._cache.table(table).add(leaf_row(node))
        if node.exploration is not None and self._tables[EXPLORED]:
            self._cache.table(EXPLORED).add(explored_row(node))
