"""The location of one item of shared data, and the attributes that mark it as shared."""

from __future__ import annotations

from typing import Any

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError
from pypet.storage_backends.hdf5.encoding.layout import CHECKSUM, SHARED_TYPE, STORED_AS
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.settings.settings import Settings

_STORED_AS, _SHARED_TYPE = STORED_AS.decode(), SHARED_TYPE.decode()
_CHECKSUM = CHECKSUM.decode()


class ItemLocation:
    """The location of an item in a file that pandas has open as ``store``."""

    __slots__ = ("_names", "file", "item", "leaf", "path", "settings", "store")

    def __init__(
        self, store: Any, settings: Settings, trajectory: str, leaf: str, item: str
    ) -> None:
        self.store = store
        self.file: Any = store._handle
        self.settings = settings
        self.item = item
        self.leaf = hdf5_path(trajectory, leaf).decode("utf8")
        self._names = item.split(".")
        self.path = "/".join((self.leaf, *self._names))

    def __str__(self) -> str:
        return f"{self.path} in {self.file.filename}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._names[-1]

    def exists(self) -> bool:
        """Return whether there is something."""
        return self.path in self.file

    def node(self) -> Any:
        """Return what is there.

        Raises
        ------
        DataNotInStorageError
            There is nothing.
        """
        import tables

        try:
            return self.file.get_node(self.path)
        except tables.NoSuchNodeError:
            raise DataNotInStorageError(
                f"There is no {self}. Shared data has to be created first, with "
                "`create_shared_data`; other items have to be stored."
            ) from None

    def create_parents(self) -> Any:
        """Return the group of the item; groups for names with dots are made if necessary.

        Raises
        ------
        DataNotInStorageError
            The leaf is not in the file.
        ValueError
            Another item has the name that a group should have.
        """
        import tables

        try:
            group = self.file.get_node(self.leaf)
        except tables.NoSuchNodeError:
            raise DataNotInStorageError(
                f"There is no leaf {self.leaf} in {self.file.filename}; store it first."
            ) from None
        for name in self._names[:-1]:
            if name not in group:
                group = self.file.create_group(group, name)
                group._v_attrs[_STORED_AS] = constants.NESTED_GROUP
                continue
            group = group._f_get_child(name)
            if (
                _STORED_AS not in group._v_attrs
                or group._v_attrs[_STORED_AS] != constants.NESTED_GROUP
            ):
                raise ValueError(f"{self} cannot be created: {name!r} in its path is another item.")
        return group

    def check_free(self) -> None:
        """Raise ValueError if there is something."""
        if self.exists():
            raise ValueError(
                f"There is data at {self} already. Delete it first, with `f_delete_item` of the "
                "trajectory and `delete_only`, or use what is there."
            )

    def remove(self) -> None:
        """Remove what is there, if there is anything."""
        if self.exists():
            self.file.remove_node(self.path, recursive=True)

    # ----- attributes ----------------------------------------------------------------------

    def flag(self) -> str:
        """Return the flag of the item, '' if it has none."""
        attributes = self.node()._v_attrs
        return str(attributes[_STORED_AS]) if _STORED_AS in attributes else ""

    def mark(self, flag: str) -> None:
        """Note that the item is shared data of this kind, which has no checksum: it changes."""
        attributes = self.node()._v_attrs
        if _CHECKSUM in attributes:
            del attributes[_CHECKSUM]
        attributes[_SHARED_TYPE] = flag
        attributes[_STORED_AS] = constants.SHARED_DATA

    def unmark(self) -> None:
        """Note that the item is an ordinary one again."""
        attributes = self.node()._v_attrs
        if _SHARED_TYPE in attributes:
            attributes[_STORED_AS] = str(attributes[_SHARED_TYPE])
            del attributes[_SHARED_TYPE]
