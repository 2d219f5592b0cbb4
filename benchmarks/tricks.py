"""What each speed trick gains: a job without it against the same job with it, in one run.

    python benchmarks/tricks.py [TRICK ...]

Tricks are those of `pypet.support.tricks`, each switched off by PYPET_PLAIN in processes that take
turns with others where it is on. Jobs run at default settings, where the trick should gain most.
A trick that gains less than a tenth is not worth its code.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any, NamedTuple

from comparison import JOBS, NO_BYTECODE, POOL, PROCESS

from pypet.support.tricks import TRICKS, VARIABLE

LEAST_GAIN = 1.1


class Job(NamedTuple):
    """A job of jobs.py and which of its figures counts."""

    kind: str
    runs: int
    options: dict[str, Any]
    figure: str = "seconds"


QUEUE = {"wrap_mode": "QUEUE"}
JOB_OF = {
    "templates": Job("runs", 3000, {}),
    "object_headers": Job("load", 3000, {}, "load"),
    "whole_chunks": Job("arrays", 4, {}),
    "fork_server": Job("runs", 200, {**PROCESS, **QUEUE}),
    "compact_requests": Job("runs", 6000, {**POOL, **QUEUE}),
    "run_banners": Job("runs", 5000, {"log_config": "DEFAULT"}),
    "write_back": Job("arrays", 40, {"synced": True}),
    "allocator_hint": Job("arrays", 40, {**POOL, **QUEUE}),
}


def took(job: Job, plain: str) -> float:
    """Return the figure of a job that is executed once, without the tricks named in ``plain``."""
    arguments = [f"{key}={json.dumps(value)}" for key, value in job.options.items()]
    command = [sys.executable, "-W", "ignore", str(JOBS), job.kind, str(job.runs), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    output = subprocess.check_output(command, env={**environment, VARIABLE: plain}, text=True)
    figures: dict[str, float] = json.loads(output.splitlines()[-1])
    return figures[job.figure]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tricks", nargs="*", metavar="TRICK", help="only these")
    parser.add_argument("--repetitions", type=int, default=5, help="of each job, with and without")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the runs to execute")
    given = parser.parse_args()
    if unknown := set(given.tricks).difference(TRICKS):
        parser.error(f"there is no trick {', '.join(sorted(unknown))}")
    print(f"{'trick':<20}{'on':>10}{'off':>10}{'gain':>8}")
    pays = True
    for trick in given.tricks or TRICKS:
        job = JOB_OF[trick]
        job = job._replace(runs=max(2, round(job.runs * given.scale)))
        pairs = [(took(job, "0"), took(job, trick)) for _ in range(given.repetitions)]
        on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
        gain = statistics.median(without / with_it for with_it, without in pairs)
        verdict = "" if gain >= LEAST_GAIN else f"  under {LEAST_GAIN:g}"
        pays = pays and gain >= LEAST_GAIN
        print(f"{trick:<20}{on:>8.3f} s{off:>8.3f} s{gain:>8.2f}{verdict}", flush=True)
    return 0 if pays else 1


if __name__ == "__main__":
    sys.exit(main())
