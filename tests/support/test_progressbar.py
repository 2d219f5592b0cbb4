"""The text progress bar."""

from __future__ import annotations

import logging

import pytest

from pypet.support.progressbar import ProgressBar, progressbar


def silent(index, total, step=10, **kwargs):
    kwargs.setdefault("logger", None)
    return progressbar(index, total, step, **kwargs)


def test_a_loop_shows_first_last_and_each_step():
    shown = [i for i in range(100) if silent(i, 100, 20) is not None]
    assert shown == [0, 19, 39, 59, 79, 99]


def test_the_first_call_has_no_remaining_time():
    assert silent(4, 20, reset=True) == "[=====               ] 25.0%"


def test_later_calls_tell_the_remaining_time():
    silent(0, 20, reset=True)
    assert silent(9, 20) == "[==========          ] 50.0%, remaining: 0:00:00"
    assert silent(12, 20, time=False) == "[=============       ] 65.0%"


def test_small_percentages_keep_their_width():
    assert silent(0, 20, reset=True, length=10) == "[          ]  5.0%"


def test_the_last_and_all_later_calls_are_complete():
    full = f"[{'=' * 20}]100.0%"
    assert [silent(i, 20) for i in (19, 20, 25)] == [full] * 3


def test_steps_may_be_fractions_of_a_percent():
    shown = [silent(i, 1000, 0.5, reset=i == 0) for i in range(1000)]
    assert len([text for text in shown if text]) == 201


def test_a_resumed_loop_may_start_anywhere():
    silent(9, 10)
    assert silent(57, 100) == "[===========         ] 58.0%"
    assert silent(58, 100) is None


def test_it_starts_again_when_the_index_does_not_increase_or_the_total_changes():
    silent(5, 20, reset=True)
    assert silent(5, 20) is not None
    assert silent(6, 20) is None
    assert "remaining" not in silent(7, 30)


@pytest.mark.parametrize("total", [0, -1])
def test_an_empty_loop_is_complete(total):
    assert silent(0, total).endswith("100.0%")


@pytest.mark.parametrize("step", [0, -5])
def test_a_step_that_is_not_positive_is_refused(step):
    with pytest.raises(ValueError, match="percentage_step"):
        silent(0, 10, step)


def test_bars_of_their_own_do_not_disturb_each_other():
    outer, inner = ProgressBar(), ProgressBar()
    assert outer.update(0, 3)
    assert inner.update(0, 100)
    assert inner.update(1, 100) is None
    assert outer.update(1, 3).startswith("[=============       ] 66.7%, remaining")


def test_printing_overwrites_the_line(capsys):
    progressbar(0, 2, reset=True, fmt_string="Done %s!")
    assert capsys.readouterr().out == "\rDone [==========          ] 50.0%!"


def test_printing_lines_ends_them(capsys):
    text = progressbar(0, 2, reset=True, reprint=False)
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize("logger", ["tests.bar", logging.getLogger("tests.bar")])
def test_a_logger_or_its_name_gets_records(caplog, logger):
    with caplog.at_level(logging.DEBUG, logger="tests.bar"):
        text = progressbar(0, 2, logger=logger, log_level=logging.DEBUG, reset=True)
    assert caplog.record_tuples == [("tests.bar", logging.DEBUG, text)]
