"""A test of a suite that fails for a broken plugin passes here, and the other way round.

A test class with an attribute ``mutant`` (`tests.mutants.mutant.Mutant`) is the suite of its
family with one test, over that plugin. At the end all are listed with what has caught them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Expect the test to fail if it is one of a broken plugin."""
    mutant = getattr(pyfuncitem.cls, "mutant", None)
    if mutant is None:
        return (yield)
    try:
        yield
    except pytest.skip.Exception as skipped:
        pytest.fail(f"{mutant.name} ({mutant.broken}) is skipped: {skipped}")
    except NameError:
        raise  # the mutant itself is wrong
    except (Exception, pytest.fail.Exception) as error:
        told = str(error).strip().splitlines() or [""]
        line = f"{type(error).__name__}: {told[0]}"[:80]
        pyfuncitem.user_properties.append(("mutant", (mutant.name, pyfuncitem.name, line)))
        return True
    pytest.fail(f"{mutant.name} ({mutant.broken}) is not caught by {pyfuncitem.name}.")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print which broken plugin was caught by which test."""
    rows = [
        value
        for report in terminalreporter.stats.get("passed", ())
        for key, value in getattr(report, "user_properties", ())
        if key == "mutant" and report.when == "call"
    ]
    if not rows:
        return
    terminalreporter.section("broken plugins")
    width = max(len(row[0]) for row in rows)
    for name, test, failure in rows:
        terminalreporter.write_line(f"{name:<{width}}  caught by {test}")
        if terminalreporter.config.getoption("verbose") > 0:
            terminalreporter.write_line(f"{'':<{width}}  {failure}")
    terminalreporter.write_line(f"{len(rows)} broken plugins caught")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the named parameters of a test over a broken plugin."""
    chosen, others = [], []
    for item in items:
        mutant = getattr(getattr(item, "cls", None), "mutant", None)
        fits = mutant is None or "[" not in mutant.caught_by or item.name == mutant.caught_by
        (chosen if fits else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = chosen
