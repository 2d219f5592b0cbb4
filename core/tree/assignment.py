"""Assignment to groups: ``group.name = value`` and ``group['a.name'] = value``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet.errors import NotUniqueNodeError
from pypet.tree.adding import add_node, warn_of_translation
from pypet.tree.links import check_target, link
from pypet.tree.lookup import advice_on_member, get
from pypet.tree.node import NNTreeNode, class_member

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.tree import Tree


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
        check_target(tree, value)
        link(tree, group, key, value)
    else:
        _add_instance(tree, group, key, value)


def assign_item(tree: Tree, group: NNGroupNode, key: Any, value: Any) -> None:
    """Do the same for a dotted key; all but its last component are looked up.

    Raises
    ------
    TypeError
        The key is no text.
    AttributeError
        The way leads to no group; else as `assign`.
    """
    if not isinstance(key, str):
        raise TypeError(f"Only names can be assigned to, not {key!r}.")
    way, _, name = key.rpartition(".")
    if way:
        owner = _look_up(tree, group, way)
        if owner._is_leaf:
            raise AttributeError(
                f"`{key}` cannot be assigned to: `{way}` is not a group but a leaf."
            )
    else:
        owner = group
    if not name or name[0] == "_":
        raise AttributeError(f"`{key}` cannot be assigned to: `{name}` is no name of a node.")
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
            f"{err}. Only what exists can be set to a value; `f_add_parameter`, `f_add_result` "
            "and their like add something new"
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
    root = tree.root
    return get(
        tree,
        group,
        name,
        with_links=root._with_links,
        max_depth=root._max_depth,
        auto_load=root._auto_load,
    )
