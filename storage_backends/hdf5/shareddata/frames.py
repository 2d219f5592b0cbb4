"""Shared frames: kept, extended and searched by pandas."""

from __future__ import annotations

from typing import Any

from pypet import pypetconstants as constants
from pypet.encoding.pandas_types import is_pandas
from pypet.storage_backends.hdf5.frames.older_pandas import adapt_to_older_pandas
from pypet.storage_backends.hdf5.frames.text_dtypes import without_text_dtypes
from pypet.storage_backends.hdf5.shareddata.places import SharedPlace

_REPLACEMENT = "__new_item__"


def put_shared_frame(
    place: SharedPlace,
    *,
    obj: Any = None,
    flag: str | None = None,
    format: str = "table",
    append: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> None:
    """Create a frame, add rows to it, or replace it.

    Raises
    ------
    TypeError
        The content is no frame of pandas.
    ValueError
        The frame exists and is neither to be added to nor to be replaced, or pandas cannot
        keep it so.
    """
    if not is_pandas(obj, "DataFrame") or flag not in (None, constants.FRAME):
        raise TypeError(
            f"{place} can only be made of a pandas frame, not of a {type(obj).__name__}"
            f"{'' if flag in (None, constants.FRAME) else f' kept as {flag}'}."
        )
    arguments = {"encoding": place.settings.encoding, "track_times": False, **options}
    frame = without_text_dtypes(obj)
    is_old = place.exists()
    if frame.empty and (append or str(format).startswith("t")):
        if is_old and append:
            return
        raise ValueError(
            f"An empty frame cannot be kept at {place} with format {format!r}; give "
            "`format='fixed'`, or create it with the first rows."
        )
    if not is_old:
        place.made_parent()
        try:
            place.store.put(place.path, frame, format=format, append=append, **arguments)
            _adapt(place, place.path)
            place.mark(constants.FRAME)
        except BaseException:
            place.remove()
            raise
    elif append:
        place.store.put(place.path, frame, format=format, append=True, **arguments)
    elif overwrite:
        _replace(place, frame, {"format": format, **arguments})
    else:
        raise ValueError(
            f"There is a frame at {place} already. Give `append=True` to add rows, or "
            "`overwrite=True` to replace it."
        )


def _replace(place: SharedPlace, frame: Any, arguments: dict[str, Any]) -> None:
    """Write the new frame beside the old one, so that a failure costs nothing."""
    parent = place.path.rpartition("/")[0]
    beside = f"{parent}/{_REPLACEMENT}"
    try:
        place.store.put(beside, frame, **arguments)
        _adapt(place, beside)
    except BaseException:
        if beside in place.file:
            place.file.remove_node(beside, recursive=True)
        raise
    place.remove()
    place.file.rename_node(beside, place.name)
    place.mark(constants.FRAME)


def _adapt(place: SharedPlace, path: str) -> None:
    group = place.file.get_node(path)
    is_table = str(group._v_attrs["pandas_type"]).endswith("_table")
    adapt_to_older_pandas(group, is_table=is_table)


def get_frame(place: SharedPlace) -> Any:
    """Return the whole frame."""
    place.node()
    return place.store.get(place.path)


def select_frame(place: SharedPlace, **options: Any) -> Any:
    """Return the part of a frame that pandas' ``HDFStore.select`` gives for the options."""
    place.node()
    return place.store.select(place.path, **options)
