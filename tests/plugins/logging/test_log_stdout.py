# ruff: noqa: T201 - printing is what is tested
"""Logging of what is printed: accepted forms, the stream, and restoring it."""

from __future__ import annotations

import io
import logging
import os
import pickle
import subprocess
import sys
import threading

import pytest

from pypet.plugins.logging.stdout import StdoutToLogger, parse_log_stdout
from tests.plugins.logging.log_files import CONTEXT, FOLDER, read
from tests.processes import run_python


@pytest.fixture
def records(records_of):
    return records_of("printed", logging.INFO)


@pytest.fixture
def replace_stdout(monkeypatch):
    """Put a stream in place of stdout; in the test itself, as pytest exchanges it before."""

    def replace():
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return replace


@pytest.fixture
def capture(records, replace_stdout):
    started = []

    def start():
        former = replace_stdout()
        stream = StdoutToLogger("printed")
        stream.start()
        started.append(stream)
        return stream, former

    yield start
    for stream in started:
        stream.finalize()


def texts(records):
    return [record.getMessage() for record in records]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, ("STDOUT", 20)),
        ("mine", ("mine", 20)),
        (50, ("STDOUT", 50)),
        (("mine", 50), ("mine", 50)),
        (False, None),
        (None, None),
    ],
)
def test_every_form_is_a_pair_in_the_end(value, expected):
    assert parse_log_stdout(value) == expected


@pytest.mark.parametrize("value", [2.5, ("mine",), (1, "mine"), ("mine", True), object()])
def test_other_forms_are_refused_before_anything_happens(make, value):
    with pytest.raises(ValueError, match="log_stdout="):
        make(log_stdout=value)
    assert not os.path.exists("logs")


def test_lines_are_logged_without_trailing_blanks(capture, records):
    _captured, former = capture()
    print("one  \ntwo", 3)
    print("a", "\n\n b\n\n\n")
    assert texts(records) == ["one", "two 3", "a", "", " b"]
    assert former.getvalue() == ""


def test_a_line_in_pieces_is_one_record(capture, records):
    _captured, _former = capture()
    print("a", end="")
    print("b", end="")
    assert records == []
    print("c")
    assert texts(records) == ["abc"]


def test_a_last_line_without_end_is_not_lost(capture, records):
    captured, _former = capture()
    print("started", end="")
    captured.finalize()
    assert texts(records) == ["started"]


def test_it_is_a_full_text_stream(capture, records, tmp_path, monkeypatch):
    captured, _former = capture()
    assert captured.writelines(["x\n", "y\n"]) is None
    assert texts(records) == ["x", "y"]
    assert captured.write("four") == 4
    assert not captured.isatty()
    assert captured.writable()
    assert not captured.readable()
    assert not captured.closed
    assert captured.encoding == "utf-8"
    with pytest.raises(TypeError, match="bytes"):
        captured.write(b"bytes")
    with pytest.raises(io.UnsupportedOperation):
        captured.fileno()


def test_descriptor_and_buffer_are_those_of_the_former_stream(records, tmp_path, monkeypatch):
    with (tmp_path / "out.txt").open("w", encoding="latin-1") as file:
        monkeypatch.setattr(sys, "stdout", file)
        stream = StdoutToLogger("printed")
        stream.start()
        assert stream.fileno() == file.fileno()
        assert stream.buffer is file.buffer
        assert stream.encoding == "latin-1"
        subprocess.run([sys.executable, "-c", "print('child')"], stdout=sys.stdout, check=True)
        stream.finalize()
    assert (tmp_path / "out.txt").read_text() == "child\n"


def test_a_pickle_logs_in_the_same_way_once_it_is_started(capture, records):
    captured, _ = capture()
    copy = pickle.loads(pickle.dumps(captured))
    captured.finalize()
    copy.start()
    try:
        print("copied")
    finally:
        copy.finalize()
    assert [(record.name, record.levelno) for record in records] == [("printed", logging.INFO)]


def test_what_nobody_hears_passes_through(records, replace_stdout):
    former = replace_stdout()
    stream = StdoutToLogger("printed", logging.DEBUG)
    stream.start()
    print("unheard")
    stream.finalize()
    assert records == []
    assert former.getvalue() == "unheard\n"


def test_handlers_that_print_do_not_recurse(capture, records):
    _captured, former = capture()

    class Printing(logging.Handler):
        def emit(self, record):
            print("handled", record.getMessage())

    handler = Printing()
    logging.getLogger("printed").addHandler(handler)
    try:
        print("once")
    finally:
        logging.getLogger("printed").removeHandler(handler)
    assert texts(records) == ["once"]
    assert former.getvalue() == "handled once\n"


def test_threads_lose_no_line(capture, records):
    _captured, _former = capture()

    def speak(name):
        for i in range(200):
            sys.stdout.write(f"{name}{i}\n")

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert sorted(texts(records)) == sorted(f"{n}{i}" for n in "abcd" for i in range(200))


def test_the_former_stream_comes_back(make, replace_stdout):
    former = replace_stdout()
    setup = make(log_stdout=True)
    setup.start(CONTEXT)
    print("marker")
    assert sys.stdout is not former
    setup.stop()
    assert sys.stdout is former
    assert "STDOUT INFO     marker" in read(FOLDER, "LOG.txt")
    assert "marker" not in former.getvalue()


def test_a_stream_that_was_put_in_meanwhile_stays(make, replace_stdout):
    replace_stdout()
    setup = make(log_stdout=True)
    setup.start(CONTEXT)
    other = sys.stdout = io.StringIO()
    setup.stop()
    assert sys.stdout is other


def test_two_captures_may_end_in_any_order(make, replace_stdout):
    former = replace_stdout()
    first = make(log_stdout=True)
    first.start(CONTEXT)
    second = make(log_stdout=("mine", 50))
    second.start(CONTEXT._replace(environment_name="second"))
    first.stop()
    print("for the second")
    second.stop()
    assert sys.stdout is former
    assert "mine CRITICAL for the second" in read("logs", "traj_name", "second", "LOG.txt")


def test_capturing_without_configuration_uses_the_loggers_as_they_are(
    make, records, replace_stdout
):
    replace_stdout()
    setup = make(log_config=None, log_stdout="printed")
    setup.start(CONTEXT)
    print("heard")
    setup.stop()
    assert texts(records) == ["heard"]
    assert not os.path.exists("logs")


def test_megabytes_are_logged_completely(make, replace_stdout):
    replace_stdout()
    setup = make(log_stdout=True)
    setup.start(CONTEXT)
    line = "x" * 1000
    for _ in range(3000):
        print(line)
    setup.stop()
    assert read(FOLDER, "LOG.txt").count(line) == 3000


# ----- streams that somebody closes ----------------------------------------------------------


def test_a_former_stream_that_was_closed_is_not_used_any_more(capture, monkeypatch):
    _, former = capture()
    process_stream = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", process_stream)
    stream = sys.stdout
    former.close()
    print("heard")
    logging.getLogger("printed").setLevel(logging.CRITICAL)
    print("unheard")
    stream.flush()
    stream.finalize()
    assert process_stream.getvalue() == "unheard\n"
    assert sys.stdout is process_stream


def test_lines_are_dropped_where_no_stream_is_left(capture, monkeypatch, records):
    stream, former = capture()
    monkeypatch.setattr(sys, "__stdout__", None)
    former.close()
    stream.write("begun")
    stream.finalize()
    assert texts(records) == ["begun"]
    stream.write("afterwards")
    stream.flush()


def test_handlers_of_closed_streams_hear_nothing(replace_stdout, monkeypatch):
    logger = logging.getLogger("printed")
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.INFO)
    former = replace_stdout()
    stream = StdoutToLogger("printed")
    stream.start()
    try:
        handler.stream.close()
        print("passes through")
    finally:
        stream.finalize()
        logger.removeHandler(handler)
    assert former.getvalue() == "passes through\n"


SESSION = """
import io, sys
from pypet import Environment

sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
env = Environment("t", storage_service="memory", log_stdout=True, log_folder="logs")
print("a line without end", end="")
sys.stdout._before.close()
sys.stderr.close()
sys.stderr = sys.__stderr__
"""


def test_the_end_of_a_process_is_quiet_if_its_streams_were_exchanged_and_closed(tmp_path):
    done = run_python("-c", SESSION, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    logged = "".join(path.read_text() for path in tmp_path.rglob("*.txt"))
    assert "a line without end" in logged
