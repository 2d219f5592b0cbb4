"""Small functions for scripts and for code that extends pypet."""

from __future__ import annotations

import sys

from pypet.support.arguments import get_matching_kwargs
from pypet.support.collections import flatten_dictionary, nest_dictionary, result_sort
from pypet.support.filesystem import racedirs
from pypet.support.network import convert_ipv6, is_ipv6, port_to_tcp
from pypet.support.progressbar import progressbar
from pypet.support.time_format import format_time

__all__ = [
    "convert_ipv6",
    "flatten_dictionary",
    "format_time",
    "get_matching_kwargs",
    "is_debug",
    "is_ipv6",
    "nest_dictionary",
    "port_to_tcp",
    "progressbar",
    "racedirs",
    "result_sort",
]


def is_debug() -> bool:
    """Return whether the debugger pydevd is loaded."""
    return "pydevd" in sys.modules
