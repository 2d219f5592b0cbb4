"""Unpickling with a limit to what a pickle may name: whatever it names, it can call.

`Unpickling` is the rule: ``'trust'`` loads any pickle, ``'safe'`` only data of numpy, pandas,
scipy and Python's own containers and the classes that somebody declared, ``'never'`` none.

What reads pickles itself is imported when it is needed: most programs trust their files, and each
process of an experiment would have it in memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pypet.encoding.pickle_vocabulary import MalformedPickleError
from pypet.errors import RefusedPickleError

if TYPE_CHECKING:
    from pypet.encoding.pickle_vocabulary import Vocabulary

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
            The rule forbids it; nothing that the pickle names was called but what is admitted.
        StorageFormatError
            In mode 'safe': the bytes are no pickle.
        """
        if self.mode == TRUST:
            return pickle.loads(raw, encoding=encoding)
        if self.mode == NEVER:
            raise RefusedPickleError(
                f"{where} is pickled and not loaded, because of `unpickle='never'`. Load with "
                "'safe' to admit plain data, or with 'trust' if you know who wrote the file."
            )
        from pypet.encoding.pickled_classes import SafeVocabulary

        return _load(raw, where, SafeVocabulary(self._declared()), encoding)

    def _declared(self) -> dict[tuple[str, str], type]:
        if self._classes is None:
            from pypet.encoding.pickled_classes import resolved_imports

            self._classes = resolved_imports(self._imports)
        return self._classes


def load_constants(raw: bytes, where: str, mode: str, encoding: str = "ASCII") -> Any:
    """Return what a pickle holds that names nothing: numbers, text, and containers of them.

    Raises
    ------
    RefusedPickleError
        It names something, or asks for too much.
    MalformedPickleError
        The bytes are no pickle.
    """
    from pypet.encoding.pickled_classes import NoVocabulary

    return _load(raw, where, NoVocabulary(mode), encoding)


def _load(raw: bytes, where: str, vocabulary: Vocabulary, encoding: str = "ASCII") -> Any:
    from pypet.encoding.pickle_machine import PickleMachine

    try:
        return PickleMachine(raw, vocabulary, encoding).load()
    except RefusedPickleError as err:
        raise RefusedPickleError(f"{where} is not loaded. {err}") from err
    except MalformedPickleError as err:
        raise MalformedPickleError(
            f"{where} is no whole pickle, it may be damaged: {err}",
            fails_everywhere=err.fails_everywhere,
        ) from err


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
