"""Trajectories and their storage against plain dictionaries, through random histories."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.memory import MemoryStorageService

GROUPS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=0, max_size=3)
LEAVES = st.sampled_from(["x", "y"])
VALUES = st.integers(0, 9)
ANY = st.integers(0, 10**6)


class Copy:
    """What is in memory or in the storage: groups, values of leaves, targets of links."""

    def __init__(self):
        self.groups = set()
        self.leaves = {}
        self.links = {}

    def ensure(self, group):
        while group and group not in self.groups:
            self.groups.add(group)
            group = group.rpartition(".")[0]

    def add(self, path, value):
        self.ensure(path.rpartition(".")[0])
        self.leaves.setdefault(path, value)

    def link(self, path, target):
        self.ensure(path.rpartition(".")[0])
        self.links.setdefault(path, target)

    def has(self, path):
        return path in self.groups or path in self.leaves

    def take(self, other, links=True):
        """Take over what is not there yet."""
        for group in other.groups:
            self.ensure(group)
        for path, value in other.leaves.items():
            self.add(path, value)
        for path, target in other.links.items() if links else ():
            self.link(path, target)

    def drop(self, path, *, with_links_to_it):
        """Remove a node with everything below it."""
        below = path + "."

        def gone(name):
            return name == path or name.startswith(below)

        self.groups = {name for name in self.groups if not gone(name)}
        self.leaves = {name: value for name, value in self.leaves.items() if not gone(name)}
        self.links = {
            name: target
            for name, target in self.links.items()
            if not gone(name) and not (with_links_to_it and gone(target))
        }

    def without_broken_links(self):
        """Return a copy that has only links whose targets exist."""
        whole = Copy()
        whole.groups, whole.leaves = set(self.groups), dict(self.leaves)
        whole.links = {path: to for path, to in self.links.items() if self.has(to)}
        return whole


def contents(traj):
    """Return what a trajectory has below ``results``, as a `Copy`."""
    found = Copy()
    pending = [traj.results]
    while pending:
        group = pending.pop()
        found.groups.add(group.v_full_name)
        links = group.f_get_links()
        for name, node in group.f_get_children().items():
            path = f"{group.v_full_name}.{name}"
            if name in links:
                found.links[path] = node.v_full_name
            elif node.v_is_leaf:
                found.leaves[path] = node.f_get()
            else:
                pending.append(node)
    return found


def assert_same(found, expected):
    assert found.groups == expected.groups
    assert found.leaves == expected.leaves
    assert found.links == expected.links


class Histories(RuleBasedStateMachine):
    """Adds, links, removes, stores, deletes, loads, runs and merges."""

    finds_targets_in_memory = True
    """Whether links are loaded whose target was deleted from the storage but is in memory."""

    def make_service(self):
        return MemoryStorageService()

    @initialize()
    def begin(self):
        self.service = self.make_service()
        self.traj = self.new("kept", [10, 11])
        self.length = 2
        self.memory = Copy()
        self.memory.ensure("results")
        self.disk = Copy()
        self.traj.f_add_result_group("results")
        self.traj.f_store()
        self.disk.ensure("results")
        self.merged = 0

    def new(self, name, xs):
        traj = Trajectory(name, storage_service=self.service)
        traj.f_add_parameter("p", 0)
        traj.f_explore({"p": xs})
        return traj

    # ----- in memory -------------------------------------------------------------------------

    @rule(groups=GROUPS, leaf=LEAVES, value=VALUES)
    def add(self, groups, leaf, value):
        path = ".".join(["results", *groups, leaf])
        if path in self.memory.leaves:
            with pytest.raises(AttributeError):
                self.traj.f_add_leaf(path, value)
        else:
            assert self.traj.f_add_leaf(path, value).v_full_name == path
            self.memory.add(path, value)

    @rule(groups=GROUPS, which=ANY)
    def link(self, groups, which):
        targets = sorted(self.memory.groups - {"results"} | self.memory.leaves.keys())
        if not targets:
            return
        target = targets[which % len(targets)]
        # The name follows from the target, so that what is stored never contradicts it.
        path = ".".join(["results", *groups, "to-" + target.replace(".", "-")])
        if path in self.memory.links:
            with pytest.raises(AttributeError):
                self.traj.f_add_link(path, self.traj.f_get(target))
        else:
            self.traj.f_add_link(path, self.traj.f_get(target, shortcuts=False))
            self.memory.link(path, target)

    @rule(which=ANY)
    def remove(self, which):
        names = sorted(self.memory.groups - {"results"} | self.memory.leaves.keys())
        if names:
            path = names[which % len(names)]
            self.traj.f_remove_item(self.traj.f_get(path, shortcuts=False), recursive=True)
            self.memory.drop(path, with_links_to_it=True)

    @precondition(lambda self: self.memory.links)
    @rule(which=ANY)
    def remove_link(self, which):
        path = sorted(self.memory.links)[which % len(self.memory.links)]
        location, _, name = path.rpartition(".")
        self.traj.f_get(location, shortcuts=False).f_remove_link(name)
        del self.memory.links[path]

    # ----- with the storage ------------------------------------------------------------------

    @rule()
    def store(self):
        self.traj.f_store()
        self.disk.take(self.memory)

    @rule(which=ANY)
    def delete(self, which):
        both = [
            path
            for path in sorted(self.memory.groups | self.memory.leaves.keys())
            if path != "results" and self.disk.has(path)
        ]
        if both:
            path = both[which % len(both)]
            self.traj.f_delete_item(self.traj.f_get(path, shortcuts=False), recursive=True)
            self.disk.drop(path, with_links_to_it=False)

    @rule()
    def load(self):
        self.load_all()

    def load_all(self):
        self.traj.f_load(load_data=2)
        self.memory.take(self.disk.without_broken_links())
        if self.finds_targets_in_memory:
            for path, target in self.disk.links.items():
                if self.memory.has(target):
                    self.memory.link(path, target)

    @rule()
    def look_at_the_storage(self):
        fresh = load_trajectory("kept", storage_service=self.service, load_data=2)
        assert len(fresh) == self.length
        assert_same(contents(fresh), self.disk.without_broken_links())

    # ----- runs ------------------------------------------------------------------------------

    @rule(which=ANY, value=VALUES)
    def run(self, which, value):
        idx = which % self.length
        run = f"results.runs.run_{idx:08d}"
        if run in self.memory.groups:
            return
        self.traj.f_set_crun(idx)
        self.traj.f_start_run()
        leaf = self.traj.f_add_result("z", value)
        self.traj.f_get(run).f_add_link("to-z", leaf)
        self.traj.f_store()
        self.traj.f_finalize_run()
        self.traj.f_restore_default()
        self.disk.add(f"{run}.z", value)
        self.disk.link(f"{run}.to-z", f"{run}.z")
        self.memory.ensure("results.runs")

    @precondition(lambda self: self.length < 12)
    @rule(
        values=st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=3),
        slow=st.booleans(),
    )
    def merge(self, values, slow):
        self.merged += 1
        other = self.new(f"other{self.merged}", list(range(len(values))))
        other.f_add_leaf("results.a.x", self.merged)
        expected = Copy()
        expected.add("results.a.x", self.memory.leaves.get("results.a.x", self.merged))
        for idx, (value, has_link) in enumerate(values):
            leaf = other.f_add_result(f"runs.r_{idx}.z", value)
            run = f"results.runs.run_{self.length + idx:08d}"
            expected.add(f"{run}.z", value)
            if has_link:
                leaf.v_comment = "linked"
                other.f_get(f"results.runs.r_{idx}").f_add_link("to-z", leaf)
                expected.link(f"{run}.to-z", f"{run}.z")
        other.f_store()
        before = self.memory.groups | self.memory.leaves.keys()
        self.traj.f_merge(other, backup=False, keep_info=False, slow_merge=slow)
        self.length += len(values)
        self.disk.take(expected)
        self.disk.take(self.memory)  # also targets that had been deleted, of links that had not
        if slow:  # goes through memory, as empty leaves
            self.load_all()
        assert before <= self.memory.groups | self.memory.leaves.keys()

    # ----- what always holds -----------------------------------------------------------------

    @invariant()
    def memory_is_as_expected(self):
        if not hasattr(self, "traj"):
            return
        assert_same(contents(self.traj), self.memory)
        users = {
            f"{location}.{name}": target
            for target, groups in self.traj._linked_by.items()
            for location, (_, names) in groups.items()
            for name in names
        }
        assert users == self.memory.links
        for short in ("x", "a", "z"):
            found = {node.v_full_name for node in self.traj.f_get_all(short)}
            paths = self.memory.groups | self.memory.leaves.keys()
            assert found == {path for path in paths if path.endswith(f".{short}")}


class HistoriesInFiles(Histories):
    """The same in HDF5 files."""

    finds_targets_in_memory = False

    def make_service(self):
        from pypet import HDF5StorageService

        self.folder = tempfile.mkdtemp()
        return HDF5StorageService(filename=str(Path(self.folder) / "data.hdf5"))

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def test_memory_and_storage_follow_the_model():
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=100,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_files_follow_the_model():
    pytest.importorskip("h5py")
    run_state_machine_as_test(
        HistoriesInFiles,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
