"""Broken plugins of the small families; each differs from a sound one in one thing."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pypet.interfaces import Option
from pypet.interfaces.config_reading import ConfigContent
from tests.mutants.leaks import later, leak_thread
from tests.mutants.mutant import Members, Mutant
from tests.mutants.small_features import (
    SmallCommand,
    SmallGate,
    SmallLogging,
    SmallProgress,
    SmallReader,
    SmallVersioning,
)

Patch = Callable[[type], Members]
Family = dict[str, tuple[str, Patch, str]]
"""Names of mutants, with what is wrong, what makes them, and the test that catches them."""


def calls(**given: Callable[..., Any]) -> Patch:
    """Replace methods by functions that get the base class as their first argument."""

    def bound(base: type, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: function(base, self, *args, **kwargs)

    return lambda base: {name: bound(base, function) for name, function in given.items()}


def attributes(**given: Any) -> Patch:
    """Replace attributes of the class."""
    return lambda base: given


def read(change: Callable[[ConfigContent], ConfigContent]) -> Patch:
    """Change what is read."""
    return lambda base: {"read": classmethod(lambda cls, source: change(base.read(source)))}  # type: ignore[attr-defined]


def note_always(base: Any, self: Any, environment: Any) -> None:
    environment.trajectory.f_add_config("small_note", "always")


def store_early(base: Any, self: Any, environment: Any) -> Any:
    environment.trajectory.f_store()
    return base.snapshot(self, environment)


def make_folder_early(base: Any, self: Any, options: Any) -> None:
    base.__init__(self, options)
    Path(self.folder).mkdir()


def replace_stdout() -> None:
    former, sys.stdout = sys.stdout, io.StringIO()

    def restore() -> None:
        sys.stdout = former

    later(restore)


def leave_open(base: Any, self: Any, **kwargs: Any) -> None:
    import logging

    for handler in self.handlers:
        logging.getLogger().removeHandler(handler)
        later(handler.close)
    self.handlers.clear()


def keep_handlers(base: Any, self: Any, **kwargs: Any) -> None:
    later(lambda: base.stop(self))


def log_nothing(base: Any, self: Any, context: Any) -> None:
    base.start(self, context)
    for handler in self.handlers:
        handler.setLevel(1000)


def once(name: str) -> Patch:
    """Let a method raise when it is called again."""

    def call(base: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        assert name not in vars(self).setdefault("called", set()), f"{name} is called again"
        self.called.add(name)
        return getattr(base, name)(self, *args, **kwargs)

    return calls(**{name: call})


def slowly(base: Any, self: Any, active: int) -> bool:
    time.sleep(0.2)
    return bool(base.admits(self, active))


def ignore_mistakes(base: Any) -> Members:
    def read(cls: Any, source: Any) -> ConfigContent:
        try:
            return base.read(source)  # type: ignore[no-any-return]
        except json.JSONDecodeError:
            return ConfigContent()

    return {"read": classmethod(read)}


def pass_mistakes_on(base: Any) -> Members:
    def read(cls: Any, source: Any) -> ConfigContent:
        try:
            return base.read(source)  # type: ignore[no-any-return]
        except json.JSONDecodeError as error:
            raise KeyError(str(error)) from error

    return {"read": classmethod(read)}


def as_text(content: ConfigContent) -> ConfigContent:
    return content._replace(keywords=[e._replace(value=str(e.value)) for e in content.keywords])


def without_places(content: ConfigContent) -> ConfigContent:
    return content._replace(keywords=[each._replace(where="") for each in content.keywords])


def other_each_time(content: ConfigContent) -> ConfigContent:
    config = [content.keywords[0]._replace(value=time.perf_counter_ns())]
    return content._replace(config=config)


OFF = "test_it_does_nothing_unless_options_ask_for_it"
REVISION = "test_a_snapshot_is_none_or_a_revision"
DECLARED = "test_it_has_a_name_and_declares_its_options"

VERSIONING: Family = {
    "NotesAlways": (
        "adds a node although it is switched off",
        calls(experiment_started=note_always),
        OFF,
    ),
    "WritesAlways": (
        "makes a file although it is switched off",
        calls(experiment_finished=lambda base, self, environment: Path("note").touch()),
        OFF,
    ),
    "RevisionAlways": (
        "has a revision although it is switched off",
        calls(snapshot=lambda base, self, environment: "0" * 40),
        OFF,
    ),
    "NamesRevision": (
        "a revision is no hash",
        calls(snapshot=lambda base, self, environment: self.note and "HEAD"),
        REVISION,
    ),
    "StoresEarly": (
        "stores the trajectory before it has an environment",
        calls(snapshot=store_early),
        "test_a_snapshot_stores_nothing",
    ),
    "RecordsNothing": (
        "nothing is recorded",
        calls(experiment_started=lambda base, self, environment: None),
        "test_an_experiment_is_recorded",
    ),
    "RecordsOnce": (
        "a second experiment of the environment raises",
        once("experiment_started"),
        "test_an_environment_may_execute_several_experiments",
    ),
    "FailsInTheEnd": (
        "raises after the experiment",
        calls(experiment_finished=lambda base, self, environment: self.missing),
        "test_an_experiment_passes_through_it",
    ),
    "HelpsNobody": (
        "an option has no help",
        attributes(options=(Option("small_note", None, (str,)),)),
        DECLARED,
    ),
    "RefusesDefault": (
        "an option does not accept its default",
        attributes(options=(Option("small_note", 3, (str,), "Note to record."),)),
        "test_defaults_of_options_are_accepted",
    ),
}
LOGGING: Family = {
    "HasNoName": ("has no name", attributes(name=""), DECLARED),
    "MakesFolderEarly": (
        "makes its folder before the start",
        calls(__init__=make_folder_early),
        "test_nothing_is_created_before_the_start",
    ),
    "NamesFolderAlways": (
        "names its folder before the start",
        lambda base: {"folders": property(lambda self: [self.folder])},
        "test_nothing_is_created_before_the_start",
    ),
    "NamesOtherFolder": (
        "names a folder that is not there",
        lambda base: {"folders": property(lambda self: ["/nowhere"] if self.handlers else [])},
        "test_folders_are_there_between_start_and_stop",
    ),
    "LogsNothing": (
        "messages are not logged",
        calls(start=log_nothing),
        "test_messages_are_in_its_folders",
    ),
    "KeepsHandlers": (
        "handlers stay",
        calls(stop=keep_handlers),
        "test_stop_restores_handlers_and_streams",
    ),
    "KeepsStdout": (
        "stdout stays replaced",
        calls(start=lambda base, self, context: (base.start(self, context), replace_stdout())),
        "test_stop_restores_handlers_and_streams",
    ),
    "StopsOnce": ("cannot be stopped twice", once("stop"), "test_stop_is_safe_to_call_twice"),
    "LeavesFileOpen": (
        "a log file stays open",
        calls(stop=leave_open),
        "test_no_file_stays_open",
    ),
}
PROGRESS: Family = {
    "DividesByTotal": (
        "no runs are a division by zero",
        calls(start=lambda base, self, total, done=0: base.start(self, total, int(done / total))),
        "test_no_runs_are_no_fault",
    ),
    "StartsOnce": (
        "cannot start again",
        once("start"),
        "test_it_may_start_again_when_the_trajectory_grew",
    ),
    "IgnoresGrowth": (
        "counts to the first total",
        calls(start=lambda base, self, total, done=0: base.start(self, self.total or total, done)),
        "test_it_may_start_again_when_the_trajectory_grew",
    ),
    "CountsSingly": (
        "counts one run at a time",
        calls(advance=lambda base, self: base.advance(self)),
        "test_runs_are_counted_from_start_to_stop",
    ),
    "StopsOnceOnly": (
        "cannot be stopped twice",
        once("stop"),
        "test_stop_is_safe_to_call_twice_and_without_start",
    ),
    "NeedsActivity": (
        "expects that activity is known",
        calls(refresh=lambda base, self: len(self.activity().running)),
        "test_any_activity_is_shown[None]",
    ),
    "AsksForever": (
        "asks for activity after the stop",
        calls(stop=lambda base, self: None),
        "test_activity_is_not_asked_for_after_the_stop",
    ),
    "TakesStdout": (
        "stdout stays replaced",
        calls(start=lambda base, self, *args: (base.start(self, *args), replace_stdout())),
        "test_stop_restores_the_streams",
    ),
    "LeavesThread": (
        "a thread stays",
        calls(start=lambda base, self, *args: (base.start(self, *args), leak_thread())),
        "test_nothing_is_left_behind",
    ),
}
ADMISSION: Family = {
    "RefusesAlways": (
        "refuses without a limit",
        calls(admits=lambda base, self, active: False),
        "test_an_open_gate_admits",
    ),
    "AdmitsVaguely": (
        "answers with something that is true",
        calls(admits=lambda base, self, active: base.admits(self, active) and 1),
        "test_an_open_gate_admits",
    ),
    "AdmitsAlways": (
        "admits beyond the limit",
        calls(admits=lambda base, self, active: True),
        "test_a_closed_gate_refuses_and_says_so",
    ),
    "ClaimsToAdmit": (
        "says that it admits all, and does not",
        lambda base: {"admits_all": property(lambda self: True)},
        "test_a_gate_that_admits_all_never_refuses",
    ),
    "Blocks": ("waits", calls(admits=slowly), "test_it_does_not_block"),
    "StartsForOnePass": (
        "cannot start for a second pass",
        once("start"),
        "test_it_may_start_for_each_pass_of_runs",
    ),
}
READERS: Family = {
    "ReadsAnything": (
        "claims that it reads everything",
        lambda base: {"reads": classmethod(lambda cls, source: True)},
        "test_it_supports_its_own_sources_only",
    ),
    "ReadsNothing": (
        "does not know its own sources",
        lambda base: {"reads": classmethod(lambda cls, source: False)},
        "test_it_supports_its_own_sources_only",
    ),
    "ReadsText": (
        "numbers are text",
        read(as_text),
        "test_keywords_and_parameters_are_read",
    ),
    "LosesParameters": (
        "parameters are lost",
        read(lambda content: content._replace(parameters=[])),
        "test_keywords_and_parameters_are_read",
    ),
    "LosesPlaces": (
        "entries do not say where they stand",
        read(without_places),
        "test_entries_say_where_they_stand",
    ),
    "ChangesEachTime": (
        "another content each time",
        read(other_each_time),
        "test_reading_twice_gives_the_same",
    ),
    "IgnoresMistakes": (
        "a malformed file is an empty one",
        ignore_mistakes,
        "test_what_is_malformed_is_a_value_error",
    ),
    "PassesMistakesOn": (
        "a malformed file is another error",
        pass_mistakes_on,
        "test_what_is_malformed_is_a_value_error",
    ),
    "LeaksMissing": (
        "a missing file is an OSError",
        lambda base: {"read": classmethod(lambda cls, source: Path(source).read_text())},
        "test_a_missing_file_is_a_value_error",
    ),
}
COMMANDS: Family = {
    "HasCapitals": (
        "its name cannot be typed as it is",
        attributes(name="Small Command"),
        "test_it_has_a_name_that_can_be_typed",
    ),
    "HelpsLengthily": (
        "its help has several lines",
        attributes(help="Print\na number."),
        "test_it_has_a_line_of_help",
    ),
    "AddsOtherArguments": (
        "its arguments are others each time",
        lambda base: {
            "add_arguments": staticmethod(
                lambda parser: parser.add_argument(f"--n{time.perf_counter_ns()}")
            )
        },
        "test_arguments_can_be_added_more_than_once",
    ),
    "ReturnsNothing": (
        "has no exit status",
        lambda base: {"run": staticmethod(lambda arguments: None)},
        "test_it_returns_its_exit_status",
    ),
    "ReturnsTruth": (
        "its exit status is no number",
        lambda base: {"run": staticmethod(lambda arguments: False)},
        "test_it_returns_its_exit_status",
    ),
    "FormatsHelp": (
        "its help has a percent sign that argparse takes for a format",
        lambda base: {
            "add_arguments": staticmethod(
                lambda parser: parser.add_argument("--share", help="from 0 to 100 %")
            )
        },
        "test_help_is_shown",
    ),
}


def mutants(base: type, family: Family) -> list[Mutant]:
    """Return the mutants of a family."""
    return [Mutant(name, broken, base, *rest) for name, (broken, *rest) in family.items()]


ALL = {
    base: mutants(base, family)
    for base, family in (
        (SmallVersioning, VERSIONING),
        (SmallLogging, LOGGING),
        (SmallProgress, PROGRESS),
        (SmallGate, ADMISSION),
        (SmallReader, READERS),
        (SmallCommand, COMMANDS),
    )
}
