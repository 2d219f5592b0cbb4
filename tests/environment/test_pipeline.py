"""Pipelines: every form of what they return."""

from __future__ import annotations

import pytest

from pypet import load_trajectory


def simulate(traj, *args, **kwargs):
    return (traj.x, *args, *kwargs.values())


def prepare(traj):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [5, 6]})


def pipeline_returning(answer):
    def pipeline(traj):
        prepare(traj)
        return answer

    return pipeline


@pytest.mark.parametrize(
    ("answer", "extra"),
    [
        (simulate, ()),
        ((simulate,), ()),
        ((simulate, (1, 2)), (1, 2)),
        ((simulate, [1], {"k": 3}), (1, 3)),
        (((simulate, (1,)), ()), (1,)),
        (((simulate, (1,)), (None,)), (1,)),
        (((simulate, (1,)), None), (1,)),
    ],
)
def test_forms_without_post_processing(make_env, answer, extra):
    results = make_env().pipeline(pipeline_returning(answer))
    assert results == [(0, (5, *extra)), (1, (6, *extra))]


@pytest.mark.parametrize(
    ("post", "arguments"), [((), ()), ((("a",),), ("a",)), ((("a",), {"k": "b"}), ("a", "b"))]
)
def test_two_tuples(make_env, post, arguments):
    calls = []

    def postproc(traj, results, *args, **kwargs):
        calls.append((*args, *kwargs.values()))

    results = make_env().pipeline(pipeline_returning(((simulate, (), {"k": 1}), (postproc, *post))))
    assert results == [(0, (5, 1)), (1, (6, 1))]
    assert calls == [arguments]


def test_parameters_of_the_pipeline_are_locked_and_stored(make_env):
    env = make_env()
    env.pipeline(pipeline_returning(simulate))
    assert env.traj.f_get("x").v_locked
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert loaded.f_get("x").f_get_range() == [5, 6]


def test_post_processing_that_was_registered_stays(make_env):
    calls = []
    env = make_env()
    env.add_postprocessing(lambda traj, results: calls.append(1))
    env.pipeline(pipeline_returning((simulate,)))
    assert calls == [1]


def test_omitted_arguments_are_empty_again(make_env):
    env = make_env()
    env.pipeline(pipeline_returning((simulate, (1,), {"k": 2})))

    def second(traj):
        traj.f_expand({"x": [7]})
        return (simulate,)

    assert env.pipeline(second) == [(2, (7,))]


@pytest.mark.parametrize(
    "answer",
    [
        (),
        [],
        5,
        "run",
        (simulate, (), {}, ()),
        (simulate, {"k": 1}),
        (simulate, (), ("k",)),
        ((simulate,), (simulate,), ()),
        ((simulate, (), {}, 1), (simulate,)),
        ((simulate,), (simulate, (), {}, 1)),
        ((5,), (simulate,)),
        ((simulate,), simulate),
        None,
    ],
)
def test_other_forms_are_refused(make_env, answer):
    with pytest.raises(RuntimeError, match="pipeline function returned"):
        make_env().pipeline(pipeline_returning(answer))


def test_none_is_for_analysis_only(make_env):
    env = make_env(do_single_runs=False)

    def pipeline(traj):
        prepare(traj)
        traj.f_add_result("analysis", 5)

    assert env.pipeline(pipeline) == []
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert loaded.analysis == 5


def test_a_run_function_is_refused_for_analysis_only(make_env):
    with pytest.raises(RuntimeError, match="do_single_runs"):
        make_env(do_single_runs=False).pipeline(pipeline_returning(simulate))


def test_pipeline_map_draws_from_iterables(make_env):
    answer = (simulate, (iter("ab"),), {"k": [1, 2]})
    results = make_env().pipeline_map(pipeline_returning(answer))
    assert results == [(0, (5, "a", 1)), (1, (6, "b", 2))]


def test_an_error_of_the_pipeline_function_is_raised(make_env):
    env = make_env()

    def pipeline(traj):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        env.pipeline(pipeline)
    assert env.pipeline(pipeline_returning(simulate)) == [(0, (5,)), (1, (6,))]
