"""Handling of the messages to ``store``: collecting operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.records import CommitRun, DeleteItems, DeleteLink, DeleteNode, PutMeta
from pypet.runs import run_table_of
from pypet.runs.serialization import to_rows
from pypet.services.request_builder import RequestBuilder, annotations_of
from pypet.services.settings import read_settings
from pypet.tree.node import parent_of
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import explored_parameters_of, info_of

if TYPE_CHECKING:
    from pypet.tree.typed_groups import RootGroup

_LEVELS = (
    constants.STORE_NOTHING,
    constants.STORE_DATA_SKIPPING,
    constants.STORE_DATA,
    constants.OVERWRITE_DATA,
)


def _store_trajectory(
    builder: RequestBuilder,
    traj: RootGroup,
    only_init: bool = False,
    store_data: int = constants.STORE_DATA,
    max_depth: int | None = None,
) -> None:
    _check_level(store_data, max_depth)
    settings = read_settings(traj, builder.service.config_group)
    builder.service.adopt_settings(settings)
    builder.add(
        PutMeta(
            info_of(traj),
            annotations_of(traj),
            to_rows(run_table_of(traj), changed_only=traj.v_stored),
            tuple(explored_parameters_of(traj)),
            settings,
            not traj.v_stored,
            store_data == constants.OVERWRITE_DATA,
        ),
        traj,
    )
    builder.run_table = run_table_of(traj)
    if not only_init and store_data != constants.STORE_NOTHING:
        builder.put_below(traj, store_data, with_links=True, depth_left=max_depth)


def _prepare_merge(
    builder: RequestBuilder,
    traj: RootGroup,
    changed_parameters: Iterable[str],
    old_length: int,
    **_: Any,
) -> None:
    """Write the longer run table and the ranges of the parameters that a merge changed."""
    _store_trajectory(builder, traj, only_init=True)
    for name in changed_parameters:
        builder.put_leaf(tree_of(traj).leaves[name], constants.OVERWRITE_DATA)


def _store_single_run(
    builder: RequestBuilder,
    traj: RootGroup,
    recursive: bool = True,
    store_data: int = constants.STORE_DATA,
    max_depth: int | None = None,
    commit: CommitRun | None = None,
) -> None:
    _check_level(store_data, max_depth)
    for node in tree_of(traj).new_nodes.values():
        if not node.v_stored and (max_depth is None or node.v_depth <= max_depth):
            builder.put_node(node, store_data)
    for (location, name), target in tree_of(traj).new_links.items():
        group = traj if not location else tree_of(traj).get_node(location)
        if max_depth is None or group.v_depth < max_depth:
            builder.put_link(group, name, target)
    builder.commit = commit


def _store_tree(
    builder: RequestBuilder,
    parent: Any,
    child_name: str,
    store_data: int = constants.STORE_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
    **_: Any,
) -> None:
    _check_level(store_data, max_depth)
    if max_depth is not None and max_depth <= 0:
        return
    if not parent.v_is_root and not parent.v_stored:
        builder.put_path(parent, constants.STORE_DATA_SKIPPING)
    node = parent
    for depth, name in enumerate(child_name.split("."), start=1):
        if max_depth is not None and depth > max_depth:
            return
        group, node = node, node.f_get_children(copy=False)[name]
        if name in group.f_get_links(copy=False):
            if with_links:
                builder.put_link(group, name, node)
            return
        builder.put_node(node, store_data)
    if recursive and not node.v_is_leaf:
        left = None if max_depth is None else max_depth - depth
        builder.put_below(node, store_data, with_links=with_links, depth_left=left)


def _store_group(
    builder: RequestBuilder,
    group: Any,
    store_data: int = constants.STORE_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
    **_: Any,
) -> None:
    _check_level(store_data, max_depth)
    if not group.v_is_root:
        builder.put_path(group, store_data)
    if recursive:
        builder.put_below(group, store_data, with_links=with_links, depth_left=max_depth)


def _store_leaf(
    builder: RequestBuilder,
    leaf: Any,
    store_data: int = constants.STORE_DATA,
    store_flags: Mapping[str, str] | None = None,
    overwrite: bool | str | Iterable[str] | None = None,
    with_links: bool = False,
    recursive: bool = False,
    **options: Any,
) -> None:
    _check_level(store_data)
    missing = parent_of(leaf)
    if missing is not None and not missing.v_is_root and not missing.v_stored:
        builder.put_path(missing, constants.STORE_DATA_SKIPPING)
    builder.put_leaf(
        leaf,
        store_data,
        flags=store_flags,
        overwrite=_names_to_overwrite(leaf, overwrite),
        options=options,
    )


def _names_to_overwrite(
    leaf: Any, overwrite: bool | str | Iterable[str] | None
) -> bool | frozenset[str]:
    if not overwrite:
        return False
    if overwrite is True:
        return True
    if isinstance(overwrite, str):
        return frozenset((overwrite,))
    if isinstance(overwrite, list | tuple | set | frozenset):
        return frozenset(overwrite)
    raise ValueError(
        f"`overwrite` for {leaf.v_full_name!r} takes True, an item name or a list of item names, "
        f"not {overwrite!r}."
    )


def _store_list(
    builder: RequestBuilder, entries: Iterable[tuple[Any, ...]], *args: Any, **kwargs: Any
) -> None:
    for message, item, own_args, own_kwargs in split_entries(entries, args, kwargs):
        preparer = PREPARERS.get(message)
        if preparer is None or preparer in (_store_list, _store_trajectory):
            raise NoSuchServiceError(
                f"Message {message!r} cannot be part of a list; a list may store "
                f"{', '.join(sorted(PREPARERS))}."
            )
        preparer(builder, item, *own_args, **own_kwargs)


def _delete(
    builder: RequestBuilder,
    node: Any,
    delete_only: str | Iterable[str] | None = None,
    remove_from_item: bool = False,
    recursive: bool = False,
    **_: Any,
) -> None:
    path = node.v_full_name
    if delete_only is None:
        builder.add(DeleteNode(path, recursive))
        return
    if not node.v_is_leaf:
        raise ValueError(f"`delete_only` takes parts of a leaf, but {path!r} is a group.")
    names = (delete_only,) if isinstance(delete_only, str) else tuple(delete_only)
    builder.add(DeleteItems(path, names))
    if remove_from_item:
        for name in names:
            if name in node:
                node.f_remove(name)


def _delete_link(builder: RequestBuilder, path: str, **_: Any) -> None:
    builder.add(DeleteLink(path))


PREPARERS: dict[str, Callable[..., None]] = {
    constants.TRAJECTORY: _store_trajectory,
    constants.PREPARE_MERGE: _prepare_merge,
    constants.SINGLE_RUN: _store_single_run,
    constants.TREE: _store_tree,
    constants.GROUP: _store_group,
    constants.LEAF: _store_leaf,
    constants.LIST: _store_list,
    constants.DELETE: _delete,
    constants.DELETE_LINK: _delete_link,
}
"""Message -> the function that collects its operations."""


# ----- arguments -------------------------------------------------------------------------------


def _check_level(level: Any, max_depth: Any = None) -> None:
    """Raise for wrong values of ``store_data`` and ``max_depth``.

    Raises
    ------
    ValueError
        The level is invalid.
    TypeError
        The depth is not a number.
    """
    if level not in _LEVELS:
        raise ValueError(
            f"store_data={level!r}: a level is one of 0 (nothing), 1 (what was not stored before), "
            "2 (what is new), and 3 (overwrite everything)."
        )
    check_depth(max_depth)


def check_depth(max_depth: Any) -> None:
    """Raise TypeError unless a ``max_depth`` is None or a number."""
    if max_depth is not None and not isinstance(max_depth, Integral):
        raise TypeError(f"max_depth={max_depth!r}: give a number of levels, or None for all.")


def split_entries(
    entries: Iterable[tuple[Any, ...]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterable[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]:
    """Yield message, item, arguments and keywords of each entry of a LIST message.

    ``args`` and ``kwargs`` serve entries that bring none of their own.

    Raises
    ------
    RuntimeError
        An entry has fewer than two or more than four parts.
    """
    for entry in entries:
        if not 2 <= len(entry) <= 4:
            raise RuntimeError(
                "An entry of a LIST message is (message, item[, args[, kwargs]]), not one of "
                f"{len(entry)} parts: {entry!r}."
            )
        own_args = entry[2] if len(entry) > 2 else args
        own_kwargs = entry[3] if len(entry) > 3 else kwargs
        yield entry[0], entry[1], tuple(own_args or ()), dict(own_kwargs or {})
