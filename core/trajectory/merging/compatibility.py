"""Checks whether two trajectories can be merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet.runs import run_table_of
from pypet.trajectory.state import TrajectoryState
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

DATA_BRANCHES = ("parameters", "derived_parameters")


def check_mergeable(traj: Trajectory, other: Trajectory) -> None:
    """Check that ``other`` can be merged into ``traj``, without changing or loading anything.

    Raises
    ------
    TypeError
        ``other`` is not a trajectory, or its wildcards differ from those of ``traj``.
    ValueError
        ``traj`` was never stored.
    """
    if not isinstance(other, TrajectoryState):
        raise TypeError(f"Only a trajectory can be merged, not {other!r}.")
    if not traj.v_stored:
        raise ValueError(
            f"Trajectory `{traj.v_name}` was never stored, but merging works on stored data; "
            "call `f_store()` first."
        )
    own, others = (chosen_aliases(each) for each in (traj, other))
    if own != others:
        raise TypeError(
            f"Trajectory `{other.v_name}` has the wildcards {sorted(others)}, but "
            f"`{traj.v_name}` has {sorted(own)}; both need the same to be merged."
        )


def check_parameters(traj: Trajectory, other: Trajectory, ignored: frozenset[str]) -> None:
    """Check that both have the same parameters, with values of the same types.

    These are parameters and derived parameters outside of runs that are not ignored. Raises
    TypeError if they differ.
    """
    own, others = (shared_leaves(each, ignored) for each in (traj, other))
    for name in own.keys() ^ others.keys():
        holder, lacking = (traj, other) if name in own else (other, traj)
        raise TypeError(
            f"`{name}` is in trajectory `{holder.v_name}` but not in `{lacking.v_name}`; both "
            "need the same parameters to be merged. Name it in `ignore_data` to leave it out."
        )
    for name, leaf in own.items():
        twin = others[name]
        if leaf.f_is_empty() or twin.f_is_empty():
            if leaf.f_is_empty() != twin.f_is_empty():
                raise TypeError(f"`{name}` has a value in one trajectory and none in the other.")
            continue
        if not leaf._values_of_same_type(leaf.f_get(), twin.f_get()):
            raise TypeError(
                f"`{name}` is {leaf.f_get()!r} in trajectory `{traj.v_name}` but "
                f"{twin.f_get()!r} in `{other.v_name}`; values have to be of one type."
            )


def shared_leaves(traj: Trajectory, ignored: frozenset[str]) -> dict[str, Any]:
    """Return parameters and derived parameters outside of runs, by full name."""
    dummies = dummy_names(traj)
    find = run_table_of(traj).names.find
    return {
        name: leaf
        for name, leaf in tree_of(traj).leaves_of(DATA_BRANCHES).items()
        if leaf.v_is_parameter
        and name not in ignored
        and not dummies.intersection(components := name.split("."))
        and not any(find(component) is not None for component in components)
    }


def dummy_names(traj: Trajectory) -> frozenset[str]:
    """Return the dummy names of all wildcards, which replace them outside of runs."""
    return frozenset(traj.f_wildcard(wildcard, -1) for wildcard in traj.f_get_wildcards())


def chosen_aliases(traj: Trajectory) -> set[str]:
    """Return one alias of each wildcard: the second one, or the only one.

    Trajectories whose sets are equal can be merged, whatever their other aliases are.
    """
    functions = tree_of(traj).wildcards.functions
    return {aliases[1] if len(aliases) > 1 else aliases[0] for aliases in functions}
