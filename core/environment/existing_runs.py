"""Option ``on_existing``: a script that is started again executes only the missing runs.

The script sets up its trajectory as if it were new. If there is a stored trajectory of the same
name when the runs are to be executed, the new one becomes the stored one: the points of the script
are matched with stored points by the values of the explored parameters. Points that are added
later, by post-processing or between two experiments, are matched in the same way.
"""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.environment.config_entries import ADDED_RUNS, GROUP
from pypet.environment.reporting import NAMES_SHOWN, where_stored
from pypet.errors import ExistingTrajectoryError
from pypet.options.checks import EXTEND
from pypet.runs import run_table_of
from pypet.trajectory.continuation.comparison import check_same_parameters
from pypet.trajectory.continuation.extension import become_stored, points_of, replace_added_runs
from pypet.trajectory.continuation.point_matching import Point, match_points
from pypet.trajectory.continuation.stored import (
    delete_stored,
    differing_results,
    find_stored,
    is_blank,
    load_if_stored,
    load_nodes_of_runs,
    load_parameters,
    remove_nodes,
)
from pypet.trajectory.seeds import latest_seed
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.environment.config_entries import EnvironmentConfig
    from pypet.environment.due_runs import Indices
    from pypet.environment.job import Job
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")


class ExistingRuns:
    """Matches points with stored runs; made for one environment.

    ``policy`` is the value of the option; with None the methods do nothing.
    """

    def __init__(
        self, trajectory: Trajectory, policy: str | None, config: EnvironmentConfig
    ) -> None:
        self._trajectory: Any = trajectory
        self._policy = policy
        self._config = config
        self._has_adopted = False
        self._has_failed = False
        self._length = 0
        """Number of runs that were matched; runs from this index on were added since."""
        self._unclaimed: set[int] = set()
        """Stored runs whose points were not requested yet."""
        self._due: list[int] = []
        """Stored runs that were requested since the last pass and have to be executed."""
        self._expansions = 0
        """Number of recorded expansions by post-processing."""
        self._loads_nodes = False
        self._loaded: list[str] = []

    def seed(self) -> int | None:
        """Return the seed of the stored trajectory, None if there is none."""
        trajectory = self._trajectory
        if self._policy is None or trajectory.v_stored:
            return None
        stored = find_stored(trajectory)
        return None if stored is None else latest_seed(stored)

    def begin(self, job: Job | None, *, post_processes: bool = False) -> None:
        """Continue a stored trajectory of the same name, if there is one, or match added points.

        Called when an experiment begins, after parameters were added and explored. The ``job``
        gets the place of each run in the script. With ``post_processes``, missing runs that
        post-processing added in an earlier start are executed, too, because it might see them in
        the trajectory and not request them again.

        Raises
        ------
        ExistingTrajectoryError
            The stored trajectory has other parameters; or it lacks points, and none may be added.
        """
        trajectory = self._trajectory
        if self._policy is None:
            return
        if self._has_adopted:
            remove_nodes(trajectory, self._loaded)
            self._loaded = []
            self.claim_added(job)
            return
        if self._has_failed:
            raise ExistingTrajectoryError(
                f"Trajectory {trajectory.v_name!r} has become the stored one only in part, because "
                "of an error: start the script again."
            )
        if trajectory.v_stored:
            return
        stored = find_stored(trajectory)
        if stored is None:
            return
        load_parameters(stored, trajectory)
        if is_blank(stored):
            _logger.info("An earlier start ended before it had stored anything; this one begins.")
            delete_stored(trajectory)
            return
        self._adopt(stored, job, post_processes=post_processes)

    def include_stored_points(self) -> None:
        """Explore the points of a stored trajectory of the same name, in memory, beside the given.

        For searches: what an earlier start has asked for belongs to this one, too. Where the
        parameters differ nothing is done, for `begin` raises then.
        """
        trajectory = self._trajectory
        if self._policy is None or self._has_adopted or trajectory.v_stored:
            return
        stored = find_stored(trajectory)
        if stored is None:
            return
        load_parameters(stored, trajectory)
        names = list(stored.f_get_explored_parameters(copy=False))
        leaves = tree_of(trajectory).leaves
        given = trajectory.f_get_explored_parameters(copy=False)
        if not names or not leaves.keys() >= set(names) or (given and set(given) != set(names)):
            return
        places: Sequence[int] = range(len(stored))
        points = points_of(stored, names)
        if given:
            parameters = [leaves[name] for name in names]
            own = points_of(trajectory, names)
            matches = match_points(parameters, enumerate(points), own, frozenset())
            places = sorted(set(places).difference(matches))
        if places:
            trajectory.f_expand(_columns(names, [points[place] for place in places]))

    def _adopt(self, stored: Any, job: Job | None, *, post_processes: bool) -> None:
        trajectory, where = self._trajectory, where_stored(self._trajectory)
        check_same_parameters(trajectory, stored)
        names = list(stored.f_get_explored_parameters(copy=False))
        parameters = [tree_of(trajectory).leaves[name] for name in names]
        points = points_of(trajectory, names)
        completed = frozenset(run_table_of(stored).completed_indices().tolist())
        known = enumerate(points_of(stored, names))
        matches = match_points(parameters, known, points, completed)
        missing = [points[place] for place, index in enumerate(matches) if index is None]
        if missing and self._policy != EXTEND:
            raise self._missing_points_error(names, missing)
        runs = _filled(matches, len(stored))
        unclaimed = set(range(len(stored))).difference(runs)
        added: list[int] = []
        if post_processes and unclaimed - completed:
            added = sorted(unclaimed.intersection(added_runs(stored)))
        executed = [index for index in (*runs, *added) if index not in completed]
        if job is not None:
            job.place([*runs, *added], completed)
            job.check_runs(len(executed))
        self._has_failed = True
        become_stored(trajectory, stored, _columns(names, missing))
        self._has_failed = False
        run_table_of(trajectory).select([*runs, *added])
        self._has_adopted = self._loads_nodes = True
        self._length = len(trajectory)
        self._unclaimed = unclaimed
        self._config.put_trajectory()
        _logger.info(
            "Continuing %s. Of %d requested runs, %d are completed and not executed "
            "again, %d are new; %d other stored runs are left unchanged.",
            where,
            len(runs),
            len(completed.intersection(runs)),
            len(missing),
            len(unclaimed.difference(added)),
        )
        if added:
            _logger.info("%d runs were added by post-processing of earlier starts.", len(added))

    def _missing_points_error(
        self, names: Sequence[str], missing: Sequence[Point]
    ) -> ExistingTrajectoryError:
        shown = [_described(names, point) for point in missing[:NAMES_SHOWN]]
        if len(missing) > len(shown):
            shown.append(f"and {len(missing) - len(shown)} more")
        listed = "\n".join(f"    {line}" for line in shown)
        return ExistingTrajectoryError(
            f"There is {where_stored(self._trajectory)} already, but without these "
            f"requested points:\n{listed}\n"
            "on_existing='extend' adds them to it and executes their runs. Nothing was changed."
        )

    def claim_added(self, job: Job | None) -> bool:
        """Replace runs that were added since the last call by stored runs of the same points.

        Return whether there were any. Those that are not completed have to be executed, see
        `with_claimed`; added runs without a stored one stay.
        """
        trajectory = self._trajectory
        first = self._length
        if not self._has_adopted or len(trajectory) <= first:
            return False
        names = list(trajectory.f_get_explored_parameters(copy=False))
        parameters = [tree_of(trajectory).leaves[name] for name in names]
        points = points_of(trajectory, names, first)
        stored = points_of(trajectory, names)
        known = [(index, stored[index]) for index in sorted(self._unclaimed)]
        runs = run_table_of(trajectory)
        completed = frozenset(runs.completed_indices().tolist())
        matches = match_points(parameters, known, points, completed)
        claimed = [index for index in matches if index is not None]
        if claimed:
            new = [points[place] for place, index in enumerate(matches) if index is None]
            replace_added_runs(trajectory, first, _columns(names, new))
            runs.select([*runs.selected, *claimed])
            self._unclaimed.difference_update(claimed)
            self._due += [index for index in claimed if index not in completed]
            self._loads_nodes = True
            _logger.info(
                "Of %d points that were added, %d are stored already.", len(points), len(claimed)
            )
        self._length = len(trajectory)
        if job is not None:
            job.place(_filled(matches, first), completed)
        return bool(claimed)

    def record_added(self, job: Job, first: int) -> None:
        """Record for the next start that post-processing added the runs from ``first`` on.

        Not if it has replaced the arguments: these are known only to itself.
        """
        stop = len(self._trajectory)
        if self._policy is not None and job.has_own_arguments and first < stop:
            self._config.put_added_runs(self._expansions, first, stop)
            self._expansions += 1

    def with_claimed(self, indices: Indices) -> Indices:
        """Return ``indices`` together with the stored runs that were requested since."""
        due, self._due = self._due, []
        return np.union1d(indices, np.array(due, np.int64)) if due else indices

    def end(self) -> None:
        """Load the nodes of runs that were not executed because they are completed.

        Called when everything is stored; an error is logged, so that no return values are lost.
        """
        if not self._loads_nodes:
            return
        self._loads_nodes = False
        try:
            self._loaded = load_nodes_of_runs(self._trajectory)
        except Exception as error:
            _logger.warning("The nodes of stored runs could not be loaded: %r", error)

    def warn_of_kept_results(self) -> None:
        """Warn if a result outside of runs differs from the stored one, which is kept."""
        if not self._has_adopted:
            return
        names = differing_results(self._trajectory)
        if names:
            _logger.warning(
                "Stored with other data by an earlier start, and left as it is: %s. To store what "
                "it is now, call traj.f_store_items([...], overwrite=True) with these names.",
                ", ".join(map(repr, names)),
            )


def added_runs(stored: Any) -> set[int]:
    """Return the indices of runs that earlier environments have recorded as added."""
    load_if_stored(stored, f"config.{GROUP}", constants.LOAD_SKELETON)
    leaves = [
        leaf
        for leaf in tree_of(stored).leaves.values()
        if leaf.v_branch == "config" and leaf.v_location.endswith(f".{ADDED_RUNS}")
    ]
    if leaves:
        stored.f_load_items(leaves)
    return {index for leaf in leaves for index in range(*leaf.f_get())}


def _filled(matches: Sequence[int | None], first: int) -> list[int]:
    """Return run indices; missing ones are numbered from ``first`` on."""
    runs = []
    for index in matches:
        if index is None:
            index, first = first, first + 1
        runs.append(index)
    return runs


def _columns(names: Sequence[str], points: Sequence[Point]) -> dict[str, list[Any]]:
    return {name: [point[column] for point in points] for column, name in enumerate(names)}


def _described(names: Sequence[str], point: Point) -> str:
    values = (f"{name}={reprlib.repr(value)}" for name, value in zip(names, point, strict=True))
    return ", ".join(values) or "the only run"
