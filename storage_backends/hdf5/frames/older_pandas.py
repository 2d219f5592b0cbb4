"""What older versions of pandas need to read what the installed one writes."""

from __future__ import annotations

from typing import Any

_OLD_KINDS = {"datetime64[ns]": "datetime64", "timedelta64[ns]": "timedelta64"}
"""Versions before 2 know no other resolution; later ones take the old names for the same."""
_OLD_FORMAT = "0.15.2"
"""Version of the table format; without it versions before 3 assume one of long ago."""


def adapt_to_older_pandas(group: Any, *, is_table: bool) -> None:
    """Change attributes that only newer versions understand; ``group`` is a node of PyTables.

    Times in tables keep the new names: the installed version compares them on appending.
    """
    if is_table:
        if "pandas_version" not in group._v_attrs:
            group._v_attrs["pandas_version"] = _OLD_FORMAT
        return
    for node in group._f_iter_nodes("Leaf"):
        attributes = node._v_attrs
        for name in ("kind", "value_type"):
            if name in attributes:
                old = _OLD_KINDS.get(str(attributes[name]))
                if old is not None:
                    attributes[name] = old
