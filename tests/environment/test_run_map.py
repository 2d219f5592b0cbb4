"""`run_map`: one element of each iterable a run."""

from __future__ import annotations

import pytest


def simulate(traj, *args, **kwargs):
    return (traj.x, *args, *kwargs.values())


def test_element_i_goes_to_run_i(env):
    results = env.run_map(simulate, range(4), ["a", "b", "c", "d"], arg3=(3, 2, 1, 0))
    assert results == [
        (0, (0, 0, "a", 3)),
        (1, (1, 1, "b", 2)),
        (2, (2, 2, "c", 1)),
        (3, (3, 3, "d", 0)),
    ]


def test_only_keywords_are_enough(env):
    assert env.run_map(simulate, a=range(4))[1] == (1, (1, 1))


def test_generators_are_drawn_right_before_each_run(env):
    events = []

    def generator():
        for i in range(4):
            events.append(f"draw {i}")
            yield i

    def note(traj, i):
        events.append(f"run {i}")

    env.run_map(note, generator())
    assert events == [f"{what} {i}" for i in range(4) for what in ("draw", "run")]


def test_longer_and_endless_iterables_are_fine(env):
    from itertools import count

    assert env.run_map(simulate, count(5), range(100))[3] == (3, (3, 8, 3))


def test_no_iterable_is_an_error(env):
    with pytest.raises(ValueError, match="at least one iterable"):
        env.run_map(simulate)


def test_no_iterable_at_all_is_told_before_anything_runs(env):
    with pytest.raises(TypeError, match="positional argument 1"):
        env.run_map(simulate, range(4), 5)
    assert not env.traj.f_get_run_information(0)["completed"]


def test_a_short_list_is_told_before_anything_runs(env):
    executed = []
    with pytest.raises(ValueError, match=r"'b'.*3 elements left.*4 runs"):
        env.run_map(lambda traj, a, b: executed.append(1), range(4), b=[1, 2, 3])
    assert executed == []


def test_a_short_generator_is_told_when_it_ends(env):
    with pytest.raises(ValueError, match=r"positional argument 0.*run 2"):
        env.run_map(simulate, iter([1, 2]))
    assert [env.traj.f_is_completed(i) for i in range(4)] == [1, 1, 0, 0]
    assert env.current_idx == 2
    assert env.run_map(simulate, [7, 8]) == [(2, (2, 7)), (3, (3, 8))]


def test_completed_runs_consume_nothing(env):
    env.current_idx = 2
    env.run_map(simulate, "ab")
    env.current_idx = 0
    assert env.run_map(simulate, "cd") == [(0, (0, "c")), (1, (1, "d"))]


def test_the_caller_s_dictionary_is_not_changed(env):
    arguments = {"a": [1, 2, 3, 4]}
    env.run_map(simulate, **arguments)
    assert arguments == {"a": [1, 2, 3, 4]}


def test_iterators_go_on_after_an_expansion(env):
    env.add_postprocessing(lambda traj, results: {"x": [9]} if len(traj) == 4 else None)
    assert env.run_map(simulate, iter("abcdefg"))[4] == (4, (9, "e"))


def test_lists_that_are_too_short_for_an_expansion_are_told(env):
    env.add_postprocessing(lambda traj, results: {"x": [9]} if len(traj) == 4 else None)
    with pytest.raises(ValueError, match="0 elements left"):
        env.run_map(simulate, "abcd")


def test_post_processing_may_exchange_the_iterables(env):
    def postproc(traj, results):
        return ({"x": [9, 10]}, ([5, 6],), {"b": "yz"}) if len(traj) == 4 else None

    env.add_postprocessing(postproc)
    results = env.run_map(simulate, range(4), b="abcd")
    assert results[3:] == [(3, (3, 3, "d")), (4, (9, 5, "y")), (5, (10, 6, "z"))]
