"""Search for items of the same name in all runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from pypet.errors import (
    DataNotInStorageError,
    NoSuchServiceError,
    NotUniqueNodeError,
    StorageFormatError,
)
from pypet.pypetconstants import LEAF, LIST, LOAD_DATA, LOAD_NOTHING, LOAD_SKELETON
from pypet.support.readable import joined
from pypet.support.spelling import did_you_mean
from pypet.trajectory.run_control import enter_run
from pypet.tree.node import NO_RUN_BRANCH
from pypet.tree.storage import load_data_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.trajectory.state import TrajectoryState

_logger = logging.getLogger(__name__)
_NOTHING = object()
_MOST_LOOKED_AT = 10_000
_MOST_SHOWN = 10


class RunSearch:
    """Looks for items of one name in the runs of a trajectory."""

    def __init__(
        self,
        trajectory: TrajectoryState,
        name: str,
        options: dict[str, Any],
        include_default_run: bool,
        auto_load: bool,
    ) -> None:
        self._trajectory = trajectory
        self._tree = trajectory._tree
        self._name = name
        self._options = options
        self._include_default_run = include_default_run
        self._auto_load = auto_load
        self._unloaded: list[Any] = []
        """Results without data, to be loaded all at once."""
        self.items: dict[int, Any] = {}
        """What was found, by run index."""
        self.missing: list[int] = []
        """Runs in which nothing was found."""

    def look_into(self, indices: Iterable[int]) -> None:
        """Search the runs with these indices in memory."""
        trajectory, items = self._trajectory, self.items
        dummy = self._tree.wildcards.run_name(-1)
        links = self._links_by_name() if self._options["with_links"] else {}
        missing: list[int] = []
        for idx in indices:
            enter_run(trajectory, idx)
            item = self._search(trajectory._run_name or dummy, links)
            if item is _NOTHING:
                missing.append(idx)
                if self._include_default_run:
                    item = self._search(dummy, links)
            if item is not _NOTHING:
                items[idx] = item
        self.missing = missing

    def item_of_current_run(self) -> Any:
        """Return the item of the run that the trajectory is in, None if it has none in memory."""
        item = self._search(self._trajectory.v_crun_, {})
        return None if item is _NOTHING else item

    def may_be_stored(self) -> bool:
        """Return whether to look for it in the storage: completed runs lack it in memory."""
        if not self._auto_load or not self._trajectory._stored:
            return False
        return any(map(self._trajectory._runs.completed, self.missing))

    def load_data(self) -> None:
        """Load the data of all results that were found without, in one message."""
        leaves = {id(leaf): leaf for leaf in self._unloaded}
        if leaves:
            trajectory = self._trajectory
            order = {"load_data": LOAD_DATA}
            storage_service_of(trajectory).load(
                LIST,
                [(LEAF, leaf, (), order) for leaf in leaves.values()],
                trajectory_name=trajectory._name,
            )

    def values(self) -> dict[int, Any]:
        """Return the values of leaves that support fast access, and other items as they are."""
        values = {}
        unloaded = 0
        for idx, item in self.items.items():
            if item._is_leaf:
                if item.f_supports_fast_access():
                    if item._is_parameter and item.f_has_range():
                        enter_run(self._trajectory, idx)
                    item = item.f_get()
                elif item._means_none():
                    item = None
                elif item._stored and item.f_is_empty():
                    unloaded += 1
            values[idx] = item
        if unloaded:
            _logger.warning(
                "%d of %d items called `%s` have no data in memory, so they are returned instead "
                "of their values. Load them by `auto_load=True`, or before by `load_results=2`.",
                *(unloaded, len(values), self._name),
            )
        return values

    def check_name(self) -> None:
        """Raise if no run has anything of this name, whatever the other arguments exclude.

        Raises
        ------
        AttributeError, DataNotInStorageError
            No run has.
        """
        tree = self._tree
        name = str(self._name).rpartition(".")[2]
        name = tree.wildcards.parse(name).components[-1]
        if name in tree.links or tree.wildcards.knows(name):
            return
        dummy = tree.wildcards.dummy
        known: set[str] = set()
        for node in islice(tree.root.f_iter_nodes(with_links=False), _MOST_LOOKED_AT):
            if _is_within_run(node, dummy):
                known.add(node._name)
        if any(_is_within_run(node, dummy) for node in tree.index.below(name, tree.root)):
            return
        where = f"No run of trajectory `{tree.root._name}` has `{self._name}`"
        if not known:
            text = f"{where}: no runs are in memory"
            if self._auto_load:
                text += " or in the storage"
            elif tree.root._stored:
                text += ". Load them, for example by `load_results=1`, or give `auto_load=True`"
        else:
            shown = joined([f"`{each}`" for each in sorted(known)], _MOST_SHOWN)
            text = f"{where}. There are {shown}.{did_you_mean(name, known)}"
        raise DataNotInStorageError(text) if self._auto_load else AttributeError(text)

    def _links_by_name(self) -> dict[str, list[Any]]:
        links: dict[str, list[Any]] = {}
        for _, link_name, target in self._tree.links:
            links.setdefault(link_name, []).append(target)
        return links

    def _search(self, run_name: str, links: dict[str, list[Any]]) -> Any:
        """Return the one item below the groups of a run."""
        depth = self._options["max_depth"]
        if depth is not None and depth < 1:
            return _NOTHING
        tree = self._tree
        nodes = chain(tree.index.below(run_name, tree.root), links.get(run_name, ()))
        item: Any = _NOTHING
        for group in nodes:
            other: Any = _NOTHING if group._is_leaf else self._item_in(group)
            if other is _NOTHING:
                continue
            if item is not _NOTHING and other is not item:
                raise NotUniqueNodeError(
                    f"{self._name!r} is not unique in run `{run_name}`: there are "
                    f"`{item._full_name}` and `{other._full_name}`. Give more of the path."
                )
            item = other
        return item

    def _item_in(self, group: Any) -> Any:
        """Return the item below one group; the data of results is loaded later."""
        try:
            item = group.f_get(self._name, **self._options)
            if self._auto_load and item._is_leaf and item.f_is_empty():
                if item._stored and not item._is_parameter:
                    self._unloaded.append(item)
                else:
                    load_data_of(self._tree, item)
        except NotUniqueNodeError:
            raise
        except (AttributeError, DataNotInStorageError):
            return _NOTHING
        return item


def _is_within_run(node: Any, dummy: str) -> bool:
    if node._run_branch != NO_RUN_BRANCH:
        return bool(node._name != node._run_branch)
    return dummy in node._full_name.split(".")[:-1]


def load_tree_of_runs(trajectory: TrajectoryState) -> bool:
    """Load all nodes that may belong to runs, without data; return whether that is possible."""
    try:
        trajectory.f_load(
            load_parameters=LOAD_NOTHING,
            load_derived_parameters=LOAD_SKELETON,
            load_results=LOAD_SKELETON,
            load_other_data=LOAD_SKELETON,
            with_meta_data=False,
        )
    except StorageFormatError:
        raise
    except (NoSuchServiceError, ValueError) as error:
        _logger.debug("The tree of runs cannot be loaded: %s", error)
        return False
    return True
