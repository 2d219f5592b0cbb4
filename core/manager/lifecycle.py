"""Typed calls of the lifecycle hooks.

Implementations are called one by one, so that an exception in one plugin affects neither the other
plugins nor the experiment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pluggy

from pypet.interfaces import EnvironmentLike, Outcome
from pypet.manager.validation import HOOK_PREFIX, HOOKS
from pypet.support.spelling import did_you_mean

_logger = logging.getLogger(__name__)


class LifecycleHooks:
    """The lifecycle hooks of all loaded plugins, called in the main process only."""

    def __init__(self, hooks: pluggy.HookRelay, label: Callable[[object], str]) -> None:
        """``label`` returns a plugin's name and distribution for log messages."""
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
        """Announce that an environment is ready."""
        self._call("pypet_environment_created", {"environment": environment})

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Announce the beginning of ``run``, ``run_map`` or ``pipeline``."""
        self._call("pypet_experiment_started", {"environment": environment})

    def runs_started(self, environment: EnvironmentLike, indices: Sequence[int]) -> None:
        """Announce runs that were submitted to the scheduler."""
        self._call("pypet_runs_started", {"environment": environment, "indices": indices})

    def runs_finished(self, environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
        """Announce runs that completed and are stored."""
        self._call("pypet_runs_finished", {"environment": environment, "outcomes": outcomes})

    def runs_failed(self, environment: EnvironmentLike, outcomes: Sequence[Outcome]) -> None:
        """Announce runs that raised or were lost."""
        self._call("pypet_runs_failed", {"environment": environment, "outcomes": outcomes})

    def experiment_finished(self, environment: EnvironmentLike, completed: bool) -> None:
        """Announce the end of the experiment."""
        self._call(
            "pypet_experiment_finished", {"environment": environment, "completed": completed}
        )

    def _call(self, hook: str, arguments: dict[str, Any]) -> None:
        # Reversed, like pluggy's own calls: last registered first, respecting tryfirst and trylast.
        for implementation in reversed(getattr(self._hooks, hook).get_hookimpls()):
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception:
                _logger.exception(
                    "%s raised in %s; the experiment continues.",
                    self._label(implementation.plugin),
                    hook,
                )
