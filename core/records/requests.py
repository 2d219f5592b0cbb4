"""Store requests: everything that one storing call changes, complete in itself.

Applying a request twice has the effect of applying it once. Who applies one again, or the
requests of a journal from its beginning, says so with ``replayed=True``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet.records.items import Item
from pypet.records.meta import Info
from pypet.records.run_rows import RunRows

NO_RUN = -1


class Exploration(NamedTuple):
    """What an overview shows about an explored parameter."""

    length: int
    summary: str


class PutNode(NamedTuple):
    """Create a group or leaf, or add to it.

    Parents that are missing are created as plain groups. What exists is never changed unless
    ``overwrite`` says so: then items of these names (with True all items given here), and with
    True also annotations and comment, are replaced.
    """

    path: str
    is_leaf: bool
    class_name: str | None
    comment: str
    annotations: Mapping[str, Any]
    items: tuple[Item, ...]
    overwrite: bool | frozenset[str] = False
    summary: str | None = None
    """One line about the value, for overviews of people; None if none is wanted."""
    exploration: Exploration | None = None
    options: Mapping[str, Any] = {}
    """Creation options for the writer of the backend, as given with one storing call."""
    call: int = 0
    """Which call that was, if options were given: the same number means the same call, applied
    again. A backend that adds to what is there for these options does so once for each number."""


class PutLink(NamedTuple):
    """Create a link at ``path`` to the node of full name ``target``, unless the place is taken."""

    path: str
    target: str


class PutMeta(NamedTuple):
    """Write the data about the trajectory itself, creating it if it is new."""

    info: Info
    annotations: Mapping[str, Any]
    runs: RunRows
    explorations: tuple[str, ...]
    settings: Mapping[str, Any]
    """Values found under ``config.<config_group of the service>``, by relative dotted name."""
    is_new: bool
    """The trajectory was never stored: its name must be free."""
    overwrite: bool = False
    """Replace annotations and comment of the root."""


class DeleteNode(NamedTuple):
    """Remove a node; one with children only if ``recursive``."""

    path: str
    recursive: bool


class DeleteItems(NamedTuple):
    """Remove single items of a leaf; names that it does not have are reported as warnings."""

    path: str
    names: tuple[str, ...]


class DeleteLink(NamedTuple):
    """Remove a link, not its target."""

    path: str


Operation = PutNode | PutLink | PutMeta | DeleteNode | DeleteItems | DeleteLink


class CommitRun(NamedTuple):
    """The end of a run of a resumable experiment: everything that it stored counts from now on."""

    finished: float
    """In seconds since the epoch."""
    hexsha: str
    """SHA-1 of the environment that executed the run."""
    value: bytes
    """What the run function returned, as the journal encodes it."""


class StoreRequest(NamedTuple):
    """Operations on one trajectory, applied in their order."""

    trajectory: str
    operations: tuple[Operation, ...]
    replayed: bool = False
    """The request, and others after it, may have been applied before: what it would delete may
    be gone, or be replaced by something newer, and that is no error."""
    run: int = NO_RUN
    """Index of the run that stores; `NO_RUN` outside of runs."""
    started: float = 0.0
    """Start time of that run, which distinguishes several attempts at it."""
    commit: CommitRun | None = None
    """Of the last request of a run, for the journal of the experiment (`pypet.interfaces.Journal`).
    Without a journal, runs are not committed, and services ignore it."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.operations and self.commit is None
