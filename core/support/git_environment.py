"""Let git find a repository by its folder although this process was started by git itself.

A hook, an alias or ``git rebase --exec`` exports which repository, index and object folder git is
working on; every git below it would use these, whatever folder it is started in.
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
"""Variables that belong to one repository: ``git rev-parse --local-env-vars`` and what receiving a
push sets, without the user's own settings (``GIT_CONFIG_COUNT``, ``GIT_CONFIG_PARAMETERS``)."""


@contextmanager
def without_git_environment() -> Iterator[None]:
    """Hide the variables for the length of a block, then put them back.

    They are hidden from the whole process. Outside of hooks there are none, and nothing happens.
    """
    hidden = {name: os.environ.pop(name) for name in REPOSITORY_VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)
