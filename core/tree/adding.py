"""Adding: from the arguments of the ``f_add_...`` methods to one new node in the tree.

Everything is checked before the first group is made.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.tree.names import BRANCHES, RESERVED_UNDER_ROOT, RUNS
from pypet.tree.node import NNTreeNode

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree
    from pypet.tree.wildcards import ParsedName

logger = logging.getLogger(__name__)

NOT_IN_RUN_BRANCHES = ("config", "parameters")
"""Branches that cannot grow during a run."""

_ONLY_RUNS = (RUNS,)


class Kind(NamedTuple):
    """What a method adds; only methods for one branch have a ``branch``."""

    method: str
    is_leaf: bool
    branch: str | None = None
    run_prefix: bool = False
    is_parameter: bool = True
    """What leaves of the branch must be; methods without branch take both."""


PARAMETER = Kind("f_add_parameter", True, "parameters")
PARAMETER_GROUP = Kind("f_add_parameter_group", False, "parameters")
DERIVED_PARAMETER = Kind("f_add_derived_parameter", True, "derived_parameters", True)
DERIVED_PARAMETER_GROUP = Kind(
    "f_add_derived_parameter_group", False, "derived_parameters", run_prefix=True
)
RESULT = Kind("f_add_result", True, "results", True, False)
RESULT_GROUP = Kind("f_add_result_group", False, "results", True, False)
CONFIG = Kind("f_add_config", True, "config")
CONFIG_GROUP = Kind("f_add_config_group", False, "config")
ANY_LEAF = Kind("f_add_leaf", True)
ANY_GROUP = Kind("f_add_group", False)


_PLURALS = {
    PARAMETER.method: "f_add_parameters",
    DERIVED_PARAMETER.method: "f_add_derived_parameters",
    RESULT.method: "f_add_results",
    CONFIG.method: CONFIG_GROUP.method,
}
"""Method for one leaf -> the one that takes dictionaries."""

# What a caller asked for: the name, an instance or None, a class or None for the standard one,
# and positional arguments for the class. A plain tuple, as one is made for every node.
_Order = tuple[str, Any, Any, tuple[Any, ...]]


def add(start: NNGroupNode, kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Add the node that the arguments of ``kind.method``, called on ``start``, describe; return it.

    Raises
    ------
    ValueError
        No name is given, or the name breaks a rule.
    AttributeError
        The name is in use, or the path leads through a leaf or link.
    TypeError
        The node does not belong there, or not during a run.
    """
    root = start._root
    tree = start._require_tree() if root is None else root._tree
    if start is not root and tree.groups.get(start._full_name) is not start:
        raise TypeError(
            f"Group `{start._full_name}` is not part of the trajectory (any more); "
            "nothing can be added to it."
        )
    name, instance, node_class, args = _read(kind, args, kwargs)
    full_name = full_name_of(tree, start, kind, name)
    return _place(tree, full_name, kind, instance, node_class, args, kwargs)


def full_name_of(tree: Tree, start: NNGroupNode, kind: Kind, name: str) -> str:
    """Return where ``kind.method``, called on ``start``, puts a node of this name.

    Raises
    ------
    ValueError
        The name breaks a rule.
    """
    wildcards, idx = tree.wildcards, tree.root._idx
    components, has_wildcards, _, written = parsed = wildcards.parse(name)
    if has_wildcards:
        components = wildcards.substitute(parsed, idx)
    tree.rules.check(components)
    if written is not None or (has_wildcards and idx < 0):
        warn_of_translation(tree, start, parsed, components)
    location = start._full_name if kind.branch is None else _location(tree, start, kind, components)
    return ".".join((location, *components)) if location else ".".join(components)


def add_node(tree: Tree, start: NNGroupNode, key: str, node: NNTreeNode) -> Any:
    """Add an instance at ``<start>.<key>``, as assignment does: without any prefix."""
    parsed = tree.wildcards.parse(key)
    components = tree.wildcards.substitute(parsed, tree.root._idx)
    tree.rules.check(components)
    warn_of_translation(tree, start, parsed, components)
    location = start._full_name
    full_name = ".".join((location, *components) if location else components)
    kind = ANY_LEAF if node._is_leaf else ANY_GROUP
    return _place(tree, full_name, kind, node, None, (), {})


def warn_of_translation(
    tree: Tree, start: NNGroupNode, parsed: ParsedName, components: tuple[str, ...]
) -> None:
    """Warn if a name that is added below ``start`` becomes another one by surprise.

    During a run, names that are translated to the current run are no surprise.
    """
    root = tree.root
    tree.rules.warn_of_translation(
        parsed.written or parsed.components,
        components if root._idx < 0 else parsed.components,
        None if start is root else start._name,
    )


# ----- reading the arguments ---------------------------------------------------------------


def _read(kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Order:
    """Find name, class or instance among the arguments; pop the name from ``kwargs``."""
    if args:
        first = args[0]
        if isinstance(first, str):
            return first, None, None, args[1:]
        if isinstance(first, NNTreeNode):
            return _read_instance(kind, first, args, kwargs)
        if isinstance(first, type):
            rest = args[1:]
            if rest and isinstance(rest[0], str):
                name, rest = rest[0], rest[1:]
            else:
                name = _name_keyword(kind, kwargs)
            _check_kind(kind, first, f"class {first.__name__}")
            return name, None, first, rest
    if args and isinstance(args[0], Mapping):
        several = _PLURALS.get(kind.method, "f_add_group")
        raise ValueError(
            f"`{kind.method}` needs a name before anything else; `{several}` takes a (nested) "
            "dictionary."
        )
    return _name_keyword(kind, kwargs), None, None, args


def _read_instance(
    kind: Kind, node: NNTreeNode, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _Order:
    if len(args) > 1 or kwargs:
        raise ValueError(
            f"`{kind.method}` takes an instance alone, but there are further arguments beside "
            f"the {type(node).__name__} `{node._full_name}`."
        )
    if not node._full_name:
        raise ValueError(
            f"The {type(node).__name__} given to `{kind.method}` has no name; "
            "make it with one or assign it: `group.name = instance`."
        )
    _check_kind(kind, type(node), f"{type(node).__name__} `{node._full_name}`")
    return node._full_name, node, None, ()


def _name_keyword(kind: Kind, kwargs: dict[str, Any]) -> str:
    for keyword in ("name", "full_name"):
        name = kwargs.pop(keyword, None)
        if name is not None:
            if not isinstance(name, str):
                raise ValueError(f"`{kind.method}` needs text as name, not {name!r}.")
            return name
    raise ValueError(
        f"`{kind.method}` found no name: give it as first argument, after a class, "
        "or as keyword `name`."
    )


def _check_kind(kind: Kind, node_class: type, what: str) -> None:
    is_leaf = getattr(node_class, "_is_leaf", None)
    if is_leaf is None:
        raise TypeError(f"`{kind.method}` needs a class of tree nodes, not {what}.")
    if is_leaf is not kind.is_leaf:
        wanted = "leaves" if kind.is_leaf else "groups"
        raise TypeError(f"`{kind.method}` adds {wanted}; {what} is none.")


# ----- where it goes -----------------------------------------------------------------------


def _location(tree: Tree, start: NNGroupNode, kind: Kind, components: tuple[str, ...]) -> str:
    """Return the full name of the group that names given to typed methods are relative to."""
    branch: str = kind.branch  # type: ignore[assignment]
    root = tree.root
    if start is root:
        if components[0] == branch:
            return ""
        location = branch
        below_branch = RUNS + "."
    else:
        location = start._full_name
        depth = start._depth
        if depth == 1:
            below_branch = RUNS + "."
        elif depth == 2 and start._name == RUNS:
            below_branch = ""
        else:
            return location
    if not (kind.run_prefix and root._is_run and root._auto_run_prepend):
        return location
    if components == _ONLY_RUNS and start is not root and below_branch:
        return location
    dummy = tree.wildcards.dummy
    find_run = root._runs.find
    for name in components:
        if name == dummy or find_run(name) is not None:
            return location
    return f"{location}.{below_branch}{root._run_name or dummy}"


# ----- putting it there --------------------------------------------------------------------


def _place(
    tree: Tree,
    full_name: str,
    kind: Kind,
    node: Any,
    node_class: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Put an instance, or a new one, at a checked full name; return what is there then."""
    location, _, name = full_name.rpartition(".")
    branch = full_name.partition(".")[0]
    check_place(tree, full_name, branch)
    if not location and kind.is_leaf and full_name in BRANCHES:
        raise ValueError(
            f"The name `{full_name}` directly under the trajectory is reserved for a group, so no "
            "parameter or result has it."
        )
    parent = tree.groups.get(location)
    if parent is not None and name in parent._children:
        return name_conflict(tree, parent, name)
    if node is not None:
        _check_free(tree, node, full_name)
    else:
        if node_class is None:
            node_class = tree.leaf_class(branch) if kind.is_leaf else tree.group_class(branch)
        if _knows_trajectory(node_class):
            node = node_class(full_name, tree.root, *args, **kwargs)
        else:
            node = node_class(full_name, *args, **kwargs)
    if not kind.is_leaf:
        _check_group_class(tree, node, branch, full_name)
    elif kind.branch is not None and bool(node._is_parameter) is not kind.is_parameter:
        raise TypeError(
            f"`{kind.method}` adds {'parameters' if kind.is_parameter else 'results'}, but "
            f"`{full_name}` would be a {type(node).__name__}."
        )
    return tree.attach_with_parents(parent, full_name, node)


def check_place(tree: Tree, full_name: str, branch: str) -> None:
    """Make sure that nodes may be added to a branch now.

    Raises
    ------
    TypeError
        They may not during a run.
    ValueError
        The first component of the name is the one that is reserved under the root.
    """
    if branch in NOT_IN_RUN_BRANCHES and tree.root._is_run:
        raise TypeError(
            f"`{full_name}` cannot be added during a single run: `{branch}` is fixed by then."
        )
    if branch == RESERVED_UNDER_ROOT:
        raise ValueError(
            f"The name `{branch}` directly under the trajectory is reserved for the tables of the "
            "storage; deeper in the tree it is free."
        )


def name_conflict(tree: Tree, group: NNGroupNode, name: str) -> Any:
    """Return the node that has the name already if the trajectory keeps old nodes.

    Raises
    ------
    AttributeError
        The trajectory does not: adding twice is an error.
    """
    old = group._children[name]
    what = "link" if name in group._links else "leaf" if old._is_leaf else "group"
    where = group._full_name or "the trajectory"
    if not tree.root._no_clobber:
        raise AttributeError(
            f"There is a {what} `{name}` in `{where}` already; remove it first, or set "
            "`v_no_clobber` to keep what exists."
        )
    logger.warning("There is a %s `%s` in `%s` already; it is kept.", what, name, where)
    return old


@functools.cache
def _knows_trajectory(node_class: type) -> bool:
    """Return whether instances are made with the trajectory as second argument."""
    return bool(getattr(node_class, "KNOWS_TRAJECTORY", False))


def _check_group_class(tree: Tree, group: Any, branch: str, full_name: str) -> None:
    if group._root is group:
        raise TypeError(
            f"A trajectory cannot be part of another one; no group `{full_name}` is made of "
            f"`{group._name}`. `f_merge` takes over its runs."
        )
    wanted_class = tree.group_class(branch)
    if type(group) is not wanted_class and tree.is_standard_group_class(type(group)):
        raise TypeError(
            f"Groups {'in' if branch in BRANCHES else 'such as'} `{full_name}` are of class "
            f"{wanted_class.__name__} (or a class of your own), not {type(group).__name__}."
        )


def _check_free(tree: Tree, node: Any, full_name: str) -> None:
    """Refuse instances that are in a tree already or have children."""
    if tree.get_node(node._full_name) is node:
        raise AttributeError(
            f"`{node._full_name}` is part of the trajectory already and cannot be added as "
            f"`{full_name}` too; `f_add_link` gives it a second name."
        )
    if node._is_leaf:
        # A leaf may be shared by two trajectories, but it has one name.
        elsewhere = node._parent is not None and node._full_name != full_name
    else:
        elsewhere = node._parent is not None or bool(node._children)
    if elsewhere:
        raise AttributeError(
            f"The {type(node).__name__} `{node._full_name}` belongs to another trajectory and "
            f"cannot be added as `{full_name}`; remove it there first, or add a copy."
        )
