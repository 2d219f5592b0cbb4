"""The environment variables with which git selects a repository.

Hooks, aliases and ``git rebase --exec`` export the repository, index and object folder in use. A
git that such a process starts would use these instead of the repository of its folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_CONFIG",
)
"""Variables of a single repository: those of ``git rev-parse --local-env-vars`` and of hooks that
receive a push, without the user's settings (``GIT_CONFIG_COUNT``, ``GIT_CONFIG_PARAMETERS``)."""


@contextmanager
def without_git_environment() -> Iterator[None]:
    """Remove the variables from the environment of the process during a ``with`` block."""
    hidden = {name: os.environ.pop(name) for name in REPOSITORY_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
