"""Log files by name, printed lines in the log, and how far the runs are.

python examples/logging_and_progress.py --folder logs
"""

from __future__ import annotations

import argparse
import logging

from pypet import Environment

logger = logging.getLogger("bakery")


def bake(traj):
    """Bake bread in the heat of this run."""
    print(f"Oven at {traj.heat} degrees")
    if traj.heat > 250:
        logger.warning("Burnt at %d degrees", traj.heat)
    traj.f_add_result("crust", (traj.heat - 180) / 10, comment="Millimetres")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="logs", help="folder of the log files")
    folder = parser.parse_args().folder
    file_format = {"format": "%(asctime)s %(name)s %(levelname)-8s %(message)s"}
    log_config = {
        "version": 1,
        "formatters": {"file": file_format},
        "handlers": {
            # $traj and $env are the names of trajectory and environment; there are also
            # $run, $set, $proc and $host.
            "all": {
                "class": "logging.FileHandler",
                "filename": f"{folder}/$traj.log",
                "formatter": "file",
            },
            "warnings": {
                "class": "logging.FileHandler",
                "filename": f"{folder}/$traj_warnings.log",
                "formatter": "file",
                "level": "WARNING",
            },
        },
        "root": {"handlers": ["all", "warnings"], "level": "INFO"},
    }
    with Environment(
        trajectory="bread",
        storage_service="memory",
        log_config=log_config,
        log_stdout=("oven", logging.INFO),  # what is printed is logged under this name
        report_progress=(25, "pypet", logging.INFO),  # a line each 25 percent
    ) as env:
        env.traj.f_add_parameter("heat", 200, comment="Degrees Celsius")
        env.traj.f_explore({"heat": list(range(200, 280, 10))})
        env.run(bake)
    print(f"The log is in {folder}/bread.log, warnings also in {folder}/bread_warnings.log")


if __name__ == "__main__":
    main()
