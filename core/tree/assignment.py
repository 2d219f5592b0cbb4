"""Links, and assignment to groups: ``group.name = value`` and ``group['a.name'] = value``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pypet.errors import NotUniqueNodeError
from pypet.tree.adding import add_node, check_place, name_conflict, warn_of_translation
from pypet.tree.lookup import advice_on_member, find, get
from pypet.tree.names import BRANCH_SHORTCUTS, BRANCHES, RESERVED_UNDER_ROOT
from pypet.tree.node import NNTreeNode, class_member

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree

_RESERVED_FOR_GROUPS = frozenset((*BRANCHES, *BRANCH_SHORTCUTS, RESERVED_UNDER_ROOT))


def assign(tree: Tree, group: NNGroupNode, key: str, value: Any) -> None:
    """Add a node, link to a node of the tree, or set the value of a leaf that exists.

    Raises
    ------
    AttributeError
        The node has another name than the key, or there is no such leaf to set.
    """
    if not isinstance(value, NNTreeNode):
        _set_value(tree, group, key, value)
    elif value is tree.root or tree.get_node(value._full_name) is value:
        tree.check_link_target(value)
        _link(tree, group, key, value)
    else:
        _add_instance(tree, group, key, value)


def assign_item(tree: Tree, group: NNGroupNode, key: Any, value: Any) -> None:
    """Do the same for a dotted key; all but its last component are looked up.

    Raises
    ------
    TypeError
        The key is not a string.
    AttributeError
        The path does not lead to a group; else as `assign`.
    """
    if not isinstance(key, str):
        raise TypeError(f"Only names can be assigned to, not {key!r}.")
    path, _, name = key.rpartition(".")
    if path:
        owner = _look_up(tree, group, path)
        if owner._is_leaf:
            raise AttributeError(
                f"`{key}` cannot be assigned to: `{path}` is not a group but a leaf."
            )
    else:
        owner = group
    if not name or name[0] == "_":
        raise AttributeError(f"`{key}` cannot be assigned to: `{name}` is not a name of a node.")
    is_node = isinstance(value, NNTreeNode) or name in owner._children
    if class_member(type(owner), name) is not None and not is_node:
        setattr(owner, name, value)
    else:
        assign(tree, owner, name, value)


def _add_instance(tree: Tree, group: NNGroupNode, key: str, node: NNTreeNode) -> None:
    parsed = tree.wildcards.parse(key)
    components = tree.wildcards.substitute(parsed, tree.root._idx)
    name = ".".join(components)
    own_name = node._full_name
    if own_name and own_name != name and not own_name.startswith(name + "."):
        raise AttributeError(
            f"The {type(node).__name__} `{own_name}` cannot be assigned to `{key}`: its name "
            f"has to be empty, `{name}`, or begin with `{name}.`."
        )
    warn_of_translation(tree, group, parsed, components)
    add_node(tree, group, own_name or name, node)


def _set_value(tree: Tree, group: NNGroupNode, key: str, value: Any) -> None:
    try:
        node = _look_up(tree, group, key)
    except NotUniqueNodeError:
        raise
    except AttributeError as err:
        if key[:2] == "v_":
            raise AttributeError(f"{err}{advice_on_member(group, key)}") from err
        raise AttributeError(
            f"{err}. Only existing nodes can be set to a value; add new ones with "
            "`f_add_parameter`, `f_add_result` or similar methods"
        ) from err
    if not node._is_leaf:
        raise AttributeError(
            f"`{key}` is the group `{node._full_name}`; it cannot take the value {value!r}."
        )
    if not node._is_parameter and not node.f_supports_fast_access():
        raise AttributeError(
            f"The result `{node._full_name}` does not hold a single item of its own name; "
            f"use its `f_set` to say which item should become {value!r}."
        )
    node.f_set(value)


def _look_up(tree: Tree, group: NNGroupNode, name: str) -> Any:
    """Return the node itself that is to be changed; shortcuts are always allowed for this."""
    settings = replace(tree.root._lookup, fast_access=False, shortcuts=True)
    return get(tree, group, name, settings)


# ----- links -------------------------------------------------------------------------------


def add_link(
    tree: Tree, start: NNGroupNode, name_or_item: Any, full_name_or_item: Any = None
) -> Any:
    """Link from ``start`` to a node; return the node.

    Raises
    ------
    ValueError
        The target is missing, the root or not of this tree; the name is not possible.
    AttributeError
        The name is in use, the path leads through a leaf or link, or no node has the target's name.
    """
    name: Any = name_or_item
    target: Any = full_name_or_item
    if isinstance(name_or_item, NNTreeNode):
        name, target = name_or_item._name, name_or_item
        if full_name_or_item is not None:
            raise ValueError("A link is made of a name and then a node, not of two nodes.")
    if isinstance(target, str):
        target = find(tree, tree.root, target)
    tree.check_link_target(target)
    if not isinstance(name, str):
        raise ValueError(f"A link needs text as name, not {name!r}.")
    return _link(tree, start, name, target)


def _link(tree: Tree, start: NNGroupNode, name: str, target: NNTreeNode) -> Any:
    """Make the link ``name``, dotted or not, below ``start`` to a checked target."""
    wildcards = tree.wildcards
    parsed = wildcards.parse(name)
    components = wildcards.substitute(parsed, tree.root._idx)
    tree.rules.check(components)
    warn_of_translation(tree, start, parsed, components)
    full_name = ".".join((start._full_name, *components) if start._full_name else components)
    location, _, short = full_name.rpartition(".")
    if not location and short in _RESERVED_FOR_GROUPS:
        raise ValueError(f"The name `{short}` is reserved under the trajectory; no link has it.")
    if tree.groups.get(start._full_name) is not start:
        raise ValueError(f"Group `{start._full_name}` is not part of the trajectory (any more).")
    group = tree.groups.get(location)
    if group is None:
        check_place(tree, location, location.partition(".")[0])
        group, _ = tree.create_parents(location)
    elif short in group._children:
        return name_conflict(tree, group, short)
    tree.attach_link(group, short, target)
    return target
