"""Ending experiments gracefully on CTRL+C: the established path of `sigint_handling`."""

from pypet.environment.signals import sigint_handling

__all__ = ["sigint_handling"]
