"""Post-processing: when it is called, what it may return, and expansion."""

from __future__ import annotations

import logging

import pytest

from pypet import load_trajectory


def simulate(traj, *args, **kwargs):
    traj.f_add_result("z", traj.x)
    return (traj.x, *args, *kwargs.values())


def once(answer):
    """Post-processing that gives the answer in the first round only."""
    calls = []

    def postproc(traj, results, *args, **kwargs):
        calls.append((list(results), args, kwargs))
        return answer if len(calls) == 1 else None

    postproc.calls = calls
    return postproc


def test_it_is_called_once_with_results_and_arguments(env):
    postproc = once(None)
    env.add_postprocessing(postproc, 42, extra=43)
    results = env.run(simulate)
    assert postproc.calls == [(results, (42,), {"extra": 43})]


def test_the_alias_of_the_documentation_works(env):
    postproc = once(None)
    assert env.add_postproc(postproc, 1) is None
    env.run(simulate)
    assert len(postproc.calls) == 1


def test_a_later_function_replaces_it(env):
    first, second = once(None), once(None)
    env.add_postprocessing(first)
    env.add_postprocessing(second)
    env.run(simulate)
    assert (len(first.calls), len(second.calls)) == (0, 1)


def test_the_list_is_the_one_that_run_returns(env):
    def postproc(traj, results):
        results.pop(0)

    env.add_postprocessing(postproc)
    assert [index for index, _ in env.run(simulate)] == [1, 2, 3]


def test_the_trajectory_is_in_no_run_and_has_no_run_data(env):
    def postproc(traj, results):
        assert not traj.v_is_run
        assert traj.v_idx == -1
        assert "results.runs.r_1.z" not in traj
        traj.f_load_child("results.runs.run_00000001.z", load_data=2)
        assert traj.f_get("results.runs.r_1.z").f_get() == 1
        traj.v_auto_load = True
        assert traj.results.runs.run_00000002.z == 2
        traj.f_add_result("summary", len(results))

    env.add_postprocessing(postproc)
    env.run(simulate)
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert loaded.summary == 4


def test_it_is_called_although_nothing_ran(env):
    env.run(simulate)
    postproc = once(None)
    env.add_postprocessing(postproc)
    assert env.run(simulate) == []
    assert postproc.calls == [([], (), {})]


# ----- what it returns -----------------------------------------------------------------------


def test_a_dictionary_expands(env):
    postproc = once({"x": [4, 5]})
    env.add_postprocessing(postproc)
    assert [index for index, _ in env.run(simulate)] == list(range(6))
    assert [len(results) for results, _, _ in postproc.calls] == [4, 6]
    assert len(env.traj) == env.current_idx == 6


def test_expanding_inside_is_the_same(env):
    def postproc(traj, results):
        if len(traj) < 8:
            traj.f_expand({"x": [len(traj), len(traj) + 1]})

    env.add_postprocessing(postproc)
    assert [index for index, _ in env.run(simulate)] == list(range(8))
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert loaded.f_is_completed()
    assert loaded.r_7.z == 7
    assert loaded.f_get("x").f_get_range() == list(range(8))


@pytest.mark.parametrize("answer", [None, {}, ({},), (None, (1,))])
def test_no_expansion_no_further_round(env, answer):
    postproc = once(answer)
    env.add_postprocessing(postproc)
    assert len(env.run(simulate)) == 4
    assert len(postproc.calls) == 1


@pytest.mark.parametrize("answer", [(), 5, "x", [{"x": [1]}], ({}, 1, 2, 3, 4, 5), (5,)])
def test_anything_else_is_logged_and_ignored(env, answer, caplog):
    postproc = once(answer)
    env.add_postprocessing(postproc)
    assert len(env.run(simulate)) == 4
    assert any(
        record.levelno == logging.ERROR and "is ignored" in record.getMessage()
        for record in caplog.records
    )


def test_five_elements_change_the_next_round(env):
    postproc = once(({"x": [4]}, ("new",), {"k": 1}, (5,), {"six": 6}))
    env.add_postprocessing(postproc, "first")
    results = env.run(simulate, "old")
    assert results[3:] == [(3, (3, "old")), (4, (4, "new", 1))]
    assert postproc.calls[0][1:] == (("first",), {})
    assert postproc.calls[1][1:] == ((5,), {"six": 6})


def test_missing_and_empty_parts(env):
    postproc = once(({"x": [4]}, ("new",)))
    env.add_postprocessing(postproc, "kept")
    assert env.run(simulate, "old", k=2)[4] == (4, (4, "new", 2))
    assert postproc.calls[1][1] == ("kept",)


def test_a_wrong_expansion_raises(env):
    env.add_postprocessing(lambda traj, results: {"unknown": [1]})
    with pytest.raises(AttributeError, match="unknown"):
        env.run(simulate)
    assert env.traj.f_is_completed()


def test_changes_of_the_trajectory_carry_over(env):
    def postproc(traj, results):
        if len(traj) == 4:
            traj.v_auto_load = True
            return {"x": [4]}

    env.add_postprocessing(postproc)
    assert env.run(lambda traj: traj.v_auto_load)[3:] == [(3, False), (4, True)]


def test_a_list_that_is_emptied_holds_new_results_next_time(env):
    seen = []

    def postproc(traj, results):
        seen.append(list(results))
        results.clear()
        return {"x": [4]} if len(traj) == 4 else None

    env.add_postprocessing(postproc)
    assert env.run(lambda traj: traj.x) == []
    assert seen == [[(0, 0), (1, 1), (2, 2), (3, 3)], [(4, 4)]]


def test_the_expansion_is_in_the_config(env):
    env.add_postprocessing(once({"x": [4]}))
    env.run(simulate)
    assert env.traj.f_get(f"config.environment.{env.name}.postproc_expand").f_get() is True


def test_without_expansion_it_is_not(env):
    env.add_postprocessing(once(None))
    env.run(simulate)
    assert "postproc_expand" not in env.traj


# ----- clean-up ------------------------------------------------------------------------------


def expand_and_leave_data(traj, results):
    if len(traj) == 4:
        traj.f_load_child("results.runs.run_00000001", recursive=True, load_data=2)
        traj.f_add_result("runs.run_00000002.unstored", 1)
        traj.f_add_result("elsewhere", 5)
        traj.f_store_item("results.elsewhere")
        return {"x": [4]}
    traj.f_get("results.elsewhere")


def test_run_data_that_it_loaded_is_dropped_when_new_runs_start(env):
    seen = []

    def look(traj):
        seen.append(sorted(leaf.v_full_name for leaf in traj.results.f_iter_leaves()))
        traj.f_add_result("z", 1)

    env.add_postprocessing(expand_and_leave_data)
    env.run(look)
    assert seen[4] == ["results.elsewhere", "results.runs.run_00000002.unstored"]


def test_run_data_from_before_the_runs_is_kept(env):
    env.traj.f_add_result("runs.run_00000003.early", 1)
    env.traj.f_store()
    env.add_postprocessing(expand_and_leave_data)
    env.run(simulate)
    assert env.traj.f_get("results.runs.run_00000003.early").f_get() == 1


def test_loaded_leaves_that_are_named_like_runs_are_dropped(env):
    seen = []

    def look(traj):
        seen.append([leaf.v_full_name for leaf in traj.results.f_iter_leaves()])
        traj.f_add_result("$set.$", z=traj.x)

    def load_and_expand(traj, results):
        if len(traj) == 4:
            traj.f_load_child("results.run_set_00000.run_00000001", load_data=2)
            assert traj.f_get("results.rts_0.r_1").z == 1
            return {"x": [4]}

    env.add_postprocessing(load_and_expand)
    env.run(look)
    assert seen == [[]] * 5


def test_nothing_is_dropped_without_clean_up(make_env):
    env = make_env(clean_up_runs=False)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(4)})
    env.add_postprocessing(once({"x": [4]}))
    env.run(simulate)
    assert [env.traj.f_get(f"r_{i}.z").f_get() for i in range(5)] == list(range(5))


def test_errors_in_it_are_told_apart_from_those_of_runs(env):
    def fail(traj, results):
        raise ZeroDivisionError

    env.add_postprocessing(fail)
    with pytest.raises(ZeroDivisionError) as caught:
        env.run(simulate)
    assert caught.value.__notes__ == [
        f"pypet: raised in post-processing of trajectory {env.traj.v_name!r}, after "
        f"{len(env.traj)} results; what the runs stored before is still there"
    ]
    assert env.traj.f_is_completed()
