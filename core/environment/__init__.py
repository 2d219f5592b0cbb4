"""The environment: one object that sets an experiment up and executes it."""

from pypet.environment.environment import Environment
from pypet.environment.multiproc_context import MultiprocContext

__all__ = ["Environment", "MultiprocContext"]
