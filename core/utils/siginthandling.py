"""Ending experiments gracefully on CTRL+C: the established path of `sigint_handling`."""

from pypet.environment.interruption import sigint_handling

__all__ = ["sigint_handling"]
