"""A search in progress: asks its sampler for points, adds runs, and passes it their values."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.environment.origin import Origin
from pypet.environment.search_job import Evaluated, SearchJob, StopCriteria, as_number
from pypet.errors import DataNotInStorageError, PluginError
from pypet.interfaces import MINIMIZE, Outcome, Point, ProgressReporter, Task
from pypet.leaves import Parameter
from pypet.runs import run_table_of
from pypet.trajectory.continuation.extension import append_points
from pypet.trajectory.continuation.stored import load_if_stored, match_runs_with_values
from pypet.trajectory.run_control import leave_run
from pypet.trajectory.seeds import SEED_BITS, make_generator
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.environment.due_runs import Indices
    from pypet.environment.pipeline import Results

GROUP = "searches"
"""Group below ``config`` that has a group for each search of a trajectory."""
_NO_RUN = -1
_SHORT_STORE = 0.25
"""Storing a point may take this part of a run's time, in which a worker has nothing to do."""
_MOST_AHEAD = 32
"""The most runs for each worker that wait for it to be free."""
_STATE_COMMENT = "State of the sampler, as JSON."

_logger = logging.getLogger("pypet")


class Search:
    """Feeds the runs of an experiment with points of a sampler; made for one call.

    Parameters
    ----------
    store
        Called with full names of leaves and the former number of runs when runs were added: stores
        these leaves, the ranges of the explored parameters among them, before the runs start.
    progress
        They are told when the number of runs grows.
    is_parallel
        Whether runs are executed by workers, which were started before runs are added.
    """

    def __init__(
        self,
        trajectory: Any,
        job: SearchJob,
        origin: Origin,
        store: Callable[[Sequence[str], int], None],
        progress: Sequence[ProgressReporter],
        *,
        is_parallel: bool,
    ) -> None:
        self._trajectory = trajectory
        self._job = job
        self._origin = origin
        self._store = store
        self._progress = progress
        self._is_parallel = is_parallel
        self._began = monotonic()
        self._names = _full_names(trajectory, job.space)
        self._asked: dict[int, Point] = {}
        """Points of runs whose values the sampler lacks, by run index, as it has given them."""
        self._best: tuple[float, int] | None = None
        """The best value, and its run."""
        self._since_best = 0
        """Number of runs that were passed to the sampler since the best one."""
        self._pace = _Pace()
        self._group = ""
        self._stop_reason: str | None = None

    # ----- the beginning --------------------------------------------------------------------

    def begin(self) -> None:
        """Tell the sampler of the runs so far, and ask for the first point if none is due.

        Called after the trajectory has become the stored one, if there is one, and before the
        experiment stores anything.

        Raises
        ------
        ValueError
            Other parameters are explored than those of the space; or there is no first point.
        """
        trajectory, job = self._trajectory, self._job
        explored = trajectory.f_get_explored_parameters(copy=False)
        if explored and set(explored) != set(self._names.values()):
            raise ValueError(
                "A search is over all explored parameters, but these are "
                f"{', '.join(sorted(explored))}, and the space has "
                f"{', '.join(sorted(self._names.values()))}."
            )
        for name, parameter in explored.items():
            if not parameter.f_has_range():
                load_if_stored(trajectory, name, constants.LOAD_DATA)
        match_runs_with_values(trajectory)
        seed, state = self._find_or_add_record()
        with self._origin.named():
            job.sampler.start(dict(job.space), direction=job.direction, seed=seed)
        if explored:
            self._tell_history()
        if state:
            with self._origin.named():
                job.sampler.restore(state)
        if explored and len(self.due(run_table_of(trajectory).pending())):
            return
        if not self.draw(1, 0, 1) and not explored:
            raise ValueError(
                f"Sampler {job.sampler.name!r} has no point to begin with, so there is no run."
            )

    def due(self, indices: Indices) -> Indices:
        """Return the runs among ``indices`` to execute: all but those that failed."""
        failed = run_table_of(self._trajectory).errors
        return indices[~np.isin(indices, list(failed))] if failed else indices

    def _tell_history(self) -> None:
        """Tell values of runs that were executed before, and failures, in the order of runs."""
        trajectory, names = self._trajectory, self._names
        runs = run_table_of(trajectory)
        values = self._stored_values() if runs.any_completed() else {}
        ranges = [
            tree_of(trajectory).leaves[name].f_get_range(copy=False) for name in names.values()
        ]
        points: list[Point] = []
        told: list[float | None] = []
        for index in range(len(trajectory)):
            if index not in values and index not in runs.errors:
                continue
            value = _finite(values.get(index))
            points.append(dict(zip(names, [values_[index] for values_ in ranges], strict=True)))
            told.append(value)
            self._compare(index, value)
        unknown = int(runs.any_completed()) and len(runs.completed_indices()) - len(values)
        if unknown:
            _logger.warning(
                "The objective %r of %d completed runs is not known; the sampler does not learn "
                "of them.",
                self._job.objective.name,
                unknown,
            )
        if points:
            _logger.info("The sampler learns of %d runs so far.", len(points))
            with self._origin.named():
                self._job.sampler.tell(points, told)

    def _stored_values(self) -> dict[int, float]:
        """Return the values of the objective of completed runs by index."""
        from pypet.tables import read_table  # not before a search goes on

        objective = self._job.objective
        try:
            table = read_table(
                self._trajectory,
                results=[objective.result],
                parameters=(),
                completed_only=True,
                objects=True,
            )
        except (AttributeError, DataNotInStorageError):
            return {}
        column = table[objective.result]
        known = ~column.missing
        values = zip(table.indices[known].tolist(), column.values[known].tolist(), strict=True)
        return {index: as_number(value, objective.name) for index, value in values}

    # ----- points ---------------------------------------------------------------------------

    def draw(self, free: int, active: int, workers: int) -> Sequence[int]:
        """Add runs at points of the sampler, store them, and return their indices.

        Parameters
        ----------
        free
            Number of tasks that the scheduler can take.
        active
            Number of runs that were submitted and have not ended.
        workers
            Number of workers that execute runs.
        """
        job, trajectory = self._job, self._trajectory
        has_runs = bool(trajectory.f_get_explored_parameters(copy=False))
        if has_runs and self._is_over():
            return ()
        if self._awaits_values:
            free = min(free, self._pace.wanted(active, workers))
        length = len(trajectory) if has_runs else 0
        if job.criteria.max_runs is not None:
            free = min(free, int(job.criteria.max_runs) - length)
        if free < 1:
            return ()
        with self._origin.named():
            points = list(job.sampler.ask(free))
            state = job.sampler.state() if points else {}
        if not points:
            return ()
        columns = self._columns(points, free)
        if has_runs:
            leave_run(trajectory)
            append_points(trajectory, columns)
        else:
            trajectory.f_explore(columns)
        record = self._put_state(state)
        if trajectory.v_stored:
            began = monotonic()
            self._store([*columns, *record], length)
            if self._is_parallel:
                self._pace.stored(monotonic() - began)
        indices = range(length, len(trajectory))
        self._asked.update(zip(indices, points, strict=True))
        if job.criteria.max_runs is None:
            self._report_growth()
        return indices

    def task(self, index: int) -> Task:
        """Return the task of a run, with its point for workers that do not know it."""
        task = self._job.task(index)
        if not self._is_parallel:
            return task
        leaves = tree_of(self._trajectory).leaves
        explored = self._trajectory.f_get_explored_parameters(copy=False)
        values = {name: leaves[name].f_get_range(copy=False)[index] for name in explored}
        return task._replace(point=values)

    @property
    def _awaits_values(self) -> bool:
        """Whether what is asked for, and whether anything is, depends on the values so far."""
        others = self._job.criteria._replace(max_runs=None)
        return self._job.sampler.learns or others != StopCriteria()

    def _columns(self, points: Sequence[Point], asked: int) -> dict[str, list[Any]]:
        """Return the values of each parameter by full name, checked."""
        names = self._names
        name = self._job.sampler.name
        if len(points) > asked:
            raise PluginError(f"Sampler {name!r} gave {len(points)} points instead of {asked}.")
        for point in points:
            if set(point) != set(names):
                raise PluginError(
                    f"Sampler {name!r} gave a point of {', '.join(map(str, point)) or 'nothing'} "
                    f"instead of {', '.join(names)}."
                )
        return {full: [point[short] for point in points] for short, full in names.items()}

    def expected_total(self, known: int) -> int:
        """Return the number of runs that there will be, as far as that is known."""
        most = self._job.criteria.max_runs
        return known if most is None else max(known, int(most))

    def _report_growth(self) -> None:
        runs = run_table_of(self._trajectory)
        total = runs.selected_count
        for reporter in self._progress:
            reporter.start(total, total - len(runs.pending()))

    # ----- values ---------------------------------------------------------------------------

    def completed(self, outcome: Outcome) -> None:
        """Tell the value of a run that completed."""
        value = outcome.value
        self._pace.ran(outcome.finished - outcome.started)
        self._tell(outcome.index, _finite(value.value) if isinstance(value, Evaluated) else None)

    def failed(self, index: int) -> None:
        """Tell that a run failed for good."""
        self._tell(index, None)

    def _tell(self, index: int, value: float | None) -> None:
        point = self._asked.pop(index, None)
        if point is None:  # the run was due when the search began
            leaves = tree_of(self._trajectory).leaves
            point = {
                short: leaves[full].f_get_range(copy=False)[index]
                for short, full in self._names.items()
            }
        with self._origin.named():
            self._job.sampler.tell([point], [value])
        self._compare(index, value)

    def _compare(self, index: int, value: float | None) -> None:
        """Remember the best value and how many runs there were since."""
        if value is not None and (self._best is None or self._is_better(value, self._best[0])):
            self._best = (value, index)
            self._since_best = 0
        else:
            self._since_best += 1

    def _is_better(self, value: float, other: float) -> bool:
        return value < other if self._job.direction == MINIMIZE else value > other

    def _is_over(self) -> bool:
        """Return whether a criterion other than the number of runs is met."""
        if self._stop_reason is None:
            self._stop_reason = self._met_criterion()
            if self._stop_reason is not None:
                _logger.info("The search asks for no further points: %s.", self._stop_reason)
        return self._stop_reason is not None

    def _met_criterion(self) -> str | None:
        criteria, best = self._job.criteria, self._best
        if criteria.max_seconds is not None and monotonic() - self._began >= criteria.max_seconds:
            return f"{criteria.max_seconds} seconds are over"
        if best is not None and criteria.target is not None:
            value, index = best
            if not self._is_better(float(criteria.target), value):
                return f"run {index} has reached the target with {value}"
        if criteria.patience is not None and self._since_best >= criteria.patience:
            return f"the last {self._since_best} runs were no better"
        return None

    # ----- what is recorded -----------------------------------------------------------------

    def _find_or_add_record(self) -> tuple[int, Mapping[str, Any]]:
        """Return seed and state of the search; it goes on if the trajectory has the same one."""
        trajectory, job = self._trajectory, self._job
        if trajectory.v_stored and storage_service_of(trajectory).keeps_data:
            load_if_stored(trajectory, f"config.{GROUP}", constants.LOAD_DATA)
        settings = {
            "sampler": job.sampler.name,
            "objective": job.objective.name,
            "direction": job.direction,
            "space": json.dumps(
                {name: each.describe() for name, each in job.space.items()}, default=repr
            ),
        }
        number = 0
        while (
            group := tree_of(trajectory).get_node(f"config.{GROUP}.search_{number}")
        ) is not None:
            known = {name: _value(group, name) for name in (*settings, "seed", "state")}
            if all(known[name] == text for name, text in settings.items()):
                seed = known["seed"]
                if job.seed is None or job.seed == seed:
                    self._group = f"{GROUP}.search_{number}"
                    return int(seed or 0), json.loads(known["state"] or "{}")
            number += 1
        self._group = f"{GROUP}.search_{number}"
        seed = job.seed
        if seed is None:
            generator = make_generator(trajectory._seed or 0, _NO_RUN, self._group)
            seed = int(generator.integers(2**SEED_BITS))
        comments = {
            "sampler": "What chose the points.",
            "objective": "The result, or the function of the return value, that is searched by.",
            "direction": "Whether small or large values are good.",
            "space": "Ranges of the parameters, as JSON.",
        }
        for name, text in settings.items():
            self._put(name, text, comments[name])
        self._put("seed", seed, "Seed of the sampler.")
        self._put("state", "{}", _STATE_COMMENT)
        return seed, {}

    def _put_state(self, state: Mapping[str, Any]) -> list[str]:
        """Keep the state of the sampler in memory; return full names of leaves to store with it."""
        changed = self._put("state", json.dumps(dict(state)), _STATE_COMMENT)
        group: Any = tree_of(self._trajectory).get_node(f"config.{self._group}")
        leaves = [leaf for leaf in group.f_iter_leaves() if not leaf.v_stored or leaf is changed]
        return [leaf.v_full_name for leaf in leaves]

    def put_result(self) -> list[str]:
        """Record the best run so far; return the full names of leaves to be stored again."""
        value, index = self._best or (math.nan, _NO_RUN)
        leaves = [
            self._put("best_run", index, "Index of the best run, -1 for none."),
            self._put("best_value", value, "Value of the objective in the best run."),
        ]
        return [leaf.v_full_name for leaf in leaves if leaf.v_stored]

    def _put(self, name: str, value: Any, comment: str) -> Any:
        """Add a config leaf, or set the value of the existing one; return it."""
        path = f"{self._group}.{name}"
        leaf = tree_of(self._trajectory).get_node(f"config.{path}")
        if leaf is None:
            leaf = self._trajectory.f_add_config(Parameter, path, value, comment=comment)
        else:
            leaf.f_unlock()
            leaf.f_set(value)
        leaf.f_lock()
        return leaf

    def unwrap(self, results: Results) -> None:
        """Replace what runs have returned to the environment by what the run function returned."""
        results[:] = [
            (index, value.returned if isinstance(value, Evaluated) else value)
            for index, value in results
        ]


class _Pace:
    """How many runs to have active, so that no worker waits while points are stored.

    As many as there are workers, unless runs take hardly longer than storing a point: then some
    more, which are asked for together. Moving averages of both times are in seconds.
    """

    def __init__(self) -> None:
        self._run = 0.0
        self._store = 0.0

    def ran(self, seconds: float) -> None:
        """Take how long a run took."""
        self._run = seconds if not self._run else (self._run + seconds) / 2

    def stored(self, seconds: float) -> None:
        """Take how long it took to store points."""
        self._store = seconds if not self._store else (self._store + seconds) / 2

    def wanted(self, active: int, workers: int) -> int:
        """Return how many runs to add to those that are active, maybe less than 1."""
        ratio = self._store / max(self._run, 1e-6) if self._run else 0.0
        if ratio <= _SHORT_STORE:
            return workers - active
        ahead = min(math.ceil(ratio), _MOST_AHEAD)
        return workers * (1 + 2 * ahead) - active if active <= workers * (1 + ahead) else 0


def _value(group: Any, name: str) -> Any:
    leaf = group._children.get(name)
    return None if leaf is None or leaf.f_is_empty() else leaf.f_get()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _full_names(trajectory: Any, space: Mapping[str, Any]) -> dict[str, str]:
    """Return the full name of the parameter for each name in the space.

    Raises
    ------
    AttributeError
        There is no such parameter.
    ValueError
        A name is that of something else; or two names mean one parameter.
    """
    targets = trajectory._find_targets(dict.fromkeys(space, ()))
    return dict(zip(space, (full for full, _, _ in targets), strict=True))
