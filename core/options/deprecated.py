"""Old names of options: each still works and warns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

RENAMED: dict[str, str] = {
    "delete_continue": "delete_resume",
    "continue_folder": "resume_folder",
    "continuable": "resumable",
    "freeze_pool_input": "freeze_input",
    "dynamically_imported_classes": "dynamic_imports",
    "use_hdf5": "storage_service",
}
"""Old name -> new name."""

WITHOUT_EFFECT: tuple[str, ...] = ("pandas_append",)
"""Old names that do nothing any more."""


def map_deprecated(keywords: Mapping[str, Any], *, stacklevel: int = 1) -> dict[str, Any]:
    """Return ``keywords`` with old names replaced by the new ones.

    If both spellings are given, the old one wins. Each old name is a DeprecationWarning;
    ``stacklevel`` counts from the function that calls this one (1), as `warnings.warn` does.
    """
    mapped = {name: value for name, value in keywords.items() if not _is_old(name)}
    for name, value in keywords.items():
        if name in WITHOUT_EFFECT:
            text = f"Option {name!r} has no effect any more; leave it out."
        elif name in RENAMED:
            new = RENAMED[name]
            mapped[new] = _translated(name, value)
            text = f"Option {name!r} is deprecated; use {new!r} instead."
        else:
            continue
        warnings.warn(text, DeprecationWarning, stacklevel=stacklevel + 1)
    return mapped


def _is_old(name: str) -> bool:
    return name in RENAMED or name in WITHOUT_EFFECT


def _translated(name: str, value: Any) -> Any:
    if name == "use_hdf5":
        return "hdf5" if value else None
    return value
