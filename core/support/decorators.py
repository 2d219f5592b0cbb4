"""Decorators for functions and methods: guards, deprecations, documentation, retries."""

from __future__ import annotations

import functools
import inspect
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_NOT_IN_RUN_NOTE = "Not available during a single run."


def not_in_run(func: F) -> F:
    """Make a method raise TypeError while ``self._is_run`` is true.

    The method gets the attribute ``_not_in_run`` and a note in its docstring.
    """

    @functools.wraps(func)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._is_run:
            raise TypeError(
                f"`{func.__name__}` is not available during a single run; "
                "call it before the runs start or after they are finished."
            )
        return func(self, *args, **kwargs)

    guarded.__doc__ = _with_note(func.__doc__, _NOT_IN_RUN_NOTE)
    guarded._not_in_run = True  # type: ignore[attr-defined]
    return cast("F", guarded)


def with_open_store(func: F) -> F:
    """Make a method raise TypeError unless the store of ``self.traj`` is open."""

    @functools.wraps(func)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.traj.v_storage_service.is_open:
            raise TypeError(
                f"`{func.__name__}` needs an open store: "
                "use it within `with StorageContextManager(traj):`."
            )
        return func(self, *args, **kwargs)

    checked.__doc__ = _with_note(func.__doc__, "Only available while the store is open.")
    return cast("F", checked)


def deprecated(msg: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Emit a DeprecationWarning with the hint ``msg`` at each call of the decorated function."""

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        text = f"`{func.__name__}` is deprecated. {msg}".rstrip()

        @functools.wraps(func)
        def warning(*args: P.args, **kwargs: P.kwargs) -> R:
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return func(*args, **kwargs)

        return warning

    return decorate


def kwargs_api_change(
    old_name: str, new_name: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Accept the keyword ``old_name`` with a DeprecationWarning.

    Its value is passed on as ``new_name``, or ignored if that is None. Given together with the
    new keyword, the old one is ignored.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        advice = f"use `{new_name}` instead" if new_name else "it is ignored"
        text = f"The keyword `{old_name}` of `{func.__name__}` is deprecated: {advice}."

        @functools.wraps(func)
        def translating(*args: P.args, **kwargs: P.kwargs) -> R:
            if old_name in kwargs:
                warnings.warn(text, DeprecationWarning, stacklevel=2)
                value = kwargs.pop(old_name)
                if new_name is not None:
                    kwargs.setdefault(new_name, value)
            return func(*args, **kwargs)

        return translating

    return decorate


def kwargs_mutual_exclusive(
    param1_name: str, param2_name: str, map2to1: Callable[[Any], Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Allow only one of two keywords; both together are a ValueError.

    With ``map2to1`` the value of the second keyword, converted by it, is passed on as the first.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(func)
        def choosing(*args: P.args, **kwargs: P.kwargs) -> R:
            if param2_name in kwargs:
                if param1_name in kwargs:
                    raise ValueError(
                        f"`{func.__name__}` takes either `{param1_name}` or `{param2_name}`, "
                        "not both."
                    )
                if map2to1 is not None:
                    kwargs[param1_name] = map2to1(kwargs.pop(param2_name))
            return func(*args, **kwargs)

        return choosing

    return decorate


def copydoc(
    fromfunc: Callable[..., Any], sep: str = "\n"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Prepend the docstring of ``fromfunc`` to that of the decorated function, joined by ``sep``.

    Lines of the copied docstring that contain ``ABSTRACT`` are omitted.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        lines = (fromfunc.__doc__ or "").split("\n")
        # Each part is dedented separately, since they need not share their indentation.
        parts = ["\n".join(line for line in lines if "ABSTRACT" not in line)]
        if func.__doc__ is not None:
            parts.append(func.__doc__)
        func.__doc__ = sep.join(map(inspect.cleandoc, parts))
        return func

    return decorate


def retry(
    n: int,
    errors: type[BaseException] | tuple[type[BaseException], ...],
    wait: float = 0.0,
    logger_name: str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Call again, at most ``n`` times, when one of ``errors`` was raised; then raise it.

    ``wait`` seconds pass between two calls. With ``logger_name`` each failure is logged there at
    level DEBUG, and the success of a repeated call too.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        name = getattr(func, "__name__", repr(func))

        @functools.wraps(func)
        def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
            logger = logging.getLogger(logger_name) if logger_name else None
            failures = 0
            while True:
                try:
                    result = func(*args, **kwargs)
                except errors as err:
                    failures += 1
                    if logger:
                        logger.debug("`%s` failed %d times: %r", name, failures, err)
                    if failures > n:
                        raise
                else:
                    if failures and logger:
                        logger.debug("`%s` succeeded after %d retries.", name, failures)
                    return result
                if wait:
                    time.sleep(wait)

        return retrying

    return decorate


def _with_note(doc: str | None, note: str) -> str:
    """Return a docstring, dedented, with a paragraph before its sections."""
    lines = inspect.cleandoc(doc or "").split("\n")
    underlined = (i for i, line in enumerate(lines[1:]) if line and set(line) == {"-"})
    section = next(underlined, len(lines))
    text, sections = "\n".join(lines[:section]).rstrip(), "\n".join(lines[section:])
    return "\n\n".join(part for part in (text, note, sections) if part)


def prefix_naming(cls: C) -> C:
    """Make ``obj.f_x`` and ``obj.v_x`` aliases of ``obj.x``, also for assignment to ``v_x``.

    Raises
    ------
    TypeError
        The class already has a ``__getattr__``, which this one would replace.
    """
    if hasattr(cls, "__getattr__"):
        raise TypeError(f"{cls.__name__} defines `__getattr__`, so its names cannot be prefixed.")
    plain_setattr: Any = cls.__setattr__

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807
        bare = name[2:] if name.startswith(("f_", "v_")) else ""
        if bare and (bare in getattr(self, "__dict__", ()) or hasattr(type(self), bare)):
            return getattr(self, bare)  # errors of properties propagate
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        plain_setattr(self, name[2:] if name.startswith("v_") else name, value)

    cls.__getattr__ = __getattr__  # type: ignore[attr-defined]
    cls.__setattr__ = __setattr__  # type: ignore[method-assign,assignment]
    return cls
