"""Broken journals; each differs from the sound one in one thing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from pypet.errors import ResumeError
from pypet.plugins.resume.experiment_journal import ExperimentJournal
from pypet.runs import run_table_of
from tests.mutants.leaks import leak_file
from tests.mutants.mutant import Members, Mutant

Patch = Callable[[type], Members]
SOUND = ExperimentJournal


def calls(**given: Callable[..., Any]) -> Patch:
    """Replace methods by functions that get the base class as their first argument."""

    def bound(base: type, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: function(base, self, *args, **kwargs)

    return lambda base: {name: bound(base, function) for name, function in given.items()}


def restored(change: Callable[[Any], Any]) -> Patch:
    """Change what is restored."""
    return calls(
        restore=lambda base, self, *args, **kwargs: change(base.restore(self, *args, **kwargs))
    )


def forget_completed(restored: Any) -> Any:
    trajectory = restored.snapshot.trajectory
    run_table_of(trajectory).mark_incomplete(range(len(trajectory)))
    return restored._replace(results=[])


def pickle_nothing(value: Any) -> bytes:
    return pickle.dumps(None)


def pickle_as_list(value: Any) -> bytes:
    return pickle.dumps(value.tolist() if hasattr(value, "tolist") else value)


def restore_any(base: Any, self: Any, environment: Any, name: str, *rest: Any, **more: Any) -> Any:
    try:
        return base.restore(self, environment, name, *rest, **more)
    except FileNotFoundError as error:
        raise ResumeError("nothing") from error


def follow_nothing(base: Any, self: Any, service: Any, *, shared: bool) -> Any:
    made = base.service(self, service, shared=shared)
    made._follower = None
    return made


MUTANTS = [
    Mutant(
        "LosesValues",
        "what committed runs returned is lost",
        SOUND,
        calls(encode_value=lambda base, self: pickle_nothing, decode_value=lambda *_: pickle.loads),
        "test_what_committed_runs_returned_comes_back",
    ),
    Mutant(
        "ChangesTypes",
        "arrays that runs returned come back as lists",
        SOUND,
        calls(encode_value=lambda base, self: pickle_as_list, decode_value=lambda *_: pickle.loads),
        "test_what_committed_runs_returned_comes_back",
    ),
    Mutant(
        "LosesResults",
        "the results of committed runs are missing in the list",
        SOUND,
        restored(lambda restored: restored._replace(results=[])),
        "test_what_committed_runs_returned_comes_back",
    ),
    Mutant(
        "FollowsNothing",
        "what runs have committed is not brought to the storage",
        SOUND,
        calls(service=follow_nothing),
        "test_parallel_runs_are_stored",
    ),
    Mutant(
        "KeepsEverything",
        "an experiment that has ended is left to be resumed",
        SOUND,
        calls(end=lambda base, self, *, completed: base.end(self, completed=False)),
        "test_nothing_is_left_to_resume_when_it_has_ended",
    ),
    Mutant(
        "ReplacesOthers",
        "an experiment that could be resumed is replaced by a new one",
        SOUND,
        calls(check_vacant=lambda base, self, name: None),
        "test_an_experiment_that_waits_to_be_resumed_is_not_replaced",
    ),
    Mutant(
        "RenewsNothing",
        "runs that post-processing has added are lost",
        SOUND,
        calls(
            renew=lambda base, self, snapshot: (
                None if snapshot.results else base.renew(self, snapshot)
            )
        ),
        "test_what_post_processing_added_is_resumed",
    ),
    Mutant(
        "FindsNothing",
        "an unknown experiment is told like one that has changed",
        SOUND,
        calls(restore=restore_any),
        "test_an_unknown_experiment_is_not_found",
    ),
    Mutant(
        "LeavesFile",
        "a file stays open",
        SOUND,
        calls(end=lambda base, self, **kwargs: (base.end(self, **kwargs), leak_file())),
        "test_no_thread_and_no_file_is_left_behind",
    ),
    Mutant(
        "ForgetsCompleted",
        "committed runs are executed again",
        SOUND,
        restored(forget_completed),
        "test_committed_runs_are_not_executed_again",
    ),
]
