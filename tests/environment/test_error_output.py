"""What a failing run prints: once, with the user's frames, and all of it in the log files."""

from __future__ import annotations

import copyreg
import logging
import os
import re
import tokenize
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from pypet import Environment, PresettingError
from tests.processes import meet, run_python

pytest.importorskip("h5py")

SCRIPT = """
from pypet import Environment

def divide(x):
    return 1 / (x - 3)

def simulate(traj):
    traj.f_add_result("z", divide(traj.x))

if __name__ == "__main__":
    with Environment("t", report_progress=False, **{options}) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({{"x": range(6)}})
        env.run(simulate)
"""
PROCESS = {"multiproc": True, "ncores": 2}
POOL = {**PROCESS, "use_pool": True}
WAYS = {
    "serial": {},
    "process, LOCK": PROCESS,
    "process, QUEUE": {**PROCESS, "wrap_mode": "QUEUE"},
    "process, PIPE": {**PROCESS, "wrap_mode": "PIPE"},
    "pool, spawn": {**POOL, "start_method": "spawn", "wrap_mode": "LOCAL"},
    "pool, LOCK": POOL,
    "pool, LOCAL": {**POOL, "wrap_mode": "LOCAL"},
    "pool, QUEUE": {**POOL, "wrap_mode": "QUEUE"},
    "no files of workers": {**POOL, "log_multiproc": False},
}
FILES_OF_USERS = (Path(__file__).name, "script.py")


def divide(x):
    return 1 / (x - 3)


def simulate(traj):
    traj.f_add_result("z", divide(traj.x))


def return_nothing(traj):
    pass


def frames(text):
    """Return the functions of printed tracebacks, and those of them that are not the user's."""
    found = re.findall(r'File "(.+)", line \d+, in (\S+)', text)
    foreign = [name for file, name in found if Path(file).name not in FILES_OF_USERS]
    return [name for _, name in found], foreign


def log(name="LOG.txt"):
    (file,) = Path("logs").rglob(name)
    return file.read_text()


def make_failing(options, **more):
    """Return an environment with log files whose run 3 fails."""
    env = Environment("t", report_progress=False, **{**options, **more})
    explore(env, 6)
    return env


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_an_error_that_is_raised_shows_the_frames_of_the_user_once(options, capfd):
    with (
        make_failing(options, on_error="raise") as env,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        env.run(simulate)
    shown, foreign = frames("".join(traceback.format_exception(caught.value)))
    assert foreign == []
    here = "test_an_error_that_is_raised_shows_the_frames_of_the_user_once"
    assert sorted(shown) == ["divide", "simulate", here]
    printed = capfd.readouterr().err
    assert printed.count("Failed: ") == 1
    assert frames(printed) == ([], [])
    assert "single_run.py" in log()
    assert "single_run.py" in log("ERROR.txt")


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_an_error_that_is_passed_over_shows_the_frames_of_the_user_once(options, capfd):
    with make_failing(options, on_error="continue") as env:
        env.run(simulate)
    printed = capfd.readouterr().err
    assert frames(printed) == (["simulate", "divide"], [])
    assert printed.count("Failed: ") == 1
    assert printed.count("ZeroDivisionError: division by zero") == 1
    assert "RemoteTraceback" not in printed
    lines = [line for line in printed.splitlines() if "single run" not in line]
    assert len(lines) < 20
    for name in ("LOG.txt", "ERROR.txt"):
        assert frames(log(name))[0].count("divide") == 1
        assert "single_run.py" in log(name)


@pytest.mark.parametrize("options", [{}, POOL], ids=["serial", "pool"])
def test_at_level_debug_nothing_is_left_out(options, capfd):
    with make_failing(options, on_error="continue", log_level="DEBUG") as env:
        env.run(simulate)
        assert "single_run.py" in capfd.readouterr().err
    with (
        make_failing(options, on_error="raise", overwrite_file=True, log_level="DEBUG") as env,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        env.run(simulate)
    assert "run_loop.py" in "".join(traceback.format_exception(caught.value))


def run_script(options):
    """Return what a script of its own writes to stderr."""
    Path("script.py").write_text(SCRIPT.format(options=options))
    done = run_python("script.py")
    return done.stderr


def test_a_script_ends_with_one_traceback_and_the_name_of_the_run():
    printed = run_script(POOL)
    shown, foreign = frames(printed)
    assert foreign == []
    assert sorted(shown) == ["<module>", "divide", "simulate"]
    assert printed.splitlines()[-1].startswith("pypet: raised in run run_00000003")


@pytest.mark.parametrize("options", [{}, POOL], ids=["serial", "pool"])
def test_without_any_logging_it_is_told_once_too(options):
    spawn = {"start_method": "spawn"} if options else {}
    printed = run_script({**options, **spawn, "on_error": "continue", "log_config": None})
    assert frames(printed) == (["simulate", "divide"], [])
    assert printed.count("Failed: ") == 1


def warn(traj, folder):
    """Warn in all workers, and only when each of them is there."""
    meet(folder, traj.v_idx, 2)
    warnings.warn("The same in each run.", RuntimeWarning, stacklevel=1)
    warnings.warn(f"Run {traj.v_idx} only.", RuntimeWarning, stacklevel=1)


def show(message, category, *place):
    os.write(2, f"{category.__name__}: {message}\n".encode())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("options", [PROCESS, POOL], ids=["process", "pool"])
def test_a_warning_of_all_runs_is_shown_once(options, capfd, tmp_path):
    folder = tmp_path / "met"
    folder.mkdir()
    for _ in range(2):  # the next experiment shows it again
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = show  # pytest would keep them
            env = Environment("t", log_config=None, overwrite_file=True, **options)
            explore(env, 2)
            env.run(warn, folder)
        printed = capfd.readouterr().err
        assert printed.count("RuntimeWarning: The same in each run.") == 1
        assert printed.count("RuntimeWarning: Run 0 only.") == 1
        assert printed.count("RuntimeWarning: Run 1 only.") == 1


# ----- within one process ---------------------------------------------------------------------


def explore(env, length):
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(length)})


def test_runs_that_fail_at_the_same_place_have_one_traceback(make_env, capsys):
    env = make_env(on_error="continue", log_config="DEFAULT")
    explore(env, 100)

    def simulate(traj):
        if traj.x == 50:
            raise KeyError("elsewhere")
        raise ValueError(f"of {traj.x}")

    env.run(simulate)
    printed, written = capsys.readouterr().err, log()
    assert printed.count("Traceback") == written.count("Traceback") == 2
    assert printed.count("Failed: ") == 6
    assert "elsewhere" in printed
    assert written.count("Failed: ") == 100
    assert "ValueError: of 99" in written


def test_a_handler_of_the_user_gets_the_error_itself(make_env, caplog):
    env = make_env(on_error="continue")
    env.run(lambda traj: 1 / 0)
    (record,) = (each for each in caplog.records if "Failed: " in each.getMessage())
    assert record.exc_info[0] is ZeroDivisionError
    assert "single_run" not in logging.Formatter().format(record)


def fail(traj, *args):
    raise ZeroDivisionError


def cause_and_effect(traj):
    try:
        traj.f_get("nothing.of_this_name")
    except AttributeError as error:
        raise ValueError("no such thing") from error


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda env: env.run(fail), ["fail"]),
        (lambda env: env.run_map(fail, [1]), ["fail"]),
        (lambda env: env.pipeline(lambda traj: fail), ["fail"]),
        (lambda env: env.pipeline(fail), ["fail"]),
        (lambda env: env.add_postprocessing(fail) or env.run(lambda traj: 1), ["fail"]),
        (lambda env: env.run(cause_and_effect), ["cause_and_effect"]),
    ],
    ids=["run", "run_map", "run of pipeline", "pipeline", "postprocessing", "cause"],
)
def test_errors_of_the_user_s_functions_come_without_frames_of_pypet(make_env, call, expected):
    with pytest.raises((ZeroDivisionError, ValueError)) as caught:
        call(make_env())
    error = caught.value
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-len(expected) :] == expected
    assert set(names[: -len(expected)]) <= {
        "<lambda>",
        "test_errors_of_the_user_s_functions_come_without_frames_of_pypet",
    }
    if error.__cause__ is not None:
        (frame,) = traceback.extract_tb(error.__cause__.__traceback__)
        assert frame.name == "cause_and_effect"


def test_an_error_within_pypet_keeps_its_frames(make_env):
    env = make_env()
    explore(env, 3)
    with pytest.raises(ValueError, match="invalid literal") as caught:
        env.run_map(lambda traj, y: y, map(int, "x"))
    assert len(traceback.extract_tb(caught.value.__traceback__)) > 2


def test_an_interrupt_within_the_standard_library_does_not_show_where(make_env):
    def interrupt():
        raise KeyboardInterrupt

    def simulate(traj):
        tokenize.detect_encoding(interrupt)

    with pytest.raises(KeyboardInterrupt) as caught:
        make_env().run(simulate)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[1:] == ["simulate", "interrupt"]


def test_errors_that_pypet_raises_on_purpose_come_without_its_frames(make_env):
    env = make_env()
    env.traj.f_preset_parameter("misspelled", 1)
    with pytest.raises(PresettingError) as caught:
        env.run(fail)
    assert len(traceback.extract_tb(caught.value.__traceback__)) == 1
    other = make_env()
    explore(other, 3)
    with pytest.raises(ValueError, match=r"element|iterable") as wrong:
        other.run_map(lambda traj, y: y, [1])
    assert len(traceback.extract_tb(wrong.value.__traceback__)) == 1


@pytest.mark.parametrize("mistake", [{"ncors": 2}, {"ncores": "2"}, {"storage_service": "hdf"}])
def test_errors_of_the_constructor_come_without_frames_of_pypet(mistake):
    with pytest.raises((ValueError, TypeError)) as caught:
        Environment("t", log_config=None, **mistake)
    assert len(traceback.extract_tb(caught.value.__traceback__)) <= 2


def test_an_error_of_the_storage_has_one_traceback_on_the_console(capfd):
    options = {"filename": "twice.hdf5", "report_progress": False}
    with Environment("t", **options) as env:
        env.run(return_nothing)
    with Environment("t", **options) as env, pytest.raises(RuntimeError) as caught:
        env.run(return_nothing)
    assert len(traceback.extract_tb(caught.value.__traceback__)) == 1
    printed = capfd.readouterr().err
    assert frames(printed) == ([], [])
    assert printed.count("There is already a trajectory") == 1
    assert any("meta_writing.py" in path.read_text() for path in Path("logs").rglob("ERROR.txt"))


def test_errors_in_an_executor(capfd):
    with ProcessPoolExecutor(2) as executor:
        options = {"scheduler": executor, "wrap_mode": "LOCAL"}
        with make_failing(options, on_error="continue") as env:
            env.run(simulate)
    printed = capfd.readouterr().err
    assert frames(printed) == (["simulate", "divide"], [])
    assert printed.count("Failed: ") == 1


def test_an_interrupt_shows_where_the_user_s_code_was(make_env):
    def simulate(traj):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        make_env().run(simulate)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names == ["test_an_interrupt_shows_where_the_user_s_code_was", "simulate"]


@pytest.fixture
def tblib_pickles_errors():
    """Let exceptions be pickled with their frames, as in every program that imports Dask."""
    support = pytest.importorskip("tblib.pickling_support")
    former = dict(copyreg.dispatch_table)
    support.install()
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(former)


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="workers have to inherit how errors are pickled"
)
@pytest.mark.parametrize("way", ["pool, LOCAL", "process, QUEUE"])
def test_errors_look_the_same_in_programs_that_import_dask(tblib_pickles_errors, way, capfd):
    test_an_error_that_is_raised_shows_the_frames_of_the_user_once(WAYS[way], capfd)
