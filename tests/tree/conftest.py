"""The tree is tested on its own, below a small root with real parameters and results, and below
a real trajectory."""

from __future__ import annotations

import gc
import sys

import pytest

from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.naturalnaming import NaturalNamingInterface
from pypet.trajectory import Trajectory
from pypet.tree.lookup import LookupSettings
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import RootGroup


class Runs:
    """As many runs as it is told, with the names that the wildcards give."""

    def __init__(self, root):
        self.root = root
        self.length = 10

    def find(self, name):
        idx = tree_of(self.root).wildcards.run_index(name)
        return idx if idx is not None and idx < self.length else None


class Root(RootGroup):
    """The settings and hooks that a tree needs of its trajectory."""

    def __init__(self, wildcard_functions=None, name="small"):
        super().__init__("", trajectory=self)
        self._name = name
        self._idx = -1
        self._run_name = None
        self._is_run = False
        self._lookup = LookupSettings(fast_access=True)
        self._auto_run_prepend = True
        self._no_clobber = self._iter_recursive = False
        self._standard_parameter = Parameter
        self._standard_result = self._standard_leaf = Result
        self._storage_service = None
        self._tree = NaturalNamingInterface(self, wildcard_functions)
        self._runs = Runs(self)
        self._told = []

    def __len__(self):
        return self._runs.length

    @property
    def v_storage_service(self):
        return self._storage_service

    @v_storage_service.setter
    def v_storage_service(self, service):
        object.__setattr__(self, "_storage_service", service)

    def set_length(self, length):
        self._runs.length = length

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


def lookup_settings_of(root):
    """Return what lookups below a root do by default."""
    return root._lookup


class FullRoot(Trajectory):
    """A real trajectory with ten runs and what the tests need beside."""

    def __init__(self, wildcard_functions=None):
        super().__init__("small", wildcard_functions=wildcard_functions)
        self._told = []
        self.set_length(10)

    def set_length(self, length):
        self._runs.reset(length)

    def set_run(self, idx):
        self._is_run = False
        self.f_set_crun(idx)

    def start_run(self, idx):
        self.set_run(idx)
        self._is_run = True

    def end_run(self):
        self._is_run = False
        self._tree.remove_new_nodes()
        self.set_run(-1)

    def _leaf_added(self, leaf):
        super()._leaf_added(leaf)
        self._told.append(("added", leaf._full_name))

    def _leaf_removed(self, leaf):
        super()._leaf_removed(leaf)
        self._told.append(("removed", leaf._full_name))


@pytest.fixture(params=[Root, FullRoot])
def make_root(request):
    return request.param


@pytest.fixture
def traj(make_root):
    return make_root()


@pytest.fixture
def count_calls():
    """Count the Python and C calls that a function makes: its cost, without a clock."""

    def count(function):
        function()  # what is remembered for next time is not counted
        gc.collect()
        gc.disable()  # finalizers of what other tests left behind are not counted either
        try:
            return min(count_once(function) for _ in range(3))
        finally:
            gc.enable()

    def count_once(function):
        calls = 0

        def trace(frame, event, arg):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(trace)
        try:
            function()
        finally:
            sys.setprofile(None)
        return calls

    return count
