"""The calls that pypet makes on leaves: methods that classes of users override, too.

Their names start with an underscore: public names would hide what users put into a leaf.
"""

from __future__ import annotations

ENCODING = "utf8"


def explore(parameter, values):
    """Give a parameter a range."""
    parameter._explore(values)


def expand(parameter, values):
    """Append values to the range of a parameter."""
    parameter._expand(values)


def shrink(parameter):
    """Remove the range of a parameter."""
    parameter._shrink()


def set_run(parameter, *index):
    """Let a parameter have the value of a run."""
    parameter._set_parameter_access(*index)


def restore_default(parameter):
    """Let a parameter have its default value."""
    parameter._restore_default()


def equal_values(parameter, one, other):
    """Return whether a parameter considers two values equal."""
    return parameter._equal_values(one, other)


def same_type(parameter, one, other):
    """Return whether a parameter considers the types of two values equal."""
    return parameter._values_of_same_type(one, other)


def store(leaf):
    """Return the data of a leaf by item name."""
    return leaf._store()


def load(leaf, data):
    """Fill a leaf with data by item name."""
    leaf._load(data)


def encode(leaf, encoding=ENCODING):
    """Return the items of a leaf."""
    return leaf._encode(encoding)


def decode(leaf, items, encoding=ENCODING):
    """Fill a leaf with items by name."""
    return leaf._decode(items, encoding)


def rename(leaf, full_name):
    """Give a leaf another full name."""
    leaf._rename(full_name)
