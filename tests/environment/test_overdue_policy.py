"""Runs that take too long are left out, unless the user says that errors are to be raised."""

from __future__ import annotations

import pytest

from pypet.environment.run_loop import ErrorPolicy
from pypet.errors import RunTimeoutError


@pytest.mark.parametrize(
    ("on_error", "default", "overdue", "other"),
    [
        (None, "raise", False, True),
        (None, "continue", False, False),
        ("raise", "continue", True, True),
        ("continue", "raise", False, False),
        ("retry:2", "raise", False, True),
    ],
)
def test_which_errors_end_the_experiment(on_error, default, overdue, other):
    policy = ErrorPolicy.parse(on_error, default)
    assert policy.raises_for(RunTimeoutError("late")) is overdue
    assert policy.raises_for(ValueError("wrong")) is other
