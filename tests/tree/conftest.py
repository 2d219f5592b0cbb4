"""A small root, so that the tree is tested on its own, with real parameters and results."""

from __future__ import annotations

import pytest

from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.naturalnaming import (
    ConfigGroup,
    DerivedParameterGroup,
    NaturalNamingInterface,
    ParameterGroup,
    ResultGroup,
)


class Runs:
    """As many runs as it is told, with the names that the wildcards give."""

    def __init__(self, root):
        self.root = root
        self.length = 10

    def find(self, name):
        idx = self.root._tree.wildcards.run_index(name)
        return idx if idx is not None and idx < self.length else None


class Root(DerivedParameterGroup, ResultGroup, ParameterGroup, ConfigGroup):
    """The settings and hooks that a tree needs of its trajectory."""

    def __init__(self, wildcard_functions=None, name="small"):
        super().__init__("", trajectory=self)
        self._name = name
        self._idx = -1
        self._run_name = None
        self._is_run = False
        self._fast_access = self._shortcuts = self._with_links = self._auto_run_prepend = True
        self._max_depth = None
        self._auto_load = self._no_clobber = self._iter_recursive = False
        self._standard_parameter = Parameter
        self._standard_result = self._standard_leaf = Result
        self._storage_service = None
        self._tree = NaturalNamingInterface(self, wildcard_functions)
        self._runs = Runs(self)
        self._told = []

    def __len__(self):
        return self._runs.length

    def _leaf_added(self, leaf):
        self._told.append(("added", leaf._full_name))

    def _leaf_removed(self, leaf):
        self._told.append(("removed", leaf._full_name))

    def f_idx_to_run(self, idx):
        if not 0 <= idx < self._runs.length:
            raise KeyError(idx)
        return self._tree.wildcards.run_name(idx)

    def set_run(self, idx):
        self._idx = idx
        self._run_name = self._tree.wildcards.run_name(idx) if idx >= 0 else None

    def start_run(self, idx):
        self.set_run(idx)
        self._is_run = True

    def end_run(self):
        self._is_run = False
        self._tree.remove_new_nodes()
        self.set_run(-1)


@pytest.fixture
def make_root():
    return Root


@pytest.fixture
def traj():
    return Root()
