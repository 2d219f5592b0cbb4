"""Nodes that earlier starts have stored: loading those of runs, and finding results that clash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pypet import pypetconstants as constants
from pypet.support.comparisons import nested_equal
from pypet.trajectory.adopting.finding import load_bare, load_if_stored
from pypet.tree.node import NO_RUN_BRANCH


def load_nodes_of_runs(traj: Any) -> list[str]:
    """Load the nodes of runs that are stored, without data; return the full names of new ones."""
    tree = traj._tree
    before, links = {*tree.leaves, *tree.groups}, _links(tree)
    traj.f_load(
        traj._name,
        load_parameters=constants.LOAD_NOTHING,
        load_derived_parameters=constants.LOAD_SKELETON,
        load_results=constants.LOAD_SKELETON,
        load_other_data=constants.LOAD_SKELETON,
        with_meta_data=False,
        on_error="skip",
    )
    # Scripts that are started again add the others again.
    for location, name in _links(tree) - links:
        group = tree.groups[location]
        if group._run_branch == NO_RUN_BRANCH:
            group.f_remove_link(name)
    added = [name for name in {*tree.leaves, *tree.groups} - before if name]
    remove_nodes(traj, [name for name in added if tree.get_node(name)._run_branch == NO_RUN_BRANCH])
    return [name for name in added if tree.get_node(name) is not None]


def _links(tree: Any) -> set[tuple[str, str]]:
    return {(location, name) for location, group in tree.groups.items() for name in group._links}


def remove_nodes(traj: Any, names: Sequence[str]) -> None:
    """Remove leaves without data, and then groups without children, from memory."""
    for name in sorted(names, key=lambda name: -name.count(".")):
        node = traj._tree.get_node(name)
        if node is None:
            continue
        if node.f_is_empty() if node._is_leaf else not node.f_has_children():
            traj.f_remove_item(node)


def differing_results(traj: Any) -> list[str]:
    """Return full names of results that belong to no run, are new and are stored with other data.

    Storing them changes nothing: what is stored stays. What cannot be loaded counts as different.
    """
    new = [
        leaf
        for leaf in traj._tree.leaves.values()
        if leaf._branch == "results" and not leaf._stored and leaf._run_branch == NO_RUN_BRANCH
    ]
    if not new:
        return []
    stored = load_bare(traj)
    names = []
    for leaf in new:
        name = leaf._full_name
        try:
            if not load_if_stored(stored, name, constants.LOAD_DATA):
                continue
            is_same = nested_equal(_data(leaf), _data(stored._tree.leaves[name]))
        except Exception:  # its class is unknown, it is damaged, or a group now
            is_same = False
        if not is_same:
            names.append(name)
    return names


def _data(result: Any) -> Mapping[str, Any]:
    held: Mapping[str, Any] = {}
    if hasattr(result, "f_to_dict"):
        held = result.f_to_dict(copy=False)
    elif not result.f_is_empty():
        held = result._store()
    return held
