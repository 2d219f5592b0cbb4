"""States of runs, in three and in five words.

`pypet.Trajectory.f_get_run_states` has the three words. The five of
`pypet.Trajectory.f_get_run_information` and ``pypet status`` refine them: committed runs are
``'completed'``, failed ones ``'failed'``, all others ``'not run'``.
"""

from __future__ import annotations

COMPLETED = "completed"
NOT_RUN = "not run"

PENDING = "pending"
"""Not started yet."""
RUNNING = "running"
"""Being executed."""
COMMITTED = "committed"
"""Completed, and all of its data is stored."""
FAILED = "failed"
"""The last attempt ended with an error."""
ABANDONED = "abandoned"
"""Started, but the process was killed or interrupted: the run counts as not run."""

STATES = (PENDING, RUNNING, COMMITTED, FAILED, ABANDONED)
