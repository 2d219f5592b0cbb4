"""The job of a search: the run function, and the objective that makes a number of each run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pypet.environment.job import Job, RunFunction
from pypet.environment.origin import Origin
from pypet.interfaces import MAXIMIZE, MINIMIZE, Sampler
from pypet.support.arguments import check_callable, is_integer
from pypet.trajectory.run_search import RunSearch

if TYPE_CHECKING:
    from pypet.manager import PluginManager

GROUP = "search"
"""Group in the results of a run that has the objective's value, if that is no result itself."""
_RETURNED = "returned"


class Evaluated(NamedTuple):
    """What a run of a search returns to the main process."""

    returned: Any
    """What the run function returned."""
    value: float
    """The value of the objective, maybe NaN."""


class Objective:
    """Makes the number to minimize or maximize of a run, in the process that executes it.

    Parameters
    ----------
    given
        The name of a result of the run; a function of what the run function returned; or None: it
        returned the number.

    Raises
    ------
    TypeError
        It is something else.
    """

    def __init__(self, given: str | Callable[[Any], Any] | None) -> None:
        self._function: Callable[[Any], Any] | None = None
        if isinstance(given, str):
            if not given:
                raise ValueError("objective='': give the name of a result.")
            self.name = self.result = given
            return
        label = _RETURNED
        if given is not None:
            self._function = check_callable(
                given,
                "The objective of a search is the name of a result or a function of the return "
                "value,",
            )
            label = getattr(given, "__name__", "")
            label = label if label.isidentifier() else "objective"
        self.name = label
        self.result = f"{GROUP}.{label}"
        """Where the value is, below the group of a run."""

    def __repr__(self) -> str:
        return f"Objective({self.name!r})"

    @property
    def is_result(self) -> bool:
        """Whether the objective is a result that the run function adds itself."""
        return self.name == self.result

    def evaluate(self, trajectory: Any, returned: Any) -> float:
        """Return the value of the current run; store it with the run if it is no result itself.

        Raises
        ------
        TypeError
            The value is no number.
        AttributeError
            The run has no result of that name.
        """
        if self.is_result:
            return as_number(_result_of_run(trajectory, self.result), self.name)
        value = as_number(
            returned if self._function is None else self._function(returned), self.name
        )
        trajectory.f_add_result(self.result, value, comment="Objective of the search")
        return value


def evaluate_run(
    traj: Any, objective: Objective, runfunc: RunFunction, *args: Any, **kwargs: Any
) -> Evaluated:
    """Call the run function and evaluate the objective: the run function of searches."""
    returned = runfunc(traj, *args, **kwargs)
    return Evaluated(returned, objective.evaluate(traj, returned))


def as_number(value: Any, name: str) -> float:
    """Return a value of an objective as `float`; also of an array with one element.

    Raises
    ------
    TypeError
        It is no real number.
    """
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if not isinstance(value, Real | np.bool_):
        raise TypeError(
            f"The objective {name!r} of a search has to be a number in each run, not "
            f"{value!r:.80} ({type(value).__name__})."
        )
    return float(value)


def _result_of_run(trajectory: Any, name: str) -> Any:
    """Return a result that the current run has added."""
    item = RunSearch(trajectory, name, {"max_depth": None}, False, False).item_of_current_run()
    if item is None:
        raise AttributeError(
            f"The objective of the search is the result {name!r}, but run {trajectory.v_idx} has "
            "none of this name."
        )
    return item.f_get() if item.v_is_leaf and item.f_supports_fast_access() else item


def resolve_sampler(given: Any, manager: PluginManager) -> Sampler:
    """Return the sampler that the user asks for, by name, class, instance, or another's object.

    Raises
    ------
    UnknownPluginError, MissingDependencyError
        There is no sampler of this name, or it needs a package.
    TypeError
        No sampler knows what to do with it.
    """
    if isinstance(given, str):
        given = manager.sampler(given)
    if isinstance(given, Sampler):
        return given
    if isinstance(given, type) and issubclass(given, Sampler):
        with Origin.of(given, manager).named():
            return given()
    for kind in reversed(manager.samplers()):
        with Origin.of(kind, manager).named():
            adapted = kind.adapt(given)
        if adapted is not None:
            return adapted
    names = ", ".join(repr(kind.name) for kind in manager.samplers())
    raise TypeError(
        f"sampler={given!r:.80}: give the name of a sampler ({names}), or a "
        "`pypet.interfaces.Sampler`."
    )


class StopCriteria(NamedTuple):
    """When a search asks for no further points; None: never for this reason."""

    max_runs: int | None = None
    """Number of runs of the trajectory, those of earlier starts included."""
    max_seconds: float | None = None
    """Duration of this call."""
    target: float | None = None
    """A value that is good enough."""
    patience: int | None = None
    """Number of runs without a better value than before them."""

    def check(self) -> None:
        """Raise ValueError or TypeError if there is no criterion, or a wrong one."""
        if self == StopCriteria():
            raise ValueError(
                "A search needs a reason to stop: give max_runs, max_seconds, target or patience."
            )
        for name, number in self._asdict().items():
            if number is None:
                continue
            _check_number(name, number)
            if name in ("max_runs", "patience") and not (is_integer(number) and number >= 1):
                raise ValueError(f"{name}={number!r}: give a positive integer.")
            if name == "max_seconds" and number <= 0:
                raise ValueError(f"{name}={number!r}: give a positive number.")


def _check_number(name: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{name}={number!r}: give a number.")
    if math.isnan(float(number)):
        raise ValueError(f"{name}={number!r}: give a number.")


class SearchJob(Job):
    """Calls the run function at points that a sampler chooses."""

    def __init__(
        self,
        runfunc: RunFunction,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        sampler: Sampler,
        space: Mapping[str, Any],
        objective: Objective,
        direction: str,
        criteria: StopCriteria,
        seed: int | None,
    ) -> None:
        if direction not in (MINIMIZE, MAXIMIZE):
            raise ValueError(f"direction={direction!r}: give {MINIMIZE!r} or {MAXIMIZE!r}.")
        criteria.check()
        self.sampler = sampler
        self.space = dict(space)
        """`pypet.sampling.Range` by the names that the user gave."""
        self.objective = objective
        self.direction = direction
        self.criteria = criteria
        self.seed = seed
        """None: derived from the seed of the trajectory."""
        self._runfunc = Job(runfunc).function
        super().__init__(evaluate_run, args, kwargs)

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Replace the arguments of the run function in future runs; None keeps them."""
        fixed = (self.objective, self._runfunc)
        super().replace(None if args is None else (*fixed, *args), kwargs)

    def check_signature(self) -> None:
        """Check that the run function accepts the arguments; TypeError if it does not."""
        Job(self._runfunc, self.args[2:], self.kwargs).check_signature()
