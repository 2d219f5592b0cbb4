"""Established place of the exceptions; they are defined in `pypet.errors`."""

from pypet.errors import *  # noqa: F403 - all that are public
from pypet.errors import __all__ as __all__
