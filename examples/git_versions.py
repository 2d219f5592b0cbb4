"""Remember which code an experiment ran with, with and without a commit, and bring it back.

Makes a small repository in a temporary folder, so that it touches none of yours. Needs git and
``pip install "pypet[git]"``.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from pypet import Environment, Trajectory
from pypet.plugins.git import checkout_code

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def multiply(traj: Trajectory) -> None:
    traj.f_add_result("z", traj.x * traj.y)


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True)


def experiment(repository: Path, *, commit: bool) -> Environment:
    """Run something with the code in the repository, and return its environment."""
    with Environment(
        trajectory="versions",
        storage_service="memory",
        log_config=None,
        git_repository=repository,
        git_message="Before the experiment",
        git_commit=commit,
    ) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_add_parameter("y", 2)
        env.traj.f_explore({"x": [1, 2, 3]})
        env.run(multiply)
    return env


def main() -> None:
    os.environ.update(IDENTITY)
    with tempfile.TemporaryDirectory() as name:
        repository = Path(name) / "code"
        repository.mkdir()
        model = repository / "model.py"
        model.write_text("RATE = 1\n")
        git(repository, "init", "--quiet")
        git(repository, "add", "model.py")
        git(repository, "commit", "--quiet", "--message", "First model")

        model.write_text("RATE = 2\n")
        committed = experiment(repository, commit=True)
        print("committed:", committed.hexsha)

        model.write_text("RATE = 3\n")
        (repository / "notes.txt").write_text("not known to git\n")
        noted = experiment(repository, commit=False)

        model.write_text("RATE = 4\n")
        for title, env in (("commit", committed), ("difference", noted)):
            folder = checkout_code(env.traj, Path(name) / title, repository)
            files = ", ".join(sorted(path.name for path in folder.iterdir()))
            print(f"{title}: {(folder / 'model.py').read_text().strip()} in {files}")


if __name__ == "__main__":
    main()
