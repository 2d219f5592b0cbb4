"""What is done about a run that raises."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, NamedTuple

from pypet.errors import RunTimeoutError
from pypet.options.checks import RAISE, RETRY_PREFIX

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory


class ErrorPolicy(NamedTuple):
    """A run is tried ``retries`` times more; then its error is raised, or the others go on."""

    retries: int
    raises: bool
    spares_overdue: bool = True
    """A run that took too long is left out: the user did not say that errors are to be raised."""

    @classmethod
    def parse(cls, on_error: str | None, default: str) -> ErrorPolicy:
        """Read ``on_error``, which is checked already; ``default`` is the scheduler's way.

        After the last attempt of ``'retry:N'`` the scheduler's way is gone, too.
        """
        if on_error is not None and on_error.startswith(RETRY_PREFIX):
            return cls(int(on_error.removeprefix(RETRY_PREFIX)), default == RAISE)
        return cls(0, (on_error or default) == RAISE, spares_overdue=on_error is None)

    def raises_for(self, error: BaseException) -> bool:
        """Return whether an error of a run, after its last attempt, ends the experiment."""
        return self.raises and not (self.spares_overdue and isinstance(error, RunTimeoutError))


def describe_run(trajectory: Trajectory, index: int) -> str:
    """Return a text that names a run and the values that it explores."""
    values = [
        f"{name}={reprlib.repr(parameter.f_get_range(copy=False)[index])}"
        for name, parameter in trajectory.f_get_explored_parameters(copy=False).items()
        if parameter is not None and parameter.f_has_range()
    ]
    where = f"run {trajectory.f_idx_to_run(index)} of trajectory {trajectory.v_name!r}"
    return f"{where} ({', '.join(values) or 'nothing is explored'})"
