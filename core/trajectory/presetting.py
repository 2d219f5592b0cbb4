"""Values for parameters that are added later, and locking before an experiment."""

from __future__ import annotations

from typing import Any

from pypet.errors import PresettingError
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState


class Presetting(TrajectoryState):
    """The part of a trajectory that fixes values before the experiment."""

    __slots__ = ()

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
        """Do as `f_preset_parameter` for config data; ``config`` in front may be left out.

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

    def _prepare_experiment(self) -> None:
        """Make sure that nothing preset is missing, and lock what the runs will read.

        Raises
        ------
        PresettingError
            Something was preset, but never added.
        """
        if self._presets:
            names = ", ".join(f"`{name}`" for name in self._presets)
            raise PresettingError(
                f"These were preset, but not added before the experiment: {names}. Look for "
                "misspelled names."
            )
        self._lock("parameters")
        self._lock("derived_parameters")
