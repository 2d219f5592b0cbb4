"""States of runs, as `Trajectory.f_get_run_information` and ``pypet status`` tell them.

They refine the three words of `Trajectory.f_get_run_states`: committed runs are ``'completed'``,
failed ones ``'failed'``, all others ``'not run'``.
"""

from __future__ import annotations

PENDING = "pending"
"""Not started yet."""
RUNNING = "running"
"""Being executed."""
COMMITTED = "committed"
"""Completed, and everything that it stored counts."""
FAILED = "failed"
"""The last attempt at it ended with an error."""
ABANDONED = "abandoned"
"""Started, and then the process was killed or interrupted: it counts as not run."""

STATES = (PENDING, RUNNING, COMMITTED, FAILED, ABANDONED)
