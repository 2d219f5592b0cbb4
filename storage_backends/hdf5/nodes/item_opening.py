"""Opening items of leaves, if their values are in the file and not too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.paths import (
    OwnPaths,
    absolute,
    external_source,
    link_text,
    members,
)
from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit, Visits, charge_dataset

_MOST_LEVELS = 100
"""Groups within groups of one item."""


class ItemOpener:
    """Opens items after checking where their links lead and how large they are."""

    def __init__(
        self,
        file: OpenFile,
        paths: OwnPaths,
        visits: Visits,
        limit: SizeLimit | None,
        has_own_values: Callable[[int | None], bool],
    ) -> None:
        """Check items against the limits of one reading.

        ``has_own_values(address)`` is whether the values of the dataset with this header are
        known to be in the file, which is faster than asking the library.
        """
        self._file = file
        self._paths = paths
        self._visits = visits
        self._limit = limit
        self._has_own_values = has_own_values

    def members(
        self, group: h5g.GroupID, links: Sequence[tuple[bytes, int | None]] | None = None
    ) -> Sequence[tuple[bytes, int | None]]:
        """Return names and addresses of what is in a group; addresses of links are None.

        ``links`` are those of its header, already counted.
        """
        if links is not None and all(address is not None for _, address in links):
            return sorted(links)
        found = members(group, self._file.path)
        self._visits.count(len(found))
        return found

    def opened(
        self, group: h5g.GroupID, raw: bytes, address: int | None, path: bytes, name: str
    ) -> Any:
        """Return the open dataset or group that is called ``raw`` in ``group``.

        ``path`` is that of the leaf, ``name`` that of the item. Soft links are followed within the
        file.

        Raises
        ------
        StorageFormatError
            It is a link that leads out of the file, or nowhere, or there is no end to what is
            in it.
        """
        if name.count(".") > _MOST_LEVELS:
            raise StorageFormatError(
                f"{self._place(path, name[:_MOST_LEVELS])} has groups that seem to contain "
                "themselves."
            )
        if address is None and self.is_foreign(group, raw, path, name):
            raise StorageFormatError(
                f"{self._place(path, name)} is a link to {link_text(group, raw)}, and not loaded: "
                "nothing is read from other files. Load without it (`load_except`), or copy the "
                "values into this file."
            )
        try:
            return h5d.open(group, raw)
        except KeyError:
            return h5g.open(group, raw)

    def is_foreign(self, group: h5g.GroupID, raw: bytes, path: bytes, name: str) -> bool:
        """Return whether a link in a leaf leads out of the file, or nowhere."""
        parent = path + b"/" + name.replace(".", "/").encode("utf8")
        self._paths.follow(self._file.id)
        info = group.links.get_info(raw)
        if info.type != h5py.h5l.TYPE_SOFT:
            return True
        target = absolute(group.links.get_val(raw), parent.rpartition(b"/")[0])
        return not self._paths.lead_to(target)

    def check_allowed(
        self, location: Any, address: int | None, path: bytes, name: str, *, is_shared: bool
    ) -> None:
        """Make sure that an item may be read, before anything else of it is opened.

        What is shared is not read now, so that its size does not matter.

        Raises
        ------
        StorageFormatError
            Its values are in another file, or take more memory than allowed.
        """
        if isinstance(location, h5g.GroupID):
            for raw, inner in self.members(location):
                if inner is None:
                    raise StorageFormatError(
                        f"{self._place(path, name)} has a link to {link_text(location, raw)} in "
                        "it, and is not loaded: nothing is read from other places."
                    )
                below = f"{name}.{raw.decode('utf8', 'replace')}"
                opened = self.opened(location, raw, inner, path, below)
                self.check_allowed(opened, inner, path, below, is_shared=is_shared)
            return
        if not self._has_own_values(address):
            source = external_source(location)
            if source:
                raise StorageFormatError(
                    f"{self._place(path, name)} is {source}, and not loaded: nothing is read from "
                    "other files. Load without it (`load_except`), or copy the values into this "
                    "file."
                )
        if self._limit is not None and not is_shared:
            charge_dataset(self._limit, location, lambda: self._place(path, name))

    def ragged_rows(self, dataset: h5py.Dataset, name: str) -> Sequence[Any]:
        """Return the rows of a ragged array; with a limit one by one, as no size is known."""
        if self._limit is None:
            rows: Sequence[Any] = dataset[:]
            return rows
        rows = []
        for position in range(len(dataset)):
            row = np.asarray(dataset[position])
            self._limit.charge(row.nbytes, row.nbytes, f"Item {name!r} in {self._file.path}")
            rows.append(row)
        return rows

    def _place(self, path: bytes, name: str) -> str:
        return f"Item {name!r} at {path.decode('utf8', 'replace')} in {self._file.path}"
