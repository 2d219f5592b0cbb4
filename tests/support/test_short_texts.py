"""Texts that are cut, lists of which only the beginning is shown, and stretches of runs."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.runs.stretches import stretches, stretches_text
from pypet.support.readable import joined, joined_and_counted, seconds_text, shortened


@given(st.text(), st.integers(3, 20))
def test_cut_text_is_as_long_as_allowed_and_begins_like_the_whole(text, width):
    cut = shortened(text, width)
    assert cut == text if len(text) <= width else len(cut) == width
    assert text.startswith(cut.removesuffix("...") if cut != text else text)


@pytest.mark.parametrize(
    ("count", "listed", "counted"),
    [(0, "", ""), (2, "0, 1", "0, 1"), (3, "0, 1, ...", "0, 1 and 1 more")],
)
def test_of_many_names_the_first_are_shown(count, listed, counted):
    names = [str(number) for number in range(count)]
    assert joined(names, 2) == listed
    assert joined_and_counted(names, 2) == counted


@given(st.sets(st.integers(0, 40)))
def test_stretches_have_all_indices_and_no_neighbours(indices):
    found = stretches(sorted(indices))
    assert [i for first, last in found for i in range(first, last + 1)] == sorted(indices)
    assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(found))


def test_stretches_as_text():
    assert stretches_text(stretches([0, 4, 5, 6, 9]), most=2) == "0, 4-6, ..."
    assert stretches_text(()) == ""


def test_durations_that_are_all_alike_have_no_range():
    assert seconds_text((1.0, 1.0, 1.0)) == "1 s a run"
    assert seconds_text((1.0, 1.25, 3.5)) == "1.25 s a run (1 to 3.5 s)"
