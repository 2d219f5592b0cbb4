"""The environment: one object that sets an experiment up and executes it."""

from pypet.environment.environment import Environment

__all__ = ["Environment"]
