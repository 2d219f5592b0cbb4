"""Unpickling under a policy that restricts which names a pickle may use, and thus call.

With the `UnpicklingPolicy` ``'trust'`` any pickle is loaded; with ``'safe'`` only data of numpy,
pandas, scipy and Python's own types, and declared classes; with ``'never'`` none.

`pypet.encoding.safe_pickle` is imported on demand: most programs trust their files, and the modules
would take memory in every process of an experiment.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pypet.encoding.safe_pickle.vocabulary import MalformedPickleError
from pypet.errors import RefusedPickleError

if TYPE_CHECKING:
    from pypet.encoding.safe_pickle.vocabulary import Vocabulary

TRUST, SAFE, NEVER = MODES = ("trust", "safe", "never")


class UnpicklingPolicy:
    """Decides which pickles of a storage are loaded, and loads them."""

    __slots__ = ("_classes", "_imports", "mode")

    def __init__(self, mode: str = TRUST, imports: Iterable[type | str] = ()) -> None:
        """Take one of `MODES`; ``imports`` are classes, or their dotted paths, to allow.

        Raises
        ------
        ValueError
            There is no such mode.
        """
        check_mode(mode)
        self.mode = mode
        self.allow(imports)

    def allow(self, imports: Iterable[type | str]) -> None:
        """Replace the declared classes; they are looked up when a pickle names one."""
        self._imports = imports
        self._classes: dict[tuple[str, str], type] | None = None

    def loads(self, raw: bytes, where: str, encoding: str = "ASCII") -> Any:
        """Return the pickled object; ``where`` names the item and node in messages.

        ``encoding`` is that of text from Python 2.

        Raises
        ------
        RefusedPickleError
            The policy forbids it; nothing but allowed names was called.
        StorageFormatError
            In mode 'safe': the bytes are not a pickle.
        """
        if self.mode == TRUST:
            return pickle.loads(raw, encoding=encoding)
        if self.mode == NEVER:
            raise RefusedPickleError(
                f"{where} is pickled and not loaded, because of `unpickle='never'`. Load with "
                "'safe' to admit plain data, or with 'trust' if you know who wrote the file."
            )
        from pypet.encoding.safe_pickle.python_types import SafeVocabulary

        return _load(raw, where, SafeVocabulary(self._declared()), encoding)

    def _declared(self) -> dict[tuple[str, str], type]:
        if self._classes is None:
            from pypet.encoding.safe_pickle.python_types import resolved_imports

            self._classes = resolved_imports(self._imports)
        return self._classes


def load_constants(raw: bytes, where: str, mode: str, encoding: str = "ASCII") -> Any:
    """Return the content of a pickle without names: numbers, text, and containers of them.

    Raises
    ------
    RefusedPickleError
        The pickle uses a name, or needs too much memory or time.
    MalformedPickleError
        The bytes are not a pickle.
    """
    from pypet.encoding.safe_pickle.python_types import NoVocabulary

    return _load(raw, where, NoVocabulary(mode), encoding)


def _load(raw: bytes, where: str, vocabulary: Vocabulary, encoding: str = "ASCII") -> Any:
    from pypet.encoding.safe_pickle.machine import PickleMachine

    try:
        return PickleMachine(raw, vocabulary, encoding).load()
    except RefusedPickleError as err:
        raise RefusedPickleError(f"{where} is not loaded. {err}") from err
    except MalformedPickleError as err:
        raise MalformedPickleError(
            f"{where} is not a whole pickle, it may be damaged: {err}",
            fails_everywhere=err.fails_everywhere,
        ) from err


def check_mode(mode: Any) -> None:
    """Raise ValueError unless ``mode`` is one of `MODES`."""
    if mode not in MODES:
        raise ValueError(f"`unpickle` is one of {', '.join(map(repr, MODES))}, not {mode!r}.")


def is_pickle(raw: bytes) -> bool:
    """Return whether bytes are a complete pickle, without executing it."""
    if not raw.endswith(b"."):
        return False
    import pickletools  # needed for files of other programs only

    try:
        end = [position for _, _, position in pickletools.genops(raw)][-1]
    except Exception:  # the parser raises various types for invalid bytes
        return False
    return end == len(raw) - 1


# ----- the policy in effect ---------------------------------------------------------------------

_CURRENT: ContextVar[UnpicklingPolicy | None] = ContextVar("pypet_unpickling", default=None)


@contextmanager
def unpickling(policy: UnpicklingPolicy) -> Iterator[UnpicklingPolicy]:
    """Apply ``policy`` to everything that is decoded in a ``with`` block."""
    token = _CURRENT.set(policy)
    try:
        yield policy
    finally:
        _CURRENT.reset(token)


def current_policy(mode: str = TRUST) -> UnpicklingPolicy:
    """Return the policy of the enclosing `unpickling` block, or a new one of ``mode``."""
    policy = _CURRENT.get()
    return UnpicklingPolicy(mode) if policy is None else policy
