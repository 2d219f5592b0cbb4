"""What the file notes about a new leaf beside the leaf: overview rows and shared comments."""

from __future__ import annotations

from typing import NamedTuple

from pypet.records import PutNode
from pypet.storage_backends.hdf5.overview.leaf_tables import EXPLORED, OVERVIEWS, SUMMARIES
from pypet.storage_backends.hdf5.overview.summaries import Summary
from pypet.storage_backends.hdf5.overview.tables import explored_row, leaf_row
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


class KeptComment(NamedTuple):
    """The comment that is kept with a leaf."""

    text: str
    summary: Summary | None
    """Where it is to be noted as the first of its kind; None if it is not."""


NO_COMMENT = KeptComment("", None)


class LeafNotes:
    """Decides which comments are kept and which rows are added."""

    __slots__ = ("_cache", "_purge", "_tables")

    def __init__(self, cache: TrajectoryCache, settings: Settings) -> None:
        self._cache = cache
        self._tables = settings.tables
        self._purge = settings.purge_duplicate_comments

    def comment_of_new(self, node: PutNode) -> KeptComment:
        """Return the comment to keep with a new leaf: none if another leaf has the same."""
        comment = node.comment
        if not comment:
            return NO_COMMENT
        branch = node.path.partition(".")[0]
        table = SUMMARIES.get(branch)
        if table is None or not self._tables[table]:
            return KeptComment(comment, None)
        summary = self._cache.summary(branch)
        if summary.knows(comment):
            return NO_COMMENT if self._purge else KeptComment(comment, None)
        return KeptComment(comment, summary)

    def leaf_made(self, node: PutNode, comment: KeptComment) -> None:
        """Note a new leaf in the tables that list it, once all of it is in the file."""
        if comment.summary is not None:
            comment.summary.note(node)
        table = OVERVIEWS.get(node.path.partition(".")[0])
        if table is None:
            return
        if self._tables[table]:
            self._cache.table(table).add(leaf_row(node))
        if node.exploration is not None and self._tables[EXPLORED]:
            self._cache.table(EXPLORED).add(explored_row(node))
