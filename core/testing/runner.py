"""`pypet.test`: tests of the installed plugins."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pypet.support.arguments import check_path
from pypet.support.optional import require

Predicate = Callable[[str, str, frozenset[str]], bool]

_TESTS = """\
from pypet.testing.installed import suites

globals().update(suites())
"""


def test(
    folder: str | os.PathLike[str] | None = None,  # noqa: PT028 - not a test of pytest
    remove: bool = True,  # noqa: PT028
    predicate: Predicate | None = None,  # noqa: PT028
) -> int:
    """Test this installation: every storage service and wrap mode, and whole experiments.

    Plugins that are not installed or switched off are skipped. Needs pytest, which writes to
    stdout, and takes a minute or two. Call it below ``if __name__ == "__main__"`` in scripts, since
    it starts processes.

    Parameters
    ----------
    folder
        Parent of the folder with the data of the tests; None: the one for temporary files.
    remove
        Whether to remove the data at the end.
    predicate
        Called with the names of class and test and a set of tags, for example
        ``{'storage', 'hdf5'}``; tests for which it returns a false value are skipped. None: all
        tests run.

    Returns
    -------
    int
        0 if all tests passed, else the exit code of pytest: 1 if some failed, 5 if none was
        chosen.

    Raises
    ------
    MissingDependencyError
        pytest is not installed.
    OSError
        The folder cannot be made.
    """
    pytest = require("pytest", plugin="pypet.test()", extra="test")
    if folder is not None:
        check_path(folder, "folder")
        os.makedirs(folder, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="pypet-test-", dir=folder)).absolute()
    try:
        tests, settings = place / "test_installed.py", place / "pytest.ini"
        tests.write_text(_TESTS, encoding="utf8")
        settings.write_text("[pytest]\n", encoding="utf8")
        pytest.register_assert_rewrite("pypet.testing")
        arguments = [str(tests), "-c", str(settings), "--rootdir", str(place)]
        arguments += ["--basetemp", str(place / "data"), "-p", "no:cacheprovider", "-q"]
        return int(pytest.main(arguments, plugins=[_Choice(predicate)]))
    finally:
        if remove:
            shutil.rmtree(place, ignore_errors=True)


setattr(test, "__test__", False)  # noqa: B010 - pytest must not collect it where it is imported


class _Choice:
    """A pytest plugin that deselects tests by a predicate."""

    def __init__(self, predicate: Predicate | None) -> None:
        self._predicate = predicate

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Called by pytest when it has collected all tests."""
        if self._predicate is None:
            return
        chosen: list[Any] = []
        others: list[Any] = []
        for item in items:
            (chosen if self._chooses(item) else others).append(item)
        config.hook.pytest_deselected(items=others)
        items[:] = chosen

    def _chooses(self, item: Any) -> bool:
        assert self._predicate is not None
        tags = frozenset(getattr(item.cls, "tags", ()))
        return bool(self._predicate(item.cls.__name__, item.originalname, tags))
