"""The decorators that guard, translate and repeat calls."""

from __future__ import annotations

import inspect
import logging
from types import SimpleNamespace

import pytest

from pypet import Trajectory
from pypet.support.decorators import (
    copydoc,
    deprecated,
    kwargs_api_change,
    kwargs_mutual_exclusive,
    not_in_run,
    prefix_naming,
    retry,
    with_open_store,
)


class Thing:
    def __init__(self, *, in_run=False, is_open=False):
        self._is_run = in_run
        self.traj = SimpleNamespace(v_storage_service=SimpleNamespace(is_open=is_open))

    @not_in_run
    def explore(self, value):
        """Explore."""
        return value

    @with_open_store
    def flush(self, value):
        return value


def test_not_in_run_passes_arguments_and_result_on():
    assert Thing().explore(value=3) == 3


def test_not_in_run_raises_during_a_run():
    with pytest.raises(TypeError, match=r"`explore` is not available during a single run"):
        Thing(in_run=True).explore(3)


def test_not_in_run_marks_and_documents_the_method():
    assert Thing.explore._not_in_run
    assert Thing.explore.__doc__.startswith("Explore.")
    assert "during a single run" in Thing.explore.__doc__


def test_notes_of_decorators_stand_before_the_sections_of_dedented_docstrings():
    @not_in_run
    def load(self):
        """Load something.

        Raises
        ------
        OSError
            There is nothing.
        """

    assert load.__doc__ == (
        "Load something.\n\nNot available during a single run.\n\n"
        "Raises\n------\nOSError\n    There is nothing."
    )
    assert Thing.flush.__doc__ == "Only available while the store is open."


def test_public_methods_with_a_note_have_dedented_docstrings():
    noted = [
        getattr(Trajectory, name)
        for name in dir(Trajectory)
        if "Not available during a single run." in (getattr(Trajectory, name).__doc__ or "")
    ]
    assert len(noted) > 10
    assert [function for function in noted if function.__doc__ != inspect.getdoc(function)] == []


def test_with_open_store_needs_an_open_store():
    assert Thing(is_open=True).flush(4) == 4
    with pytest.raises(TypeError, match=r"`flush` needs an open store"):
        Thing().flush(4)


def test_deprecated_warns_and_calls():
    @deprecated("Use `new`.")
    def old(x):
        return x + 1

    with pytest.warns(DeprecationWarning, match=r"`old` is deprecated\. Use `new`\."):
        assert old(1) == 2


@kwargs_api_change("old", "new")
@kwargs_api_change("gone")
def changed(**kwargs):
    return kwargs


def test_a_renamed_keyword_reaches_its_new_name():
    with pytest.warns(DeprecationWarning, match="use `new` instead"):
        assert changed(old=1) == {"new": 1}


def test_the_new_keyword_wins_over_the_old_one():
    with pytest.warns(DeprecationWarning, match="`old`"):
        assert changed(old=1, new=2) == {"new": 2}


def test_a_dropped_keyword_is_ignored():
    with pytest.warns(DeprecationWarning, match="it is ignored"):
        assert changed(gone=1) == {}


def test_current_keywords_do_not_warn(recwarn):
    assert changed(new=1) == {"new": 1}
    assert not recwarn.list


def test_exclusive_keywords_are_refused_together_and_translated_alone():
    @kwargs_mutual_exclusive("name", "index", lambda index: f"run_{index}")
    def load(**kwargs):
        return kwargs

    assert load(name="a") == {"name": "a"}
    assert load(index=3) == {"name": "run_3"}
    with pytest.raises(ValueError, match="either `name` or `index`"):
        load(name="a", index=3)


def test_copydoc_drops_abstract_lines_and_joins():
    def source():
        """Says what.

        ABSTRACT: implement it.
        """

    @copydoc(source, sep="--")
    def with_own():
        """More."""

    @copydoc(source)
    def without_own():
        pass

    assert "Says what." in without_own.__doc__
    assert "ABSTRACT" not in without_own.__doc__
    assert with_own.__doc__ == without_own.__doc__ + "--More."


def test_copydoc_dedents_both_parts():
    def source():
        """Copied.

        In lines.
        """

    @copydoc(source, sep="\n\n")
    def own():
        """Own.

        Also.
        """

    assert own.__doc__ == "Copied.\n\nIn lines.\n\nOwn.\n\nAlso."


class Flaky:
    def __init__(self, failures):
        self.failures = failures
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise OSError("busy")
        return self.calls


def test_retry_repeats_until_success(caplog):
    with caplog.at_level(logging.DEBUG, logger="tests.retry"):
        assert retry(2, OSError, logger_name="tests.retry")(Flaky(2))() == 3
    assert len(caplog.records) == 3


def test_retry_gives_up_after_n_repetitions():
    flaky = Flaky(5)
    with pytest.raises(OSError, match="busy"):
        retry(2, (OSError, KeyError))(flaky)()
    assert flaky.calls == 3


def test_retry_lets_other_errors_pass():
    flaky = Flaky(1)
    with pytest.raises(OSError, match="busy"):
        retry(2, KeyError)(flaky)()
    assert flaky.calls == 1


def test_prefix_naming_reads_and_writes_plain_names():
    @prefix_naming
    class Handle:
        value = 1

        def double(self):
            return 2 * self.value

    handle = Handle()
    handle.v_value = 5
    assert handle.value == handle.v_value == 5
    assert handle.f_double() == 10
    with pytest.raises(AttributeError, match="nothing"):
        handle.nothing
    with pytest.raises(AttributeError):
        handle.f_nothing()


def test_prefix_naming_refuses_a_class_with_getattr():
    class Own:
        def __getattr__(self, name):
            raise AttributeError(name)

    with pytest.raises(TypeError, match="Own"):
        prefix_naming(Own)
