"""Options that do nothing beside the others: a warning that says which option to add."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from pypet.errors import OptionWarning
from pypet.options.collection import OptionValues
from pypet.options.established import ESTABLISHED
from pypet.options.needs import asks

if TYPE_CHECKING:
    from pypet.interfaces import Scheduler

_PARALLEL = "multiproc"
_WORKERS = "ncores"
_NEW_TRAJECTORY = ("add_time", "comment", "dynamic_imports", "wildcard_functions")


def warn_of_idle_options(
    options: OptionValues,
    scheduler: type[Scheduler],
    *,
    shared: Collection[str] = (),
    stacklevel: int = 1,
) -> None:
    """Warn of options that are given but have no effect, and of parallel runs with one worker.

    Who gives the option that is missing, with whatever value, knows what it does: a script may
    switch ``multiproc`` and leave ``ncores`` as it is. ``shared`` are options of a config file,
    which may be there for other experiments with a trajectory of their own. ``stacklevel`` says
    whom the warnings blame, counted from the function that calls this one (1).
    """
    texts = (
        *_idle(options),
        *_beside_a_trajectory(options, shared),
        *_one_worker(options, scheduler),
    )
    for text in texts:
        warnings.warn(text, OptionWarning, stacklevel=stacklevel + 1)


def _idle(options: OptionValues) -> Iterator[str]:
    by_switch: dict[str, list[str]] = {}
    for name, switch in options.asked_only_with():
        by_switch.setdefault(switch, []).append(f"{name}={options[name]!r}")
    for switch, idle in by_switch.items():
        if switch in options.given or options[switch]:
            continue
        what = f"{_listed(idle)} without {switch}"
        if switch != _PARALLEL:
            yield f"{what}. Give {switch}, or {switch}={options[switch]!r} if this is meant."
        elif options["scheduler"] is None and options["do_single_runs"]:
            yield (
                f"{what}: runs are executed one after the other in this process. Give "
                "multiproc=True, or multiproc=False if this is meant."
            )


def _beside_a_trajectory(options: OptionValues, shared: Collection[str]) -> Iterator[str]:
    if isinstance(options["trajectory"], str):
        return
    idle = [
        f"{name}={options[name]!r}"
        for name in _NEW_TRAJECTORY
        if name in options.given.difference(shared) and asks(options[name], _default(name))
    ]
    if idle:
        yield f"{_listed(idle)} beside a trajectory that exists already: leave it out."


def _one_worker(options: OptionValues, scheduler: type[Scheduler]) -> Iterator[str]:
    if scheduler.in_process or not options["do_single_runs"]:
        return
    # Workers that somebody else starts are as many as there are.
    if _WORKERS in options.given or scheduler.has_given_workers(options):
        return
    if any(option.name == _WORKERS for option in scheduler.options):
        yield (
            "Runs are executed in parallel with ncores=1, that is by one worker. Give ncores=N for "
            "N workers, ncores=0 for one a core, or ncores=1 if this is meant."
        )


def _default(name: str) -> Any:
    return ESTABLISHED[name].default


def _listed(idle: list[str]) -> str:
    return f"{', '.join(idle)} {'does' if len(idle) == 1 else 'do'} nothing"
