"""Handles on frames of pandas, with the store closed and open."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pypet import SharedPandasFrame, SharedResult, StorageContextManager

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 0.6, 0.7]})


@pytest.fixture
def frame(traj, store):
    result = traj.f_add_result(SharedResult, "group.frame", SharedPandasFrame())
    return result.frame


def test_a_frame_is_created_and_read(frame):
    frame.create_shared_data(obj=FRAME)
    assert_frame_equal(frame.read(), FRAME)
    with pytest.raises(ValueError, match="already"):
        frame.create_shared_data(obj=FRAME)


def test_the_default_format_can_be_extended(frame):
    frame.create_shared_data(obj=FRAME)
    frame.append(pd.DataFrame({"a": [4], "b": [0.8]}, index=[3]))
    assert frame.read()["a"].tolist() == [1, 2, 3, 4]
    frame.put(pd.DataFrame({"a": [5], "b": [0.9]}, index=[4]), append=True)
    assert len(frame.read()) == 5


def test_appending_creates_what_is_missing(frame):
    frame.append(FRAME)
    frame.append(FRAME)
    assert frame.read()["a"].tolist() == [1, 2, 3, 1, 2, 3]


def test_existing_frames_are_replaced_only_if_asked(frame):
    frame.put(FRAME)
    with pytest.raises(ValueError, match="overwrite=True"):
        frame.put(FRAME * 2)
    frame.put(FRAME * 2, overwrite=True)
    assert_frame_equal(frame.read(), FRAME * 2)


def test_a_failing_replacement_keeps_the_old_frame(frame):
    frame.put(FRAME)
    with pytest.raises((TypeError, ValueError)):
        frame.put(pd.DataFrame({"a": [object()]}), overwrite=True)
    with pytest.raises(ValueError, match="empty frame"):
        frame.put(FRAME[:0], overwrite=True)
    assert_frame_equal(frame.read(), FRAME)


def test_a_failing_creation_can_be_repeated(frame):
    with pytest.raises(ValueError, match="empty frame"):
        frame.create_shared_data(obj=FRAME[:0])
    with pytest.raises(TypeError, match="not of a list"):
        frame.create_shared_data(obj=[1, 2])
    frame.create_shared_data(obj=FRAME)
    assert len(frame.read()) == 3


def test_the_format_can_be_chosen(frame):
    frame.create_shared_data(obj=FRAME, format="fixed")
    assert_frame_equal(frame.read(), FRAME)


def test_parts_are_selected(frame):
    frame.create_shared_data(obj=FRAME)
    assert frame.select(where="index == 2")["a"].tolist() == [3]
    assert frame.select(start=1, stop=2)["a"].tolist() == [2]
    assert list(frame.select(columns=["b"]).columns) == ["b"]


def test_parts_come_in_pieces_from_an_open_store(traj):
    result = traj.f_add_result(SharedResult, "frame", SharedPandasFrame())
    result.create_shared_data(obj=FRAME)
    with pytest.raises(TypeError, match="needs an open store"):
        result.frame.select(chunksize=2)
    with StorageContextManager(traj):
        assert [len(piece) for piece in result.frame.select(chunksize=2)] == [2, 1]


def test_text_columns_are_kept(frame):
    frame.create_shared_data(obj=pd.DataFrame({"text": ["ä", "bc"]}))
    assert frame.read()["text"].tolist() == ["ä", "bc"]
