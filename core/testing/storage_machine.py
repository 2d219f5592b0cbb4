"""Random sequences of calls to a storage service, compared with a model in dictionaries.

Needs hypothesis, which finds a short sequence that fails. Derive a second class for it::

    from pypet.testing.storage_machine import StatefulStorageConformance

    class TestMyStorageStateful(StatefulStorageConformance):
        def make_service(self, folder):
            return MyStorageService(filename=folder / "data.my")

Where the suite can make the medium fail (`StorageSuite.fault`), that happens in between, too.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError
from pypet.leaves import Result
from pypet.records import ArrayItem, DeleteNode, PutNode, StoreRequest
from pypet.services import RecordStorageService
from pypet.testing.equality import (
    assert_same_annotation,
    assert_same_as_one,
    assert_same_value,
)
from pypet.testing.storage_suite import StorageSuite
from pypet.trajectory import Trajectory, load_trajectory

NAME = "machine"
PATHS = ("results.a", "results.b", "results.deep.a", "results.deep.er.c")
LINKS = ("results.link", "results.deep.link")
TARGET = "parameters.group"
DOUBTFUL = "results.doubtful"
"""What a request that fails would have made: a service may keep it or not."""
KEYS = ("x", "y", "nested.z")
MOST_MERGES = 2

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    _text,
    st.lists(st.floats(allow_nan=False), max_size=3),
    st.lists(_text, min_size=1, max_size=3).map(tuple),
    st.integers(0, 400).map(lambda n: np.arange(n, dtype=np.int32)),
)
items = st.dictionaries(st.sampled_from(KEYS), values, min_size=1)
noted = st.dictionaries(st.sampled_from("kl"), st.integers(0, 9) | _text, max_size=2)


@dataclasses.dataclass
class _Stored:
    """What the model knows about a stored leaf."""

    items: dict[str, Any] = dataclasses.field(default_factory=dict)
    annotations: dict[str, Any] = dataclasses.field(default_factory=dict)
    comment: str = ""

    def put(self, leaf: Result, overwrite: bool | Collection[str]) -> None:
        """Do what storing a leaf does: add what is missing, replace what is overwritten."""
        replace = overwrite is True
        names = () if isinstance(overwrite, bool) else overwrite
        for name, value in leaf.f_to_dict().items():
            if replace or name in names or name not in self.items:
                self.items[name] = value
        if leaf.v_comment and (replace or not self.comment):
            self.comment = leaf.v_comment
        if replace:
            self.annotations.clear()
        for name, value in leaf.v_annotations.f_to_dict().items():
            self.annotations.setdefault(name, value)


class StorageMachine(RuleBasedStateMachine):
    """Stores, overwrites, deletes, merges, fails and reopens; all is compared on the way."""

    def __init__(self, suite: StorageSuite, folder: Path) -> None:
        super().__init__()
        self.suite = suite
        self.folder = folder
        self.model: dict[str, _Stored] = {}
        self.links: set[str] = set()
        self.comments = 0
        self.merges = 0
        self.runs = 0

    @initialize()
    def begin(self) -> None:
        """Store a trajectory with two runs and nothing else."""
        self.service = self.suite.make_service(self.folder)
        self.traj = self._explored(NAME, [0.0, 1.0])
        self.runs = 2

    def teardown(self) -> None:
        """Compare once more at the end, through a reopened service."""
        if hasattr(self, "traj"):
            self._compare(self.suite.reopened(self.service, self.folder))

    # ----- storing ---------------------------------------------------------------------------

    @rule(path=st.sampled_from(PATHS), given=items, notes=noted, commented=st.booleans())
    def store_new(
        self, path: str, given: dict[str, Any], notes: dict[str, Any], commented: bool
    ) -> None:
        """Add a result and store it."""
        if path in self.model:
            return
        self.comments += 1
        comment = f"comment {self.comments}" if commented else ""
        leaf = self.traj.f_add_result(path, comment=comment)
        leaf.f_set(**given)
        leaf.v_annotations.f_set(**notes)
        self._store(leaf, False)

    @precondition(lambda self: self.model)
    @rule(
        data=st.data(),
        given=items,
        notes=noted,
        overwrite=st.booleans() | st.sets(st.sampled_from(KEYS), min_size=1),
    )
    def store_again(
        self, data: Any, given: dict[str, Any], notes: dict[str, Any], overwrite: Any
    ) -> None:
        """Change a stored result, and store it with or without overwriting."""
        leaf = self._drawn(data)
        leaf.f_set(**given)
        leaf.v_annotations.f_set(**notes)
        if not isinstance(overwrite, bool):
            overwrite = overwrite & set(given) or False
        if overwrite is True:
            self.comments += 1
            leaf.v_comment = f"comment {self.comments}"
        self._store(leaf, overwrite)

    @rule()
    def store_everything(self) -> None:
        """Store the whole tree, which adds what is missing only."""
        self.traj.f_store()
        for path in self.model:
            self.model[path].put(self.traj.f_get(path), False)

    @rule(path=st.sampled_from(LINKS))
    def link(self, path: str) -> None:
        """Add a link and store it, or delete it."""
        if path in self.links:
            self.traj.f_delete_link(path, remove_from_trajectory=True)
            self.links.remove(path)
        else:
            self.traj.f_add_link(path, self.traj.f_get(TARGET))
            self.traj.f_store()
            self.links.add(path)
            for name in self.model:
                self.model[name].put(self.traj.f_get(name), False)

    # ----- deleting --------------------------------------------------------------------------

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        """Delete a result."""
        leaf = self._drawn(data)
        self.traj.f_delete_item(leaf, remove_from_trajectory=True)
        del self.model[leaf.v_full_name]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete_part(self, data: Any) -> None:
        """Delete an item of a result."""
        leaf = self._drawn(data)
        stored = self.model[leaf.v_full_name].items
        both = sorted(stored.keys() & leaf.f_to_dict().keys())
        if len(both) < 2:
            return
        name = data.draw(st.sampled_from(both))
        self.traj.f_delete_item(leaf, delete_only=[name], remove_from_item=True)
        del stored[name]

    # ----- merging ---------------------------------------------------------------------------

    @precondition(lambda self: self.merges < MOST_MERGES)
    @rule(points=st.lists(st.floats(-9, 9), min_size=1, max_size=2))
    def merge(self, points: list[float]) -> None:
        """Merge another trajectory of the same storage; its runs follow the own ones."""
        self.merges += 1
        other = self._explored(f"other_{self.merges}", points)
        for index, point in enumerate(points):
            leaf = other.f_add_result(f"results.runs.run_{index:08d}.z", point)
            other.f_store_item(leaf)
        self.traj.f_merge(other, backup=False)
        for index, point in enumerate(points):
            path = f"results.runs.run_{self.runs + index:08d}.z"
            self.model[path] = _Stored({"z": point})
        self.runs += len(points)
        self.reopen()

    # ----- faults ----------------------------------------------------------------------------

    @precondition(lambda self: self.model and isinstance(self.service, RecordStorageService))
    @rule(data=st.data())
    def fail_in_between(self, data: Any) -> None:
        """Apply a request whose second operation fails: what was there before stays."""
        leaf = self._drawn(data)
        operations = (
            PutNode(DOUBTFUL, True, "Result", "", {}, (_item("x", np.array(1)),)),
            DeleteNode("results.never.there", recursive=False),
            self._replacement(leaf, np.array(-1)),
        )
        try:
            self.service.apply(StoreRequest(NAME, operations))  # type: ignore[attr-defined]
        except DataNotInStorageError:
            pass
        else:
            raise AssertionError("deleting what is not there did not fail")

    @precondition(lambda self: self.model and isinstance(self.service, RecordStorageService))
    @rule(data=st.data())
    def fail_to_replace(self, data: Any) -> None:
        """Replace an item by something that no medium takes: the old one stays."""
        leaf = self._drawn(data)
        broken: Any = np.empty(1, dtype=object)
        broken[0] = (letter for letter in "generators cannot be stored")
        request = StoreRequest(NAME, (self._replacement(leaf, broken),))
        try:
            self.service.apply(request)  # type: ignore[attr-defined]
        except Exception:
            return  # what was there is compared with the model later
        name = request.operations[0].items[0].name  # type: ignore[union-attr]
        leaf.f_set(**{name: self.model[leaf.v_full_name].items[name]})
        self._store(leaf, {name})

    @precondition(lambda self: self._can_fail())
    @rule(
        data=st.data(),
        what=st.sampled_from(["create", "overwrite", "delete"]),
        given=items,
        notes=noted,
        number=st.integers(0, 5),
    )
    def fail_medium(
        self, data: Any, what: str, given: dict[str, Any], notes: dict[str, Any], number: int
    ) -> None:
        """Let the medium fail while a request is applied, and apply it again.

        After the fault each item of the leaf is as before or as after, and all else is untouched.
        """
        service = self.service
        assert isinstance(service, RecordStorageService)
        free = sorted(set(PATHS) - set(self.model))
        if not (free if what == "create" else self.model):
            return
        if what == "create":
            leaf = self.traj.f_add_result(data.draw(st.sampled_from(free)))
        else:
            leaf = self._drawn(data)
        path = leaf.v_full_name
        before = copy.deepcopy(self.model.get(path))
        after: _Stored | None = None
        if what == "delete":
            builder = service.prepare(constants.DELETE, leaf, trajectory_name=NAME)
        else:
            leaf.f_set(**given)
            leaf.v_annotations.f_set(**notes)
            self.comments += 1
            leaf.v_comment = f"comment {self.comments}"
            builder = service.prepare(constants.LEAF, leaf, trajectory_name=NAME, overwrite=True)
            after = copy.deepcopy(before) or _Stored()
            after.put(leaf, True)
        request = builder.request
        fault = self.suite.fault(service, number)
        assert fault is not None
        has_failed = False
        try:
            with fault:
                service.apply(request)
        except OSError:
            has_failed = True
        expected = [before, after] if has_failed else [after]
        self._compare(self.suite.reopened(service, self.folder), {path: expected})
        service.apply(request._replace(replayed=True))
        self.model.pop(path, None)
        if after is not None:
            self.model[path] = after
        self.reopen()

    def _can_fail(self) -> bool:
        """Whether the suite says how the medium can be made to fail."""
        is_asked = isinstance(self.service, RecordStorageService)
        return is_asked and self.suite.fault(self.service, 0) is not None

    # ----- reading ---------------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        """Go on with a reopened service and what it loads."""
        self.service = self.suite.reopened(self.service, self.folder)
        self.traj = self._compare(self.service)

    @rule()
    def read(self) -> None:
        """Compare what the same service loads."""
        self._compare(self.service)

    def _compare(
        self, service: Any, doubtful: Mapping[str, Sequence[_Stored | None]] | None = None
    ) -> Trajectory:
        """Compare all with the model.

        A ``doubtful`` leaf may be in one of several states; None says that it is not there.
        """
        loaded = load_trajectory(NAME, storage_service=service, load_data=2)
        assert len(loaded) == self.runs
        leaves: dict[str, Any] = {
            node.v_full_name: node
            for node in loaded.f_iter_nodes(recursive=True)
            if node.v_is_leaf and node.v_full_name.startswith("results.")
        }
        leaves.pop(DOUBTFUL, None)
        states: dict[str, Sequence[_Stored | None]] = {
            **{path: [stored] for path, stored in self.model.items()},
            **(doubtful or {}),
        }
        assert set(leaves) <= set(states)
        for path, possible in states.items():
            if path in leaves:
                # What is to be deleted is whole as long as it is there.
                whole = possible if possible[-1] else possible[:-1]
                assert whole, f"{path} was not deleted"
                _assert_one_of(leaves[path], [state or _Stored() for state in whole], path)
            else:
                assert None in possible, f"{path} is missing"
        for path in LINKS:
            assert loaded.f_contains(path, shortcuts=False) == (path in self.links), path
        return loaded

    # ----- parts -----------------------------------------------------------------------------

    def _explored(self, name: str, points: list[float]) -> Trajectory:
        traj = Trajectory(name, storage_service=self.service)
        traj.f_add_parameter("x", 0.0)
        traj.f_add_parameter("group.y", 1)
        traj.f_explore({"x": points})
        traj.f_store()
        return traj

    def _drawn(self, data: Any) -> Any:
        return self.traj.f_get(data.draw(st.sampled_from(sorted(self.model))))

    def _store(self, leaf: Any, overwrite: Any) -> None:
        chosen = overwrite if isinstance(overwrite, bool) else sorted(overwrite)
        self.traj.f_store_item(leaf, overwrite=chosen)
        self.model.setdefault(leaf.v_full_name, _Stored()).put(leaf, overwrite)

    def _replacement(self, leaf: Any, value: Any) -> PutNode:
        name = min(self.model[leaf.v_full_name].items)
        put = _item(name, value)
        return PutNode(
            leaf.v_full_name, True, "Result", "", {}, (put,), overwrite=frozenset({name})
        )


def _assert_one_of(leaf: Any, states: Sequence[_Stored], path: str) -> None:
    """Make sure that a leaf is in one of several states, item by item."""
    assert_same_as_one(leaf.f_to_dict(), [state.items for state in states], assert_same_value, path)
    assert leaf.v_comment in {state.comment for state in states}, path
    notes = leaf.v_annotations.f_to_dict()
    assert_same_as_one(notes, [state.annotations for state in states], assert_same_annotation, path)


def _item(name: str, value: Any) -> ArrayItem:
    return ArrayItem(name, "ARRAY", value, "COLL_SCALAR", "int")


class StatefulStorageConformance(StorageSuite):
    """Derive, and implement `make_service`; the numbers may be changed."""

    examples: ClassVar[int] = 15
    """Sequences that are tried."""
    steps: ClassVar[int] = 15
    """Calls in one of them, at most."""
    shrinks: ClassVar[bool] = True
    """Whether a shorter sequence is sought when one fails, which may take minutes."""

    def test_any_sequence_of_calls_agrees_with_a_model(self, tmp_path: Path) -> None:
        self.skip_without_data(self.make_service(tmp_path / "empty"))
        made = iter(range(1 << 30))

        def machine() -> StorageMachine:
            folder = tmp_path / f"example_{next(made)}"
            folder.mkdir()
            return StorageMachine(self, folder)

        factory: Any = machine  # a function is documented, but only classes are declared
        run_state_machine_as_test(
            factory,
            settings=settings(
                settings(),
                max_examples=self.examples,
                stateful_step_count=self.steps,
                deadline=None,
                phases=[Phase.generate, *[Phase.shrink] * self.shrinks],
                suppress_health_check=list(HealthCheck),
            ),
        )
