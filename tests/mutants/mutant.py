"""Broken plugins, and the test of a suite that has to catch each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Members = dict[str, Any]


class Mutant(NamedTuple):
    """One broken plugin."""

    name: str
    broken: str
    """What is wrong with it."""
    base: type
    """The sound plugin."""
    patch: Callable[[type], Members]
    """Returns members that replace those of the base, which it gets."""
    caught_by: str
    """Name of the test that has to fail, with ``[id]`` if it has parameters."""

    def made(self, module: str) -> type:
        """Return the class of the broken plugin, which can be pickled as part of ``module``."""
        members = {"__module__": module, "__qualname__": self.name, **self.patch(self.base)}
        return type(self.name, (self.base,), members)


def suites(
    mutants: Iterable[Mutant], suite: type, members: Callable[[Mutant], Members]
) -> dict[str, type]:
    """Return test classes by name, each with the one test that has to catch a mutant.

    ``members`` returns what a class needs beside the tests.
    """
    tests = [name for name in dir(suite) if name.startswith("test_")]
    found: dict[str, type] = {}
    for mutant in mutants:
        expected = mutant.caught_by.partition("[")[0]
        assert expected in tests, f"{suite.__name__} has no {expected}"
        others: Members = dict.fromkeys((name for name in tests if name != expected), None)
        name = f"Test_{mutant.name}"
        assert name not in found, f"two mutants are called {mutant.name}"
        found[name] = type(name, (suite,), {**others, **members(mutant), "mutant": mutant})
    return found
