"""The leaves of a trajectory: dictionaries of them, presets for those to come, locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pypet.errors import PresettingError
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState
from pypet.tree.node import value_or_leaf
from pypet.tree.tree import Tree


class BranchLeaves(Mapping[str, Any]):
    """A live view of the leaves of one branch by full name, which takes no memory."""

    __slots__ = ("_branch", "_tree")

    def __init__(self, tree: Tree, branch: str) -> None:
        self._tree = tree
        self._branch = branch

    def __getitem__(self, full_name: str) -> Any:
        leaf = self._tree.leaves[full_name]
        if leaf._branch != self._branch:
            raise KeyError(full_name)
        return leaf

    def __iter__(self) -> Iterator[str]:
        group = self._tree.root._groups.get(self._branch)
        if group is not None:
            for leaf in group.f_iter_leaves(with_links=False):
                yield leaf._full_name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class Contents(TrajectoryState):
    """The part of a trajectory that lists, presets and locks its leaves."""

    __slots__ = ()

    @not_in_run
    def f_is_empty(self) -> bool:
        """Return whether there are no leaves except below ``config``."""
        return all(leaf._branch == "config" for leaf in self._tree.leaves.values())

    def f_get_parameters(self, fast_access: bool = False, copy: bool = True) -> Mapping[str, Any]:
        """Return the parameters by full name.

        With ``fast_access`` leaves with a single value are replaced by it, as in natural naming.
        Without ``copy`` the mapping follows all changes of the tree.

        Raises
        ------
        ValueError
            ``fast_access`` without ``copy``.
        """
        return self._list_leaves(self._leaves_of("parameters"), fast_access, copy)

    def f_get_config(self, fast_access: bool = False, copy: bool = True) -> Mapping[str, Any]:
        """Return the config data by full name; see `f_get_parameters`."""
        return self._list_leaves(self._leaves_of("config"), fast_access, copy)

    def f_get_derived_parameters(
        self, fast_access: bool = False, copy: bool = True
    ) -> Mapping[str, Any]:
        """Return the derived parameters by full name; see `f_get_parameters`."""
        return self._list_leaves(self._leaves_of("derived_parameters"), fast_access, copy)

    def f_get_results(self, fast_access: bool = False, copy: bool = True) -> Mapping[str, Any]:
        """Return the results by full name; see `f_get_parameters`."""
        return self._list_leaves(self._leaves_of("results"), fast_access, copy)

    def f_get_explored_parameters(
        self, fast_access: bool = False, copy: bool = True
    ) -> Mapping[str, Any]:
        """Return the explored parameters by full name, with None for those not in memory.

        For the arguments see `f_get_parameters`.
        """
        return self._list_leaves(self._explored, fast_access, copy)

    def f_to_dict(  # type: ignore[override]  # the established order of arguments
        self,
        fast_access: bool = False,
        short_names: bool = False,
        nested: bool = False,
        copy: bool = True,
        with_links: bool = True,
    ) -> dict[str, Any]:
        """Return all leaves, by default by full name.

        Parameters
        ----------
        fast_access
            Values instead of leaves where natural naming would return them.
        short_names
            Keys are the names of the leaves alone.
        nested
            Nested dictionaries, like the groups.
        copy
            If False, the dictionary that the tree itself uses: do not change it.
        with_links
            Also go through links, which adds nothing to flat dictionaries of the whole tree.

        Raises
        ------
        ValueError
            Two leaves have the same short name; ``short_names`` and ``nested`` are both given;
            or one of the first three together with ``copy=False``.
        """
        if not copy:
            if fast_access or short_names or nested:
                raise ValueError(
                    "`f_to_dict` gives the live dictionary (`copy=False`) only without "
                    "`fast_access`, `short_names` and `nested`."
                )
            return self._tree.leaves
        return super().f_to_dict(
            fast_access=fast_access, short_names=short_names, nested=nested, with_links=with_links
        )

    @property
    def _linked_by(self) -> dict[str, dict[str, tuple[Any, set[str]]]]:
        """All links: full name of the target -> full name of the linking group -> that
        group and the names of its links to the target."""
        users: dict[str, dict[str, tuple[Any, set[str]]]] = {}
        for target, places in self._tree.links.linked_by.items():
            groups = users[target] = {}
            for (location, name), group in places.items():
                groups.setdefault(location, (group, set()))[1].add(name)
        return users

    def _leaves_of(self, branch: str) -> BranchLeaves:
        return BranchLeaves(self._tree, branch)

    @staticmethod
    def _list_leaves(leaves: Mapping[str, Any], fast_access: bool, copy: bool) -> Mapping[str, Any]:
        if not fast_access:
            return dict(leaves) if copy else leaves
        if not copy:
            raise ValueError("`fast_access` gives values, which need a copy: `copy=True`.")
        return {
            name: None if leaf is None else value_or_leaf(leaf) for name, leaf in leaves.items()
        }

    # ----- presets -------------------------------------------------------------------------

    @not_in_run
    def f_preset_parameter(self, param_name: str, *args: Any, **kwargs: Any) -> None:
        """Choose the value of a parameter before it is added.

        When a parameter of this full name (``parameters`` in front may be left out) is added,
        its ``f_set`` is called with the other arguments. That may change the type of its data.

        Raises
        ------
        ValueError
            The parameter exists already.
        """
        self._preset("parameters", param_name, args, kwargs)

    @not_in_run
    def f_preset_config(self, config_name: str, *args: Any, **kwargs: Any) -> None:
        """Like `f_preset_parameter`, for config data; ``config`` in front may be left out.

        Raises
        ------
        ValueError
            The config item exists already.
        """
        self._preset("config", config_name, args, kwargs)

    def _preset(
        self, branch: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        components = self._tree.wildcards.parse(name).components
        if components[:1] != (branch,):
            components = (branch, *components)
        full_name = ".".join(components)
        if self._tree.get_node(full_name) is not None:
            raise ValueError(
                f"`{full_name}` exists already and cannot be preset; set it with `f_set`."
            )
        self._presets[full_name] = (args, kwargs)

    def _apply_preset(self, leaf: Any) -> None:
        args, kwargs = self._presets[leaf._full_name]
        leaf.f_set(*args, **kwargs)
        del self._presets[leaf._full_name]

    # ----- before the experiment -----------------------------------------------------------

    @not_in_run
    def f_lock_parameters(self) -> None:
        """Lock all parameters that are not empty."""
        self._lock("parameters")

    @not_in_run
    def f_lock_derived_parameters(self) -> None:
        """Lock all derived parameters that are not empty."""
        self._lock("derived_parameters")

    def _lock(self, branch: str) -> None:
        for leaf in self._leaves_of(branch).values():
            if not leaf.f_is_empty():
                leaf.f_lock()


def prepare_experiment(trajectory: Contents) -> None:
    """Check that everything preset was added, and lock all parameters.

    Raises
    ------
    PresettingError
        Something was preset, but never added.
    """
    if trajectory._presets:
        names = ", ".join(f"`{name}`" for name in trajectory._presets)
        raise PresettingError(
            f"These were preset, but not added before the experiment: {names}. Look for "
            "misspelled names."
        )
    trajectory.f_lock_parameters()
    trajectory.f_lock_derived_parameters()
