"""Annotations in HDF5: nothing of a value is lost without a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
import pytest

pytest.importorskip("h5py")
tables = pytest.importorskip("tables")

from pypet import Trajectory, load_trajectory  # noqa: E402 - needs h5py
from tests.encoding.exactly import same  # noqa: E402


class Colour(IntEnum):
    RED = 1


class Answer(str, Enum):  # noqa: UP042 - the older way to make one
    YES = "yes"


class OwnFloat(float):
    def __float__(self):
        return -1.0

    def __str__(self):
        return "something else"


class OwnText(str):
    __slots__ = ()

    def __str__(self):
        return "something else"


class OwnBytes(bytes):
    pass


class OwnComplex(complex):
    pass


class WithUnit(np.ndarray):
    """An array that is more than its values."""

    unit = None

    def __reduce__(self):
        function, arguments, state = super().__reduce__()
        return function, arguments, (state, self.unit)

    def __setstate__(self, state):
        super().__setstate__(state[0])
        self.unit = state[1]


@dataclass(slots=True)
class Slotted:
    x: int


def stored_and_loaded(tmp_path, value, **options):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", add_time=False, filename=filename)
    traj.f_add_result("r", 1).v_annotations.f_set(note=value)
    traj.v_annotations.f_set(note=value)
    traj.f_store()
    loaded = load_trajectory("t", filename=filename, load_data=2, **options)
    found = loaded.f_get("r").v_annotations.note
    assert type(loaded.v_annotations.note) is type(found)
    return found


@pytest.mark.parametrize("unpickle", ["trust", "safe"])
@pytest.mark.parametrize(
    "array",
    [
        np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        np.ma.array([1.5, 2.5]),
        np.ma.array([[1, 2]], mask=True, fill_value=7),
    ],
)
def test_masks_are_kept(tmp_path, array, unpickle):
    found = stored_and_loaded(tmp_path, array, unpickle=unpickle)

    assert type(found) is np.ma.MaskedArray
    assert same(found.data, array.data)
    assert np.array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(array))
    assert found.fill_value == array.fill_value


def test_the_masked_element_stays_masked(tmp_path):
    assert stored_and_loaded(tmp_path, np.ma.masked) is np.ma.masked


def test_arrays_of_other_classes_are_kept(tmp_path):
    array = np.arange(3.0).view(WithUnit)
    array.unit = "mV"

    found = stored_and_loaded(tmp_path, array)

    assert type(found) is WithUnit
    assert found.unit == "mV"


@pytest.mark.parametrize("unpickle", ["trust", "safe"])
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 1),
        (Answer.YES, "yes"),
        (OwnFloat(2.5), 2.5),
        (OwnText("text"), "text"),
        (OwnBytes(b"ab"), b"ab"),
        (OwnComplex(1j), 1j),
    ],
)
def test_what_derives_from_numbers_and_text_comes_back_as_these(tmp_path, value, plain, unpickle):
    assert same(stored_and_loaded(tmp_path, value, unpickle=unpickle), plain)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1, np.int64(1)),
        (True, np.bool_(True)),
        (1.5, np.float64(1.5)),
        (1j, np.complex128(1j)),
        ("a", np.str_("a")),
        (b"a", np.bytes_(b"a")),
        (np.int8(3), np.int8(3)),
        (np.arange(3), np.arange(3)),
        (None, None),
        ([1, None, 2.5], [1, None, 2.5]),
    ],
)
def test_other_values_have_the_form_of_attributes(tmp_path, value, kept):
    assert same(stored_and_loaded(tmp_path, value), kept)


def test_objects_that_need_a_higher_protocol_are_kept(tmp_path):
    value = Slotted(256)  # has NULs in its pickle

    assert stored_and_loaded(tmp_path, value) == value
    with tables.open_file(tmp_path / "data.hdf5") as file:
        assert file.root.t.results.r._v_attrs["SRVC_AN_note"] == value
