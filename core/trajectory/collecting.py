"""Collecting items of the same name from all runs."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from itertools import chain
from typing import Any

from pypet.errors import DataNotInStorageError, NotUniqueNodeError
from pypet.support.decorators import kwargs_api_change, not_in_run
from pypet.trajectory.state import TrajectoryState
from pypet.tree.leaf import value_or_leaf

_logger = logging.getLogger(__name__)
_NOTHING = object()


class Collecting(TrajectoryState):
    """The part of a trajectory that looks through its runs."""

    __slots__ = ()

    @kwargs_api_change("backwards_search")
    @kwargs_api_change("where")
    @not_in_run
    def f_get_from_runs(
        self,
        name: str,
        include_default_run: bool = True,
        use_indices: bool = False,
        fast_access: bool = False,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> OrderedDict[Any, Any]:
        """Return what is called ``name`` in each run, by run name or, if so wanted, by index.

        Runs come in their order; runs without such an item are left out. The item is searched
        below every group that is called like the run, wherever it is, and with
        ``include_default_run``, if it is not found there, below the groups of the dummy run.
        ``max_depth`` counts from the parent of the run group. The other arguments are those of
        `f_get`.

        Raises
        ------
        NotUniqueNodeError
            There are several such items in one run.
        """
        found: OrderedDict[Any, Any] = OrderedDict()
        current = self._idx
        dummy = self._tree.wildcards.run_name(-1)
        options = {
            "with_links": with_links,
            "shortcuts": shortcuts,
            "max_depth": None if max_depth is None else max_depth - 1,
            "auto_load": auto_load,
        }
        links = self._links_by_name() if with_links else {}
        try:
            with self._storage_at_hand() if auto_load else nullcontext():
                for idx in self._runs.indices:
                    self._enter_run(idx)
                    run_name = self._run_name or dummy
                    item = self._search_run(run_name, name, options, links)
                    if item is _NOTHING and include_default_run:
                        item = self._search_run(dummy, name, options, links)
                    if item is not _NOTHING:
                        if fast_access and item._is_leaf:
                            item = value_or_leaf(item)
                        found[idx if use_indices else run_name] = item
        finally:
            if current < 0:
                self._leave_run()
            else:
                self._enter_run(current)
        return found

    @contextmanager
    def _storage_at_hand(self) -> Iterator[None]:
        """Open the storage once for all that is loaded within a ``with`` block."""
        with ExitStack() as stack:
            reading = getattr(self._storage_service, "reading", nullcontext)
            try:
                stack.enter_context(reading())
            except (OSError, ValueError) as error:
                _logger.debug("Nothing can be loaded, maybe nothing has to be: %s", error)
            yield

    def _links_by_name(self) -> dict[str, list[Any]]:
        links: dict[str, list[Any]] = {}
        for _, link_name, target in self._tree.links:
            links.setdefault(link_name, []).append(target)
        return links

    def _search_run(
        self, run_name: str, name: str, options: dict[str, Any], links: dict[str, list[Any]]
    ) -> Any:
        """Return the one item called ``name`` below the groups of a run."""
        if options["max_depth"] is not None and options["max_depth"] < 1:
            return _NOTHING
        item: Any = _NOTHING
        for group in chain(self._tree.index.below(run_name, self), links.get(run_name, ())):
            if group._is_leaf:
                continue
            try:
                other = group.f_get(name, **options)
            except NotUniqueNodeError:
                raise
            except (AttributeError, DataNotInStorageError):
                continue
            if item is not _NOTHING and other is not item:
                raise NotUniqueNodeError(
                    f"{name!r} is not unique in run `{run_name}`: there are "
                    f"`{item._full_name}` and `{other._full_name}`. Give more of the path."
                )
            item = other
        return item
