"""Pickles of NumPy objects name what both NumPy 1 and NumPy 2 know."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

from pypet.encoding import portable_pickle
from pypet.encoding.portable_pickle import portable_pickles

VALUES = {
    "array": np.arange(3),
    "objects": np.array(["a", None], dtype=object),
    "scalar": np.float64(2.5),
    "nested": {"a": [np.arange(2), np.int8(1)]},
}


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("name", VALUES)
def test_pickles_do_not_name_the_new_place(name, protocol):
    raw = portable_pickle.dumps(VALUES[name], protocol)
    assert b"numpy._core" not in raw
    assert repr(pickle.loads(raw)) == repr(VALUES[name])


def test_afterwards_pickles_are_as_numpy_makes_them():
    before = pickle.dumps(np.arange(3), 2)
    with portable_pickles():
        with portable_pickles():
            pass
        assert b"numpy._core" not in pickle.dumps(np.arange(3), 2)
    assert pickle.dumps(np.arange(3), 2) == before


def test_errors_leave_nothing_behind():
    before = pickle.dumps(np.arange(3), 2)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        portable_pickle.dumps(lambda: None, 2)
    assert pickle.dumps(np.arange(3), 2) == before


def test_threads_do_not_end_each_other():
    entered, leave = threading.Event(), threading.Event()

    def stay():
        with portable_pickles():
            entered.set()
            leave.wait(30)

    other = threading.Thread(target=stay)
    other.start()
    assert entered.wait(30)
    with portable_pickles():
        pass
    assert b"numpy._core" not in pickle.dumps(np.arange(3), 2)
    leave.set()
    other.join(100)
    assert not other.is_alive()
