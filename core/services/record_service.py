"""A storage service in two halves: messages to records here, records to a medium in a backend."""

from __future__ import annotations

from typing import Any

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import UnpicklingPolicy, unpickling
from pypet.errors import UnknownMessageError
from pypet.moved import FormerMethod
from pypet.services.backend import RecordBackend
from pypet.services.direct_messages import DIRECT
from pypet.services.failures import log_failure, note_that_nothing_is_stored
from pypet.services.load_messages import LOADERS
from pypet.services.node_loader import NodeLoader, SkippedNodes
from pypet.services.request_builder import RequestBuilder, origin_of
from pypet.services.settings import note_settings
from pypet.services.store_messages import PREPARERS
from pypet.support.arguments import skips_errors

_LOCATION_KEYWORDS = frozenset(("filename", "file_title"))


class RecordStorageService(RecordBackend):
    """Turns messages about live nodes into records; a backend keeps these.

    A backend implements `apply`, `trajectory_names`, `read_meta` and `read_nodes`, and whatever
    it has to open, close and flush; see `RecordBackend` for its obligations.
    """

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store ``stuff_to_store`` as ``msg`` says; see `pypet.interfaces.StorageService`.

        Raises
        ------
        UnknownMessageError
            The message is unknown.
        NoSuchServiceError
            A value has a type that cannot be stored.
        ValueError
            Keyword ``trajectory_name`` is missing, or the trajectory was never stored.
        """
        try:
            self._relocate(kwargs)
            if msg in _FILE_MESSAGES:
                self.check_file_message(msg, kwargs.pop("trajectory_name", None))
                getattr(self, _FILE_MESSAGES[msg])()
                return None
            direct = DIRECT.get(msg)
            if direct is not None:
                return direct(self, stuff_to_store, *args, **kwargs)
            prepared = self.prepare(msg, stuff_to_store, *args, **kwargs)
            request = prepared.request
            if not request.is_empty:
                self.apply(request)
        except Exception as error:
            log_failure(self, "storing", msg, stuff_to_store, error)
            raise
        prepared.confirm()
        return None

    def prepare(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> RequestBuilder:
        """Return the request that corresponds to a message without applying it.

        Wrap modes send ``prepare(...).request`` to where it can be applied and call
        ``confirm()``, which marks the nodes as stored.
        """
        trajectory = kwargs.pop("trajectory_name", None)
        if trajectory is None:
            raise ValueError(f"Message {msg!r} to {type(self).__name__} lacks `trajectory_name=`.")
        preparer = PREPARERS.get(msg)
        if preparer is None:
            raise self._unknown(msg, "store", [*PREPARERS, *DIRECT, *_FILE_MESSAGES])
        builder = RequestBuilder(self, trajectory, origin_of(stuff_to_store))
        try:
            preparer(builder, stuff_to_store, *args, **kwargs)
        except Exception as error:
            note_that_nothing_is_stored(error, msg, stuff_to_store)
            raise
        return builder

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load into ``stuff_to_load`` as ``msg`` says; see `pypet.interfaces.StorageService`.

        With ``on_error='skip'`` nodes that cannot be loaded are left out; a warning lists them,
        and ``v_load_errors`` of the trajectory keeps the list.

        Raises
        ------
        UnknownMessageError
            The message is unknown.
        ValueError
            The trajectory or its index is missing or wrong, or arguments contradict each other.
        DataNotInStorageError
            The node is not in the storage.
        RefusedPickleError
            Something is pickled that `unpickle` does not let in.
        """
        try:
            self._relocate(kwargs)
            name = kwargs.pop("trajectory_name", None)
            index = kwargs.pop("trajectory_index", None)
            skips = skips_errors(kwargs.pop("on_error", "raise"))
            load = LOADERS.get(msg)
            if load is None:
                raise self._unknown(msg, "load", LOADERS)
            with (
                self.exclusive(),
                self.reading(),
                unpickling(UnpicklingPolicy(self.unpickle)) as policy,
            ):
                found = self._find_trajectory(name, index)
                skipped = SkippedNodes(found, self) if skips else None
                loader = NodeLoader(self, found, policy, skipped)
                try:
                    load(loader, stuff_to_load, *args, **kwargs)
                finally:
                    loader.report_skipped()
        except Exception as error:
            log_failure(self, "loading", msg, stuff_to_load, error)
            raise

    def attach_to(self, trajectory: Any) -> None:
        """Become the service of ``trajectory`` and, if it is new, note the settings there.

        Settings that the trajectory holds already are left alone: they win when it is stored.
        """
        if self.config_group is not None and not trajectory.v_stored:
            note_settings(trajectory, self.config_group, self.settings())
        trajectory.v_storage_service = self

    join = FormerMethod("attach_to")

    def _relocate(self, kwargs: dict[str, Any]) -> None:
        if not _LOCATION_KEYWORDS.isdisjoint(kwargs):
            given = _LOCATION_KEYWORDS.intersection(kwargs)
            self.relocate(**{key: kwargs.pop(key) for key in given})

    def _find_trajectory(self, name: str | None, index: int | None) -> str:
        if (name is None) == (index is None):
            raise ValueError(
                "Give the name or the index of the trajectory to load; "
                f"{'both were' if name is not None else 'neither was'} given."
            )
        if name is not None:
            return name
        names = self.trajectory_names()
        if not -len(names) <= index < len(names):  # type: ignore[operator]
            raise ValueError(
                f"There is no trajectory with index {index}; there are {len(names)}: "
                f"{', '.join(names) or 'none is stored'}."
            )
        return names[index]  # type: ignore[index]

    def _unknown(self, msg: str, verb: str, known: Any) -> UnknownMessageError:
        return UnknownMessageError(
            f"{type(self).__name__} does not support the message {msg!r} to {verb}. "
            f"Supported are {', '.join(sorted(known))}."
        )


_FILE_MESSAGES = {
    constants.OPEN_FILE: "open",
    constants.CLOSE_FILE: "close",
    constants.FLUSH: "flush",
}
