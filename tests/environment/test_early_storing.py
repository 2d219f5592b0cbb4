"""What is stored before and during runs, and that it is neither lost nor stored twice."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import Parameter, load_trajectory
from pypet.environment import run_table_flusher
from pypet.records import PutMeta, PutNode

RUNS = 4


class OwnParameter(Parameter):
    """Encodes itself in a way of its own."""

    def _store(self):
        return {"data": self._data, "note": self.v_comment or "none"}

    def _load(self, load_dict):
        self._data = self._default = load_dict["data"]


@pytest.fixture
def operations(env):
    """What the storage service is asked to apply, in order."""
    applied = []
    service = env.traj.v_storage_service
    apply = service.apply

    def spy(request):
        applied.extend(request.operations)
        apply(request)

    service.apply = spy
    return applied


def paths_of(operations):
    return [each.path for each in operations if type(each) is PutNode]


def loaded(env):
    return load_trajectory(
        "test",
        storage_service=env.traj.v_storage_service,
        load_data=2,
        dynamic_imports=[OwnParameter],
    )


def test_parameters_and_config_are_stored_before_the_first_run(env, operations):
    env.traj.f_add_derived_parameter("w", 1)
    before = []
    env.run(lambda traj: before.append(len(operations)))
    early = paths_of(operations[: before[0]])
    assert {"parameters.x", "parameters.y", "derived_parameters.w"} <= set(early)
    assert f"config.environment.{env.name}.seed" in early
    assert not [path for path in early if path.startswith("results")]


def test_what_has_not_changed_is_stored_once(env, operations):
    env.traj.f_add_parameter("array", np.arange(3))
    env.run(lambda traj: traj.f_add_result("z", traj.x))
    paths = paths_of(operations)
    leaves = [
        leaf.v_full_name
        for branch in (env.traj.parameters, env.traj.config)
        for leaf in branch.f_iter_leaves()
    ]
    assert "parameters.array" in leaves
    for path in leaves:
        if not path.endswith(("timestamp", "runtime")):
            assert paths.count(path) == 1, path


def change_value(traj):
    traj.f_get("y").f_unlock()
    traj.f_get("y").f_set("another kind of value")


def change_type_of_equal_value(traj):
    traj.f_get("y").f_unlock()
    traj.f_get("y").f_set(10.0)


def change_array_in_place(traj):
    traj.f_get("array").f_get()[0] = 17


def change_own_parameter(traj):
    traj.f_get("own").f_unlock()
    traj.f_get("own").f_set(8)


def annotate(traj):
    traj.f_get("y").v_annotations.color = "blue"


def change_annotation(traj):
    traj.f_get("array").v_annotations.color = "green"


def describe_leaf(traj):
    traj.f_get("y").v_comment = "told later"


def annotate_group(traj):
    traj.parameters.v_annotations.author = "somebody"


CHANGES = {
    change_value: lambda there: there.f_get("y").f_get() == "another kind of value",
    change_type_of_equal_value: lambda there: type(there.f_get("y").f_get()) is float,
    change_array_in_place: lambda there: there.f_get("array").f_get()[0] == 17,
    change_own_parameter: lambda there: there.f_get("own").f_get() == 8,
    annotate: lambda there: there.f_get("y").v_annotations.color == "blue",
    change_annotation: lambda there: there.f_get("array").v_annotations.color == "green",
    describe_leaf: lambda there: there.f_get("y").v_comment == "told later",
    annotate_group: lambda there: there.parameters.v_annotations.author == "somebody",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_post_processing_changes_is_stored_in_the_end(env, change):
    env.traj.f_add_parameter("array", np.arange(3))
    env.traj.f_get("array").v_annotations.color = "red"
    env.traj.f_add_parameter(OwnParameter, "own", 7)
    env.add_postprocessing(lambda traj, results: change(traj))
    env.run(lambda traj: None)
    assert CHANGES[change](loaded(env))


def test_what_was_stored_by_the_user_is_not_changed_by_the_end(env):
    env.traj.f_store()
    env.add_postprocessing(lambda traj, results: change_value(traj))
    env.run(lambda traj: None)
    assert loaded(env).f_get("y").f_get() == 10


def test_results_that_are_there_before_the_runs_are_stored_as_they_are_after_them(env):
    env.traj.f_add_result("summary", 0)

    def postproc(traj, results):
        traj.f_get("summary").f_set(len(results))

    env.add_postprocessing(postproc)
    env.run(lambda traj: None)
    assert loaded(env).f_get("summary").f_get() == RUNS


def test_a_link_from_a_parameter_group_stores_its_target_as_it_is_in_the_end(env):
    result = env.traj.f_add_result("summary", 0)
    env.traj.parameters.f_add_link("outcome", result)
    env.add_postprocessing(lambda traj, results: traj.f_get("results.summary").f_set(5))
    env.run(lambda traj: None)
    there = loaded(env)
    assert there.f_get("results.summary").f_get() == 5
    assert there.f_get("parameters.outcome") is there.f_get("results.summary")


def test_expanded_ranges_are_stored_before_the_new_runs(env, operations):
    before = []

    def postproc(traj, results):
        if len(traj) == RUNS:
            traj.f_expand({"x": [20, 21]})

    def work(traj):
        before.append(len(operations))

    env.add_postprocessing(postproc)
    env.run(work)
    newest = [each for each in operations[: before[RUNS]] if type(each) is PutNode]
    (latest,) = [each for each in newest if each.path == "parameters.x"][-1:]
    assert latest.exploration.length == RUNS + 2
    assert loaded(env).f_get("x").f_get_range() == [0, 1, 2, 3, 20, 21]


def test_without_automatic_storing_nodes_are_left_to_the_user(make_env):
    env = make_env(automatic_storing=False)
    env.traj.f_add_parameter("x", 0)
    env.run(lambda traj: None)
    there = loaded(env)
    assert not there.f_contains("parameters.x")
    assert there.f_is_completed()


def test_parameters_of_a_class_of_ones_own_come_back(env):
    env.traj.f_add_parameter(OwnParameter, "own", 7, comment="mine")
    env.run(lambda traj: None)
    assert loaded(env).f_get("own").f_get() == 7


# ----- the run table -------------------------------------------------------------------------


@pytest.fixture
def _marks_at_once(monkeypatch):
    monkeypatch.setattr(run_table_flusher, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(run_table_flusher, "COST_FACTOR", 0)


@pytest.mark.usefixtures("_marks_at_once")
def test_rows_of_completed_runs_are_stored_while_others_are_active(env, operations):
    seen = []

    def work(traj):
        metas = [each for each in operations if type(each) is PutMeta]
        seen.append([metas[-1].runs.idx.tolist(), metas[-1].runs.completed.tolist()])

    env.run(work)
    # Only what changed is stored each time.
    assert seen[1:] == [[[0], [1]], [[1], [1]], [[2], [1]]]


@pytest.mark.usefixtures("_marks_at_once")
def test_a_failing_table_does_not_fail_runs(env, caplog):
    service = env.traj.v_storage_service
    apply, failing = service.apply, []

    def moody(request):
        if failing and type(request.operations[0]) is PutMeta:
            raise OSError("not now")
        apply(request)

    service.apply = moody

    def work(traj):
        failing[:] = [True] if traj.v_idx < RUNS - 1 else []
        return traj.v_idx

    assert len(env.run(work)) == RUNS
    assert loaded(env).f_is_completed()
    warnings = [each for each in caplog.records if "not now" in each.getMessage()]
    assert len([each for each in warnings if each.levelname == "WARNING"]) == 1


def test_services_that_users_wrote_get_no_messages_during_runs(make_env, monkeypatch):
    from pypet.storage_backends.memory import MemoryStorageService
    from pypet.storageservice import StorageService

    class Own(StorageService):
        def __init__(self):
            self.inner, self.messages = MemoryStorageService(), []

        def store(self, msg, stuff, *args, **kwargs):
            self.messages.append(msg)
            self.inner.store(msg, stuff, *args, **kwargs)

    monkeypatch.setattr(run_table_flusher, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(run_table_flusher, "COST_FACTOR", 0)
    env = make_env(storage_service=Own())
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(RUNS)})
    messages = env.traj.v_storage_service.messages
    before = []

    def work(traj):
        before.append(list(messages))
        traj.f_add_result("z", 1)

    env.run(work)
    assert before[-1] == ["TRAJECTORY", *["SINGLE_RUN"] * (RUNS - 1)]
