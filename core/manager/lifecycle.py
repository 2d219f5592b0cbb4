"""Telling plugins what happens: one typed method for each lifecycle hook.

Hooks are called one implementation after the other, so that what one plugin raises reaches
neither the others nor the experiment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from pypet.interfaces import EnvironmentLike, Outcome
from pypet.manager.hookcheck import HOOK_PREFIX, HOOKS
from pypet.manager.nearest import did_you_mean

_logger = logging.getLogger(__name__)


class LifecycleHooks:
    """The lifecycle hooks of all loaded plugins; they are called in the main process only."""

    def __init__(self, hooks: pluggy.HookRelay, label: Callable[[object], str]) -> None:
        """``label`` names a plugin and its distribution for the log."""
        self._hooks = hooks
        self._label = label

    def listens(self, hook: str) -> bool:
        """Return whether a loaded plugin implements ``hook``, with or without ``pypet_``.

        Raises
        ------
        ValueError
            There is no such hook.
        """
        name = hook if hook.startswith(HOOK_PREFIX) else HOOK_PREFIX + hook
        if name not in HOOKS:
            raise ValueError(f"There is no hook {hook!r}.{did_you_mean(name, HOOKS)}")
        return bool(getattr(self._hooks, name).get_hookimpls())

    def environment_created(self, environment: EnvironmentLike) -> None:
        """Tell that an environment is complete."""
        self._tell("pypet_environment_created", {"environment": environment})

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Tell that ``run``, ``run_map`` or ``pipeline`` begins."""
        self._tell("pypet_experiment_started", {"environment": environment})

    def runs_started(self, environment: EnvironmentLike, indices: Sequence[int]) -> None:
        """Tell which runs were handed to the scheduler."""
        self._tell("pypet_runs_started", {"environment": environment, "indices": indices})

    def runs_finished(self, environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
        """Tell which runs completed and are stored."""
        self._tell("pypet_runs_finished", {"environment": environment, "outcomes": outcomes})

    def runs_failed(self, environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
        """Tell which runs raised or were lost."""
        self._tell("pypet_runs_failed", {"environment": environment, "outcomes": outcomes})

    def experiment_finished(self, environment: EnvironmentLike, completed: bool) -> None:
        """Tell that the experiment ended."""
        self._tell(
            "pypet_experiment_finished", {"environment": environment, "completed": completed}
        )

    def _tell(self, hook: str, arguments: dict[str, Any]) -> None:
        # Last registered first, and tryfirst/trylast, as pluggy itself calls them.
        for implementation in reversed(getattr(self._hooks, hook).get_hookimpls()):
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception:
                _logger.exception(
                    "%s raised in %s; the experiment goes on.",
                    self._label(implementation.plugin),
                    hook,
                )
