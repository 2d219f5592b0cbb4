"""Unpickling with a limit to what a pickle may name: whatever it names, it can call.

`Unpickling` is the rule: ``'trust'`` loads any pickle, ``'safe'`` only data of numpy, pandas,
scipy and Python's own containers and the classes that somebody declared, ``'never'`` none.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pypet.encoding.pickled_classes import admitted, resolved_imports
from pypet.errors import RefusedPickleError

TRUST, SAFE, NEVER = MODES = ("trust", "safe", "never")


class Unpickling:
    """A rule about pickles, and where in the storage they are met."""

    __slots__ = ("_classes", "_imports", "mode")

    def __init__(self, mode: str = TRUST, imports: Iterable[type | str] = ()) -> None:
        """Take one of `MODES`; ``imports`` are classes, or dotted paths of such, to admit.

        Raises
        ------
        ValueError
            There is no such mode.
        """
        check_mode(mode)
        self.mode = mode
        self.admit(imports)

    def admit(self, imports: Iterable[type | str]) -> None:
        """Let ``imports`` be the declared classes; they are looked up when a pickle names one."""
        self._imports = imports
        self._classes: dict[tuple[str, str], type] | None = None

    def loads(self, raw: bytes, where: str, encoding: str = "ASCII") -> Any:
        """Return the pickled object; ``where`` says which datum of which node it is.

        ``encoding`` is that of text from Python 2.

        Raises
        ------
        RefusedPickleError
            The rule forbids it; nothing that the pickle names was called.
        """
        if self.mode == TRUST:
            return pickle.loads(raw, encoding=encoding)
        if self.mode == NEVER:
            raise RefusedPickleError(
                f"{where} is pickled and not loaded, because of `unpickle='never'`. Load with "
                "'safe' to admit plain data, or with 'trust' if you know who wrote the file."
            )
        try:
            return _Restricted(raw, where, self._declared(), encoding=encoding).load()
        except RefusedPickleError as err:
            if where in str(err):
                raise
            raise RefusedPickleError(f"{where}: {err}") from err

    def check_constants(self, raw: bytes, where: str) -> None:
        """Raise RefusedPickleError for a pickle that another library is about to load.

        In mode 'never' one that names nothing passes: it has numbers, text and lists of such,
        and can call nothing.
        """
        if self.mode == NEVER:
            _Restricted(raw, where, None).load()
        elif self.mode == SAFE:
            self.loads(raw, where)

    def _declared(self) -> dict[tuple[str, str], type]:
        if self._classes is None:
            self._classes = resolved_imports(self._imports)
        return self._classes


class _Restricted(pickle.Unpickler):
    """Finds no classes but admitted ones; with ``declared`` None it finds none at all."""

    def __init__(
        self,
        raw: bytes,
        where: str,
        declared: dict[tuple[str, str], type] | None,
        encoding: str = "ASCII",
    ) -> None:
        super().__init__(io.BytesIO(raw), encoding=encoding)
        self._where = where
        self._names = declared

    def find_class(self, module_name: str, global_name: str) -> Any:
        if self._names is None:
            raise RefusedPickleError(
                f"{self._where} has a pickle that names {module_name}.{global_name} and is not "
                "loaded, because of `unpickle='never'`."
            )
        found = admitted(module_name, global_name, self._names)
        if found is None:
            raise RefusedPickleError(
                f"{self._where} has a pickle that names {module_name}.{global_name}, which "
                "`unpickle='safe'` does not load. If it is a class that you know, add it to "
                "`dynamic_imports`; if you know who wrote the file, load with 'trust'."
            )
        return found


def check_mode(mode: Any) -> None:
    """Raise ValueError for what is none of `MODES`."""
    if mode not in MODES:
        raise ValueError(f"`unpickle` is one of {', '.join(map(repr, MODES))}, not {mode!r}.")


def is_pickle(raw: bytes) -> bool:
    """Return whether bytes are a whole pickle; nothing of it is carried out."""
    if not raw.endswith(b"."):
        return False
    import pickletools  # for files of strangers only

    try:
        end = [position for _, _, position in pickletools.genops(raw)][-1]
    except Exception:  # whatever the parser runs into
        return False
    return end == len(raw) - 1


# ----- the rule of the moment ------------------------------------------------------------------

_IN_FORCE: ContextVar[Unpickling | None] = ContextVar("pypet_unpickling", default=None)


@contextmanager
def unpickling(rule: Unpickling) -> Iterator[Unpickling]:
    """Let ``rule`` hold for everything that is decoded in a ``with`` block."""
    token = _IN_FORCE.set(rule)
    try:
        yield rule
    finally:
        _IN_FORCE.reset(token)


def rule_in_force(mode: str = TRUST) -> Unpickling:
    """Return the rule of the surrounding `unpickling` block, without one a new one of ``mode``."""
    rule = _IN_FORCE.get()
    return Unpickling(mode) if rule is None else rule
