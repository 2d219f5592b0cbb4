"""Handling of the messages to ``load``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.records import LINK
from pypet.services.node_loader import NodeLoader
from pypet.services.settings import replace_settings
from pypet.services.store_messages import check_depth, split_entries
from pypet.tree.node import set_stored
from pypet.tree.typed_groups import adopt_meta, load_errors_of, root_of

if TYPE_CHECKING:
    from pypet.tree.typed_groups import RootGroup

_LEVELS = (
    constants.LOAD_NOTHING,
    constants.LOAD_SKELETON,
    constants.LOAD_DATA,
    constants.OVERWRITE_DATA,
)


def _load_trajectory(
    loader: NodeLoader,
    traj: RootGroup,
    as_new: bool,
    load_parameters: int,
    load_derived_parameters: int,
    load_results: int,
    load_other_data: int,
    recursive: bool,
    max_depth: int | None,
    with_run_information: bool,
    with_meta_data: bool,
    force: bool,
) -> None:
    levels = {
        "config": constants.LOAD_NOTHING if as_new else load_parameters,
        "parameters": load_parameters,
        "derived_parameters": load_derived_parameters,
        "results": load_results,
    }
    for level in (*levels.values(), load_other_data):
        _check_level(level, max_depth)
    if as_new and (
        load_parameters != constants.LOAD_DATA
        or load_derived_parameters
        or load_results
        or load_other_data
    ):
        raise ValueError(
            "A trajectory can be loaded as new only with the data of its parameters and nothing "
            "else: load_parameters=2 and 0 for derived parameters, results and other data."
        )
    loader.set_root(traj)
    loader.as_new = as_new
    meta = loader.service.read_meta(loader.trajectory, with_runs=with_meta_data)
    if with_meta_data:
        load_errors_of(traj).clear()
        service = loader.service
        service.adopt_settings(meta.settings)
        replace_settings(traj, service.config_group, meta.settings)
        adopt_meta(
            traj, meta, as_new=as_new, with_run_information=with_run_information, force=force
        )
    set_stored(traj, not as_new)
    if not any(levels.values()) and not load_other_data:
        return
    if max_depth is not None and max_depth < 1:
        return
    _load_branches(loader, levels, load_other_data, recursive, max_depth)


def _load_branches(
    loader: NodeLoader,
    levels: dict[str, int],
    other: int,
    recursive: bool,
    max_depth: int | None,
) -> None:
    children = list(loader.read_records("", constants.LOAD_SKELETON, recursive=True, max_depth=1))
    links = [record for record in children if record.kind == LINK]
    depth = None if max_depth is None else max_depth - 1
    for record in children:
        if not record.path or record.kind == LINK:
            continue
        level = levels.get(record.path, other)
        if level != constants.LOAD_NOTHING:
            loader.load_nodes(record.path, level, recursive=recursive, max_depth=depth)
    if other != constants.LOAD_NOTHING:
        for record in links:
            loader.place_link(record, other)


def _load_tree(
    loader: NodeLoader,
    parent: Any,
    child_name: str,
    load_data: int = constants.LOAD_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
    **_: Any,
) -> None:
    _check_level(load_data, max_depth)
    if load_data == constants.LOAD_NOTHING or (max_depth is not None and max_depth <= 0):
        return
    loader.set_root(parent.v_root)
    names = child_name.split(".")
    if max_depth is not None:
        names, max_depth = names[:max_depth], max(max_depth - len(names), 0)
    path = loader.load_path(parent.v_full_name, names, load_data, with_links=with_links)
    loader.load_nodes(
        path, load_data, recursive=recursive, max_depth=max_depth, with_links=with_links
    )


def _load_group(
    loader: NodeLoader,
    group: Any,
    load_data: int = constants.LOAD_DATA,
    with_links: bool = True,
    recursive: bool = False,
    max_depth: int | None = None,
    **_: Any,
) -> None:
    _check_level(load_data, max_depth)
    if load_data == constants.LOAD_NOTHING:
        return
    loader.set_root(group.v_root)
    loader.load_nodes(
        group.v_full_name,
        load_data,
        recursive=recursive,
        max_depth=max_depth,
        with_links=with_links,
    )


def _load_leaf(
    loader: NodeLoader,
    leaf: Any,
    load_data: int = constants.LOAD_DATA,
    load_only: str | Iterable[str] | None = None,
    load_except: str | Iterable[str] | None = None,
    load_flags: Mapping[str, str] | None = None,
    **_: Any,
) -> None:
    _check_level(load_data)
    if load_data == constants.LOAD_NOTHING:
        return
    if load_only is not None and load_except is not None:
        raise ValueError(
            f"Load {leaf.v_full_name!r} either with `load_only` or with `load_except`, not both."
        )
    root = root_of(leaf)
    if root is None:
        raise ValueError(f"{leaf!r} is part of no trajectory, so nothing can be loaded into it.")
    loader.set_root(root)
    loader.flags = load_flags
    if load_only is None and load_except is None:
        loader.load_nodes(leaf.v_full_name, load_data, recursive=False)
    else:
        loader.load_items(leaf, _names(load_only), _names(load_except))
    loader.flags = None


def _names(names: str | Iterable[str] | None) -> frozenset[str] | None:
    if names is None:
        return None
    if isinstance(names, str):
        return frozenset((names,))
    try:
        return frozenset(names)
    except TypeError:
        raise TypeError(
            f"`load_only` and `load_except` take names of items, not {names!r}."
        ) from None


def _load_list(
    loader: NodeLoader, entries: Iterable[tuple[Any, ...]], *args: Any, **kwargs: Any
) -> None:
    for message, item, own_args, own_kwargs in split_entries(entries, args, kwargs):
        load = LOADERS.get(message)
        if load is None or load in (_load_list, _load_trajectory):
            raise NoSuchServiceError(
                f"Message {message!r} cannot be part of a list; a list may load "
                f"{', '.join(sorted(LOADERS))}."
            )
        load(loader, item, *own_args, **own_kwargs)


def _check_level(level: Any, max_depth: Any = None) -> None:
    """Raise for wrong values of a load level and ``max_depth``."""
    if level not in _LEVELS:
        raise ValueError(
            f"A load level is one of 0 (nothing), 1 (nodes without data), 2 (data that is not in "
            f"memory), and 3 (replace everything), not {level!r}."
        )
    check_depth(max_depth)


LOADERS: dict[str, Callable[..., None]] = {
    constants.TRAJECTORY: _load_trajectory,
    constants.TREE: _load_tree,
    constants.GROUP: _load_group,
    constants.LEAF: _load_leaf,
    constants.LIST: _load_list,
}
"""Message -> the function that handles it."""
