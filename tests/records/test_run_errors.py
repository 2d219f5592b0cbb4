"""What is kept of the exception of a run."""

from __future__ import annotations

from pypet import RunError


class LocalError(Exception):
    """An exception of a module that is not ``builtins``."""


class MuteError(Exception):
    """An exception that cannot be shown."""

    def __str__(self):
        raise ValueError("no text")


def raised(error):
    try:
        raise error
    except Exception as caught:
        return caught


def test_type_message_and_traceback_are_kept():
    kept = RunError.of(raised(ValueError("no\nway")), 12.5)
    assert (kept.type, kept.message, kept.timestamp) == ("ValueError", "no\nway", 12.5)
    assert "in raised" in kept.traceback
    assert str(kept) == "ValueError: no way"


def test_types_of_modules_are_named_with_them():
    assert RunError.of(LocalError(), 0.0).type == f"{__name__}.LocalError"
    assert str(RunError.of(KeyError(), 0.0)) == "KeyError"


def test_notes_belong_to_the_message():
    error = ValueError("short")
    error.add_note("and why")
    assert RunError.of(error, 0.0).message == "short\nand why"


def test_an_error_without_readable_text_is_kept_too():
    kept = RunError.of(raised(MuteError()), 0.0)
    assert kept.type.endswith("MuteError")
    assert "ValueError" in kept.message


def test_long_text_is_cut_in_the_middle():
    kept = RunError.of(ValueError("a" * 100_000 + "the end"), 0.0)
    assert len(kept.message) < 10_000
    assert kept.message.startswith("aaa")
    assert kept.message.endswith("the end")
