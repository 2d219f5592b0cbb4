"""The checksum that HDF5 keeps with object headers of version 2, computed by the HDF5 library.

In Python it would take longer than everything else about a header. The library has it as a
function that is not part of its interface, so it is believed only if it knows a published answer;
where there is no such function, the library reads the headers.

Notes
-----
"lookup3" of Bob Jenkins (http://burtleburtle.net/bob/c/lookup3.c), which also has the answer.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import h5py

_QUESTION = b"Four score and seven years ago"
_ANSWER = 0x17770551

Checksum = Callable[[bytes, int, int], int]
"""Takes bytes, how many of them count, and a start value that is 0."""


@functools.cache
def checksum_function() -> Checksum | None:
    """Return what computes the checksum of bytes, None if the library does not offer it."""
    try:
        function = ctypes.CDLL(h5py.h5.__file__).H5_checksum_lookup3
    except (AttributeError, OSError):  # as on Windows, where a library does not show others'
        return None
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32)
    function.restype = ctypes.c_uint32
    return function if function(_QUESTION, len(_QUESTION), 0) == _ANSWER else None
