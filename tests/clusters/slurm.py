"""A real Slurm of three nodes."""

from __future__ import annotations

import time

from tests.clusters.bed import Bed

POLL_SECONDS = 0.2


class Slurm(Bed):
    """Nodes n1 to n3 with 4 CPUs each, partition ``main``; sbatch and its kin work.

    Jobs of the partition ``urgent`` preempt others, which have 20 s to end.
    """

    script = "slurm"
    programs = {
        "slurmctld": "slurm-wlm",
        "slurmd": "slurm-wlm",
        "sbatch": "slurm-wlm",
        "munged": "munge",
        "ip": "iproute2",
    }

    def submit(self, *arguments: object, **options: object) -> str:
        """Return the number of a job that ``sbatch`` got."""
        return self.run("sbatch", "--parsable", *arguments, **options).stdout.strip()

    def state(self, job: str) -> str:
        """Return the state of a job, such as ``COMPLETED``."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job).stdout
        return next(part[9:] for part in shown.split() if part.startswith("JobState="))

    def wait(self, job: str, *states: str, seconds: float = 100) -> str:
        """Return the state of a job once it is one of ``states``, by default of its end."""
        wanted = states or ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL")
        deadline = time.monotonic() + seconds
        while (state := self.state(job)) not in wanted:
            assert time.monotonic() < deadline, f"job {job} is {state} after {seconds} s"
            time.sleep(POLL_SECONDS)
        return state
