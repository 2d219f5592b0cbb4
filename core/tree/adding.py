"""Adding: from the arguments of the ``f_add_...`` methods to new nodes in the tree.

Nested dictionaries become groups and leaves: ``{'net': {'n': 3}}`` is the leaf ``net.n``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.support.arguments import check_mapping
from pypet.tree.names import RUNS
from pypet.tree.node import NNTreeNode
from pypet.tree.placing import place

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree
    from pypet.tree.wildcards import ParsedName

_ONLY_RUNS = (RUNS,)
_EXAMPLE = "{'net': {'n': 3}}"


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


def add(
    tree: Tree, start: NNGroupNode, kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
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
    if start is not tree.root and tree.groups.get(start._full_name) is not start:
        raise TypeError(
            f"Group `{start._full_name}` is not part of the trajectory (any more); "
            "nothing can be added to it."
        )
    name, instance, node_class, args = _read(kind, args, kwargs)
    full_name = full_name_of(tree, start, kind, name)
    return place(tree, full_name, kind, instance, node_class, args, kwargs)


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
    return place(tree, full_name, kind, node, None, (), {})


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


# ----- nested dictionaries -----------------------------------------------------------------


def add_leaves(
    tree: Tree, start: NNGroupNode, method: str, kind: Kind, groups: Kind, nested: Mapping[str, Any]
) -> Any:
    """Add what a nested dictionary describes, all of it or nothing; return the group that has it.

    ``kind`` is what is added for a value, ``groups`` for an empty dictionary. Names may be
    dotted, and groups may exist already. Errors are those of `add`, and TypeError for
    something else than a dictionary.
    """
    check_mapping(nested, f"`{method}` takes", _EXAMPLE)
    _Transaction(tree).add_below(start, kind, groups, nested)
    if start is not tree.root or kind.branch is None:
        return start
    return tree.create_parents(kind.branch)[0]


def add_group(
    tree: Tree,
    start: NNGroupNode,
    kind: Kind,
    leaves: Kind,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Add a group as `add` does, or what a nested dictionary describes.

    The dictionary is the only argument, and the group that has its contents is returned; or it
    stands behind the name of a new group.
    """
    if args and isinstance(args[0], Mapping):
        if len(args) > 1 or kwargs:
            raise ValueError(
                f"`{kind.method}` takes a nested dictionary alone; its names are those of the "
                "groups and leaves."
            )
        return add_leaves(tree, start, kind.method, leaves, kind, args[0])
    if len(args) < 2 or not isinstance(args[1], Mapping):
        return add(tree, start, kind, args, kwargs)
    name, nested, *rest = args
    transaction = _Transaction(tree)
    group = transaction.add(start, kind, (name, *rest), kwargs)
    transaction.add_below(group, leaves, kind, nested)
    return group


class _Transaction:
    """Adds nodes; after an error it removes all of them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._added: list[tuple[Any, int]] = []
        """New nodes, each with the number of new groups above it."""

    def add_below(
        self, start: NNGroupNode, kind: Kind, groups: Kind, nested: Mapping[str, Any]
    ) -> None:
        """Add the contents of a nested dictionary."""
        for name, value in list(_flat(kind.method, nested, "")):
            if isinstance(value, Mapping):
                if full_name_of(self._tree, start, groups, name) not in self._tree.groups:
                    self.add(start, groups, (name,), {})
            else:
                self.add(start, kind, (name, value), {})

    def add(
        self, start: NNGroupNode, kind: Kind, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Add one node and return it."""
        tree = self._tree
        groups, nodes = len(tree.groups), len(tree.groups) + len(tree.leaves)
        try:
            node = add(tree, start, kind, args, kwargs)
        except BaseException:
            self._roll_back()
            raise
        if len(tree.groups) + len(tree.leaves) > nodes:  # else what exists was kept
            new_groups = len(tree.groups) - groups
            self._added.append((node, new_groups if node._is_leaf else new_groups - 1))
        return node

    def _roll_back(self) -> None:
        for node, new_groups in reversed(self._added):
            above = node
            for _ in range(new_groups):
                above = above._parent
            self._tree.remove_node(above)


def _flat(method: str, nested: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield dotted names with values that are not dictionaries, or empty ones."""
    for name, value in nested.items():
        if not isinstance(name, str):
            raise ValueError(f"`{method}` needs text as names, not {name!r}.")
        if isinstance(value, Mapping) and value:
            yield from _flat(method, value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
