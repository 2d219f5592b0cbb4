"""`HasLogger`: a logger for each class, looked up on use."""

from __future__ import annotations

import logging


class HasLogger:
    """Mixin with a ``_logger`` named ``<module>.<ClassName>``.

    Instances and their pickles hold no logger; it is looked up by name on use. Only `_set_logger`
    with another name stores that name, in the instance's ``__dict__`` or, for slotted classes, in a
    slot ``_logger_name``, which the class has to declare.
    """

    __slots__ = ()

    def _set_logger(self, name: str | None = None) -> None:
        """Set the name of the instance's logger; None selects the one of the class.

        Raises
        ------
        TypeError
            The class has neither ``__dict__`` nor a slot ``_logger_name``.
        """
        if name is None or name == self._logger_default_name():
            if self._logger_own_name() is not None:
                object.__delattr__(self, "_logger_name")
            return
        try:
            object.__setattr__(self, "_logger_name", name)
        except AttributeError as err:
            raise TypeError(
                f"{type(self).__name__} cannot keep the logger name {name!r}: "
                "add '_logger_name' to its `__slots__`."
            ) from err

    @property
    def _logger(self) -> logging.Logger:
        """The logger of this instance."""
        return logging.getLogger(self._logger_own_name() or self._logger_default_name())

    @_logger.setter
    def _logger(self, logger: logging.Logger) -> None:
        self._set_logger(logger.name)

    def _logger_default_name(self) -> str:
        """Return ``<module>.<ClassName>``."""
        cls = type(self)
        return f"{cls.__module__}.{cls.__name__}"

    def _logger_own_name(self) -> str | None:
        """Return the name that was set for this instance, None without."""
        try:
            # Not getattr, because `__getattr__` of a class may look up user data.
            name: str = object.__getattribute__(self, "_logger_name")
        except AttributeError:
            return None
        return name
