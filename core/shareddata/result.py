"""`SharedResult`: a result that may hold handles on shared data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.encoding import encode_value
from pypet.leaves.result import Result
from pypet.records import Item, SharedItem
from pypet.shareddata.arrays import SharedArray, SharedCArray, SharedEArray, SharedVLArray
from pypet.shareddata.frame import SharedPandasFrame
from pypet.shareddata.handle import SharedData
from pypet.shareddata.table import SharedTable
from pypet.tree.node import KnowsTrajectory, put


class SharedResult(Result, KnowsTrajectory):
    """A result for handles on shared data, and all data of a `Result`.

    Handles get their location when they are added. Storing the result does not change shared data;
    loading it creates handles and reads none of their data.
    """

    __slots__ = ("_traj",)

    FLAG_CLASS_MAPPING: ClassVar[dict[str, type[SharedData]]] = {
        constants.ARRAY: SharedArray,
        constants.CARRAY: SharedCArray,
        constants.EARRAY: SharedEArray,
        constants.VLARRAY: SharedVLArray,
        constants.TABLE: SharedTable,
        constants.FRAME: SharedPandasFrame,
    }
    """How shared data is kept -> the class of its handle."""

    _traj: Any

    def __init__(self, full_name: str, trajectory: Any, *args: Any, **kwargs: Any) -> None:
        put(self, "_traj", trajectory)
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_traj(self) -> Any:
        """The trajectory through which handles access their data."""
        return self._traj

    def create_shared_data(self, name: str | None = None, **kwargs: Any) -> None:
        """Create the data of the handle ``name``, or of the only item there is.

        Takes the keywords of `SharedData.create_shared_data`.

        Raises
        ------
        TypeError
            The item is not a handle, or as for the handle.
        """
        item = self.f_get() if name is None else self.f_get(name)
        if not isinstance(item, SharedData):
            raise TypeError(
                f"The item of {self._full_name!r} is a {type(item).__name__}, no handle on shared "
                "data; it is stored with the result."
            )
        item.create_shared_data(**kwargs)

    def _supports(self, item: Any) -> bool:
        return type(item) in self.FLAG_CLASS_MAPPING.values() or super()._supports(item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item; a handle gets its location.

        Raises
        ------
        TypeError
            The item is of a type that the result does not support; subclasses of handles are not.
        """
        super().f_set_single(name, item)
        if isinstance(item, SharedData):
            self._place(name, item)

    def _place(self, name: str, handle: SharedData) -> SharedData:
        handle.name = name
        handle.parent = self
        handle.traj = self._traj
        return handle

    # ----- storing and loading -------------------------------------------------------------

    def _store(self) -> dict[str, Any]:
        """Return the data that is stored with the result: all items but handles."""
        return {
            name: value for name, value in self._data.items() if not isinstance(value, SharedData)
        }

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the data as items; like `_store`."""
        return tuple(
            [encode_value(name, value, None, encoding) for name, value in self._store().items()]
        )

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Replace the data; shared items become handles."""
        super()._load({name: self._loaded(name, value) for name, value in load_dict.items()})

    def _loaded(self, name: str, value: Any) -> Any:
        if isinstance(value, SharedItem):
            kind = self.FLAG_CLASS_MAPPING.get(value.flag)
            if kind is None:
                raise TypeError(
                    f"Item {name!r} of {self._full_name!r} is shared data kept as "
                    f"{value.flag!r}, for which there is no handle."
                )
            value = kind()
        return self._place(name, value) if isinstance(value, SharedData) else value
