"""How processes of pypet start where nobody gives the option ``start_method``."""

from __future__ import annotations

import multiprocessing


def start_method_in_effect(given: str | None = None) -> str:
    """Return the start method for processes of this program.

    ``given`` is the value of the option. Without it the method that the program has chosen for
    all its processes counts, by `multiprocessing.set_start_method` or by having used the default
    of `multiprocessing` already: who asks for ``'spawn'`` may hold what no child may inherit, such
    as threads or a CUDA context. In a program that has chosen nothing processes are forked where
    the platform can, whatever the default of this version of Python is.
    """
    # Without `allow_none` this question would itself settle the method for the whole program.
    if chosen := given or multiprocessing.get_start_method(allow_none=True):
        return chosen
    return "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
