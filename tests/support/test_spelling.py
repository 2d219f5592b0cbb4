"""Which known name an unknown one is likely to mean; far-fetched ones are not suggested."""

from __future__ import annotations

import pytest

from pypet.options import ESTABLISHED, unknown_option_error
from pypet.support.spelling import closest_match, did_you_mean


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ncore", "ncores"),
        ("n_cores", "ncores"),
        ("NCORES", "ncores"),
        ("cnores", "ncores"),
        ("multiprc", "multiproc"),
        ("multiprocessing", "multiproc"),
        ("wrapmode", "wrap_mode"),
        ("pool", "use_pool"),
        ("file", "filename"),
        ("file_name", "filename"),
        ("overwrite", "overwrite_file"),
        ("git_repo", "git_repository"),
        ("sumatra_lable", "sumatra_label"),
        ("logfolder", "log_folder"),
    ],
)
def test_mistakes_of_typing_and_parts_of_names_are_recognised(name, meant):
    assert closest_match(name, ESTABLISHED) == meant


@pytest.mark.parametrize("name", ["nope", "xyzzy", "cap", "modes", "test", "colour", "nodes", "a"])
def test_words_that_only_share_some_letters_are_not_suggested(name):
    assert closest_match(name, ESTABLISHED) is None


def test_what_is_far_fetched_is_not_in_messages():
    assert "did you mean" not in str(unknown_option_error(["nope"]))
    assert did_you_mean("port", ["sort_of", "parts", "trip"]) == ""
    assert did_you_mean("ab", ["ac"]) == ""


def test_names_are_returned_as_they_are_known():
    assert did_you_mean("hdf6", ["HDF5", "memory"]) == " Did you mean 'HDF5'?"


@pytest.mark.parametrize(
    ("name", "other", "near"),
    [
        ("tree", "tere", True),  # exchanged
        ("tree", "trees", True),
        ("tree", "free", True),
        ("tree", "frees", False),
        ("abcdefgh", "abXdefYh", True),
        ("abcdefgh", "aXcdYfZh", False),
    ],
)
def test_one_mistake_in_four_letters_may_be_one(name, other, near):
    assert (closest_match(name, [other]) == other) is near
