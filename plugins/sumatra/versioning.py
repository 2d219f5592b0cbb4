"""The versioning feature: prepares and saves records."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.interfaces import EnvironmentLike, Option, TrajectoryLike, Versioning
from pypet.options.established import established
from pypet.support.filesystem import absolute_path
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.plugins.sumatra.project import SumatraProject

_logger = logging.getLogger("pypet")


class SumatraRecords(Versioning):
    """Prepares a record when runs start and saves it when all of them are completed."""

    name: ClassVar[str] = "sumatra"
    extra: ClassVar[str | None] = "sumatra"
    requires: ClassVar[tuple[str, ...]] = ("sumatra", "git")
    options: ClassVar[tuple[Option, ...]] = established(
        "sumatra_project", "sumatra_reason", "sumatra_label"
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Open the project, if records are requested.

        Raises
        ------
        ValueError
            There is no such project, or it already has a record with this label.
        MissingDependencyError
            Sumatra is not installed.
        """
        self._reason: str = options["sumatra_reason"]
        self._label: str | None = options["sumatra_label"]
        self._stores = bool(options["automatic_storing"])
        self._project: SumatraProject | None = None
        self._record: Any = None
        path = options["sumatra_project"]
        if path is None:
            return
        for package in self.requires:
            require(package, plugin=f"sumatra_project={path!r}", extra=self.extra)
        from pypet.plugins.sumatra.project import SumatraProject

        self._project = SumatraProject(Path(absolute_path(Path(path).expanduser())).resolve())
        self._project.check_label(self._label)

    def snapshot(self, environment: EnvironmentLike) -> str | None:
        """Raise if the project forbids changed code, before anything is stored.

        Raises
        ------
        GitDiffError
            The code was changed since its last commit.
        """
        if self._project is not None:
            self._project.check_code()
        return None

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Prepare the record, now that parameters are complete."""
        if self._project is not None:
            self._project.check_label(self._label)
            self._record = self._project.new_record(
                environment.trajectory, self._full_reason(environment.trajectory), self._label
            )

    def experiment_finished(self, environment: EnvironmentLike) -> None:
        """Save the record, and add its label and reason to the config.

        Errors are logged; they do not affect the results.
        """
        record, self._record = self._record, None
        if self._project is None or record is None:
            return
        try:
            self._project.save(record)
        except Exception:  # stores raise all kinds
            _logger.exception(
                "All runs are completed and stored, but Sumatra could not save its record %s.",
                record.label,
            )
            return
        trajectory = environment.trajectory
        # Sumatra's labels allow more characters than names of nodes.
        group = f"sumatra.record_{re.sub(r'[^A-Za-z0-9_-]', '_', record.label)}"
        leaves = [
            trajectory.f_add_config(f"{group}.label", str(record.label), comment="Its label."),
            trajectory.f_add_config(f"{group}.reason", record.reason, comment="Why it was run."),
        ]
        if self._stores:
            trajectory.f_store_items(leaves)

    def _full_reason(self, trajectory: TrajectoryLike) -> str:
        parts = [f"Trajectory `{trajectory.v_name}`"]
        if trajectory.v_comment:
            parts.append(f"Comment: `{trajectory.v_comment}`")
        explored = sorted(trajectory.f_get_explored_parameters(copy=False))
        if explored:
            parts.append(f"Explored parameters: {', '.join(explored)}")
        prefix = f"{self._reason} -- " if self._reason else ""
        return prefix + ", ".join(parts)
