"""All exceptions of pypet.

Names and bases of the established exceptions are a contract: scripts catch a locked parameter
with ``except TypeError`` and an ambiguous name with ``except AttributeError``. New exceptions
derive from `PypetError` and from the builtin that a careful caller would catch.
"""

from __future__ import annotations

# `import pypet` imports this module, and these would take most of its time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# All of them; `pypet` and `pypet.pypetexceptions` take their names from here.
__all__ = [
    "CommandError",
    "DataNotInStorageError",
    "ExistingTrajectoryError",
    "FilterError",
    "GitDiffError",
    "GitError",
    "LeaseLostError",
    "MissingDependencyError",
    "NoSuchServiceError",
    "NotStoredError",
    "NotUniqueNodeError",
    "OptionWarning",
    "ParameterLockedException",
    "PlotError",
    "PluginError",
    "PluginWarning",
    "PresettingError",
    "PypetError",
    "RefusedPickleError",
    "RemoteRunError",
    "ResumeError",
    "RunSkippedError",
    "RunTimeoutError",
    "StorageFormatError",
    "StorageLostError",
    "TooManyGroupsError",
    "UnknownMessageError",
    "UnknownOptionError",
    "UnknownPluginError",
    "UnprotectedServerWarning",
    "VersionMismatchError",
    "WorkerDiedError",
]


class PypetError(Exception):
    """Root of the exceptions that pypet adds to the established ones."""


class NotUniqueNodeError(AttributeError):
    """A name matches several nodes at the same depth of the tree."""


class TooManyGroupsError(TypeError):
    """A fast search gave up; kept for scripts that name it, never raised by the search itself."""


class DataNotInStorageError(OSError):
    """An item that should be loaded or deleted does not exist in the storage."""


class ExistingTrajectoryError(PypetError, RuntimeError):
    """An experiment cannot go on with the stored trajectory of its name: the two differ."""


class ParameterLockedException(TypeError):  # noqa: N818 - established name
    """A locked parameter was about to be changed."""


class PresettingError(RuntimeError):
    """Parameters were preset but not added before the experiment started."""


class VersionMismatchError(TypeError):
    """The stored trajectory was written by a version that cannot be read safely."""


class NoSuchServiceError(TypeError):
    """The storage service does not support a message or a type of data."""


class UnknownMessageError(NoSuchServiceError, ValueError):
    """The storage service does not support a message, for any trajectory."""


class GitDiffError(RuntimeError):
    """There are uncommitted changes although the experiment asked to fail in this case."""


class GitError(PypetError, RuntimeError):
    """Git could not commit, compare or restore the code of an experiment."""


class PluginError(PypetError, RuntimeError):
    """A plugin could not be loaded or broke its contract; the message names its distribution."""


class PlotError(PypetError, ValueError):
    """Runs cannot be drawn like this: a column is missing or ambiguous, or has no such values."""


class WorkerDiedError(PypetError, RuntimeError):
    """A worker process ended during a run: it was killed, crashed, or the run ended it."""


class RemoteRunError(PypetError, RuntimeError):
    """What a run raised or returned in a worker cannot travel; the message describes it."""


class ResumeError(PypetError, RuntimeError):
    """An experiment cannot be resumed, or not be made resumable: something is gone or changed."""


class RunSkippedError(PypetError, RuntimeError):
    """A run was not started any more because the experiment was interrupted."""


class RunTimeoutError(PypetError, TimeoutError):
    """A run was given up because it took too long; the others go on unless the user says else."""


class UnknownPluginError(PypetError, ValueError):
    """No feature is registered under the requested name."""


class MissingDependencyError(PypetError, ValueError, ImportError):
    """A feature was asked for whose package is not installed; the message names the extra."""


class UnknownOptionError(PypetError, ValueError):
    """A keyword is neither an option of the environment nor of any installed plugin."""


class StorageFormatError(PypetError, ValueError):
    """A file exists but is not what the storage service can read: damaged, foreign or truncated."""


class StorageLostError(PypetError, FileNotFoundError):
    """What an experiment stored before is gone: its file was deleted, replaced or overwritten."""


class NotStoredError(PypetError, RuntimeError):
    """Data that a run handed over to be stored was lost; ``runs`` are the indices concerned.

    With ``is_final`` nothing can be stored any more: other runs will fare no better. ``causes``
    has a text for each run of which it is known what was not stored, and why. ``is_general`` says
    that the storage failed, and not the data.
    """

    def __init__(
        self,
        message: str,
        runs: Sequence[int] = (),
        *,
        is_final: bool = False,
        causes: Mapping[int, str] | None = None,
        is_general: bool = True,
    ) -> None:
        super().__init__(message)
        self.runs = tuple(runs)
        self.is_final = is_final
        self.causes = dict(causes or {})
        self.is_general = is_general

    def of_run(self, index: int) -> NotStoredError:
        """Return the error about one run alone; itself if it says nothing about that run."""
        cause = self.causes.get(index)
        if cause is None or self.runs == (index,):
            return self
        return type(self)(
            cause,
            (index,),
            is_final=self.is_final,
            causes={index: cause},
            is_general=self.is_general,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        keywords = ("is_final", "causes", "is_general")
        state = {name: getattr(self, name) for name in keywords}
        return _not_stored, (type(self), str(self), self.runs, state)


def _not_stored(
    kind: type[NotStoredError], message: str, runs: tuple[int, ...], keywords: Mapping[str, Any]
) -> NotStoredError:
    return kind(message, runs, **keywords)


class LeaseLostError(PypetError, RuntimeError):
    """A network lock has passed to another process, or its owner cannot be determined."""


class CommandError(PypetError, ValueError):
    """A command cannot do what it was asked for; the message says what to change."""


class FilterError(PypetError, ValueError):
    """A condition on rows of a table cannot be parsed, or does not fit the table.

    Attributes
    ----------
    position : int
        Index of the first character that does not fit.
    """

    def __init__(self, message: str, position: int = 0) -> None:
        """``position`` is an index into the text of the condition."""
        super().__init__(message, position)
        self.position = position

    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0])


class RefusedPickleError(PypetError, ValueError):
    """Something pickled was not loaded, because loading it might run code."""


class UnprotectedServerWarning(UserWarning):
    """A server that was made by hand can be used by every program on this machine."""


class OptionWarning(UserWarning):
    """An option does nothing beside the others, or is taken differently from how it is written."""


class PluginWarning(UserWarning):
    """Plugins contradict each other, for example two give a feature of the same name."""
