"""`SharedData`: the base class of all handles."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.tree.typed_groups import attached_service

F = TypeVar("F", bound=Callable[..., Any])


def forwarded(method: F) -> F:
    """Implement a method without body by calling the stored object's method of the same name.

    Arguments are passed by name, including defaults.
    """
    return _forwarding(method, "_call")


def forwarded_if_open(method: F) -> F:
    """Like `forwarded`, for results that need an open store; a closed one is a TypeError."""
    return _forwarding(method, "_call_open")


def _forwarding(method: F, call: str) -> F:
    signature = inspect.signature(method)
    name = method.__name__

    @functools.wraps(method)
    def forward(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        handle, *_ = given.args
        del given.arguments["self"]
        return getattr(handle, call)(name, **given.arguments)

    return forward  # type: ignore[return-value]


class SharedData:
    """A handle on data that stays in the storage.

    Belongs to a `SharedResult`, which sets its location when the handle is added. Each access goes
    through the storage service of the trajectory; a result that was never stored is stored first.
    If the store is closed, each access opens it: use `StorageContextManager` around many of them.
    """

    FLAG: ClassVar[str] = ""
    """How the data is kept unless arguments of `create_shared_data` say otherwise."""

    def __init__(
        self,
        name: str | None = None,
        parent: Any = None,
        trajectory: Any = None,
        add_to_parent: bool = False,
    ) -> None:
        """Create a handle without accessing the storage.

        ``add_to_parent`` adds the handle to the result ``parent`` as item ``name``.
        """
        self.name = name
        self.parent = parent
        self.traj = trajectory
        if add_to_parent:
            parent[name] = self

    def __repr__(self) -> str:
        place = None if self.parent is None else self.parent.v_full_name
        return f"<{type(self).__name__} (item:`{self.name}`, parent:`{place}`)>"

    # ----- creation ------------------------------------------------------------------------

    def create_shared_data(self, **kwargs: Any) -> None:
        """Create the data in the storage.

        ``obj``, or ``data``, is the initial content; ``flag`` says how it is kept if it is not
        to follow from the class of the handle. ``trajectory`` (or ``traj``), ``name`` and
        ``parent`` give the handle its place if it has none. Everything else describes the data
        for the storage: for HDF5, arguments of the functions of PyTables or pandas that create
        it.

        Raises
        ------
        TypeError
            The handle has no place, or the trajectory was never stored;
            ``traj.f_store(only_init=True)`` is enough.
        ValueError
            The data exists already.
        """
        if "data" in kwargs:
            if "obj" in kwargs:
                raise TypeError("Give the content either as `data` or as `obj`, not as both.")
            kwargs["obj"] = kwargs.pop("data")
        self._adopt_place(kwargs)
        kwargs.setdefault("flag", self.FLAG)
        self._call("create_shared_data", **kwargs)

    def _adopt_place(self, kwargs: dict[str, Any]) -> None:
        for key in ("trajectory", "traj"):
            if key in kwargs:
                self.traj = kwargs.pop(key)
        if "name" not in kwargs and "parent" not in kwargs:
            return
        self.name = kwargs.pop("name", self.name)
        self.parent = kwargs.pop("parent", self.parent)
        if self.parent is not None and self.name is not None:
            self.parent[self.name] = self

    # ----- access --------------------------------------------------------------------------

    def get_data_node(self) -> Any:
        """Return the stored object itself, for HDF5 a node of PyTables.

        With the store closed there is a RuntimeWarning: the node is closed then.
        """
        self._check_place()
        if not self._is_open():
            warnings.warn(
                f"The store is closed, and so is the node of {self!r}: get it within "
                "`with StorageContextManager(traj):`.",
                RuntimeWarning,
                stacklevel=2,
            )
        return self._call("__thenode__")

    def _call(self, request: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the stored object."""
        return self._access(request, args, kwargs)

    def _call_open(self, request: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method whose result is only valid while the store is open."""
        self._check_open(request)
        return self._access(request, args, kwargs)

    def _get(self, attribute: str) -> Any:
        """Return an attribute of the stored object."""
        return self._access(attribute, None, None)

    def _access(
        self, request: str, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None
    ) -> Any:
        self._check_place()
        service = self._service()
        if not self.parent.v_stored:
            self.traj.f_store_item(self.parent)
        return service.store(
            constants.ACCESS_DATA,
            self.parent.v_full_name,
            self.name,
            request,
            args,
            kwargs,
            trajectory_name=self.traj.v_name,
        )

    # ----- checks --------------------------------------------------------------------------

    def _check_place(self) -> None:
        places = {"trajectory": self.traj, "parent": self.parent, "name": self.name}
        missing = [what for what, value in places.items() if value is None]
        if missing:
            raise TypeError(
                f"{self!r} has no {' and no '.join(missing)}. Add the handle to a SharedResult "
                "first, as in `result['name'] = handle`."
            )
        try:
            held = self.parent[self.name]
        except (AttributeError, KeyError):
            held = None
        if held is not self:
            raise TypeError(
                f"{self!r} cannot be accessed: its parent does not hold this handle under this "
                "name. Use the handle that is there, or add this one."
            )

    def _service(self) -> Any:
        service = attached_service(self.traj)
        if service is None:
            raise NoSuchServiceError(
                f"Trajectory {self.traj.v_name!r} has no storage service, so {self!r} cannot be "
                "accessed."
            )
        if not service.supports_loading:
            raise NoSuchServiceError(
                f"{self!r} cannot be accessed here: {type(service).__name__} only sends data and "
                "gets none back. Use wrap mode 'LOCK' or 'NETLOCK' with shared data."
            )
        return service

    def _is_open(self) -> bool:
        return bool(self._service().is_open)

    def _check_open(self, what: str) -> None:
        self._check_place()
        if not self._is_open():
            raise TypeError(
                f"`{what}` of {self!r} needs an open store: use it within "
                "`with StorageContextManager(traj):`."
            )


def attribute(name: str, doc: str, *, needs_open: bool = False) -> Any:
    """Return a property that reads an attribute of the stored object.

    With ``needs_open`` reading it while the store is closed is a TypeError.
    """

    def get(self: SharedData) -> Any:
        if needs_open:
            self._check_open(name)
        return self._get(name)

    return property(get, doc=doc)
