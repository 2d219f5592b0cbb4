"""Execute every run in a process of its own.

Where the platform can fork, runs inherit everything, so that nothing but what they return needs
to be picklable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pypet.interfaces import Scheduler
from pypet.markers import hookimpl
from pypet.plugins._workers.crew import Crew
from pypet.plugins._workers.scheduler import WorkersScheduler
from pypet.plugins._workers.single_use import SingleUseWorkers
from pypet.plugins._workers.workers import Workers


class ProcessScheduler(WorkersScheduler):
    """Starts a process for each run, at most ``ncores`` at once, as far as gates admit them.

    To fork a large process is dear, for the process that does it, too. So the main process forks
    ``ncores`` launchers once, and those fork the runs.
    """

    name: ClassVar[str] = "process"
    default_on_error: ClassVar[str] = "continue"

    def _make_workers(self, options: Mapping[str, Any]) -> Workers:
        if options["start_method"] != "fork":
            return SingleUseWorkers(options["ncores"], options["start_method"], options["niceness"])
        from pypet.plugins._workers.launching import Launching  # only for platforms that fork

        return Crew(
            options["ncores"],
            "fork",
            options["niceness"],
            Launching,
            "pypet-launcher",
            one_by_one=bool(options.get("immediate_postproc")),
            bequeaths=True,
        )


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler with a process for each run."""
    return [ProcessScheduler]
