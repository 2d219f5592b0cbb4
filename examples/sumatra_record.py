"""Record an experiment in a Sumatra project, which is made in a temporary folder here.

python examples/sumatra_record.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from pypet import Environment

SETTING_UP = (
    ("git", "init", "-q"),
    ("git", "config", "user.name", "A. Scientist"),
    ("git", "config", "user.email", "scientist@example.org"),
    ("git", "add", "model.py"),
    ("git", "commit", "-q", "-m", "First model"),
    (sys.executable, "-W", "ignore", "-c", "from sumatra.commands import init; init(['growth'])"),
)


def make_project(folder):
    """Make a repository with a script, and a Sumatra project for it."""
    (folder / "model.py").write_text("RATE = 0.1\n")
    for command in SETTING_UP:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def grow(traj):
    """Store the size of a population after ten years."""
    size = traj.start * (1 + traj.rate) ** 10
    traj.f_add_result("size", size)
    return size


def main():
    with tempfile.TemporaryDirectory() as name:
        make_project(Path(name))
        with Environment(
            "growth",
            comment="growth for three rates",
            storage_service="memory",
            log_config=None,
            report_progress=False,
            sumatra_project=name,
            sumatra_reason="Which rate doubles the population?",
        ) as env:
            env.traj.f_add_parameter("start", 100.0)
            env.traj.f_add_parameter("rate", 0.1)
            env.traj.f_explore({"rate": [0.05, 0.07, 0.09]})
            env.run(grow)
        for record in env.traj.f_get("config.sumatra").f_iter_nodes(recursive=False):
            print(f"{record.label}: {record.reason}")


if __name__ == "__main__":
    main()
