"""Environments from ini files."""

from __future__ import annotations

import configparser
import logging
import re
from importlib.resources import files

import pytest

from pypet import Environment, PickleParameter, Trajectory
from pypet.utils.configparsing import ConfigInterpreter, parse_config

BASE = """
[trajectory]
trajectory = 'Demo'
comment = 'from a file'
v_auto_load = True

[environment]
report_progress = False
log_config = None

[storage_service]
storage_service = 'memory'

[parameters]
grid.dx = 0.1, 'step size'
parameters.seed_value = 42
pair = (1, 2), 'a tuple'

[config]
note.author = 'me'
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=BASE, name="experiment.ini"):
        path = tmp_path / name
        path.write_text(text, encoding="utf8")
        return path

    return write


def made(config, *args, **kwargs):
    with Environment(*args, config=config, **kwargs) as env:
        return env


@pytest.mark.parametrize("kind", [str, lambda path: path, "parser"], ids=["str", "path", "parser"])
def test_sections_become_options_parameters_and_config(write, kind):
    path = write()
    if kind == "parser":
        source = configparser.ConfigParser()
        source.read(path)
    else:
        source = kind(path)
    traj = made(source).traj
    assert traj.v_name == "Demo"
    assert traj.v_comment == "from a file"
    assert traj.v_auto_load
    assert traj.f_get("parameters.grid.dx").f_get() == 0.1
    assert traj.f_get("parameters.grid.dx").v_comment == "step size"
    assert traj.f_get("parameters.seed_value").f_get() == 42
    assert traj.f_get("parameters.pair").f_get() == (1, 2)
    assert traj.f_get("config.note.author").f_get() == "me"


def test_what_python_gives_wins(write):
    path = write(BASE + "\n[formatters]\nkeys=\n")
    env = made(path, "Mine", comment="from Python", auto_load=False, log_config=None)
    assert env.traj.v_name == "Mine"
    assert env.traj.v_comment == "from Python"
    assert not env.traj.v_auto_load


def test_old_spellings_in_a_file_warn_and_lose_against_new_ones(write):
    text = BASE.replace("[environment]", "[environment]\nfreeze_pool_input = True\nuse_pool = True")
    with pytest.warns(DeprecationWarning, match=r"line 8.*freeze_input"):
        env = made(write(text), multiproc=True, ncores=1, wrap_mode="LOCAL")
    assert env.options["freeze_input"] is True
    with pytest.warns(DeprecationWarning, match="freeze_input"):
        env = made(write(text), multiproc=True, ncores=1, wrap_mode="LOCAL", freeze_input=False)
    assert env.options["freeze_input"] is False


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("comment = 'from a file'", "comment = from a file", r"line 4.*not a Python literal"),
        ("report_progress = False", "ncores = 'two'", r"line 8.*ncores"),
        ("report_progress = False", "report_progres = False", r"line 8.*'report_progress'"),
        ("[environment]", "[enviroment]", r"line 7.*\[environment\]"),
        ("seed_value = 42", "seed_value = 1, 2, 3", r"line 16.*comment"),
        ("'me'", "'100 %'", r"line 20.*doubled"),
        ("[config]", "[parameters]", "malformed"),
        ("comment = 'from a file'", "comment 'from a file'", "malformed"),
        ("comment = 'from a file'", "comment = 5", r"line 4.*takes str"),
        ("'Demo'", "5", r"line 3, \[trajectory\] trajectory: .*text"),
        ("'Demo'", "''", r"line 3, \[trajectory\] trajectory: .*empty"),
        ("v_auto_load = True", "v_crun = 'run_1'", r"line 5.*has no run"),
        ("v_auto_load = True", "v_idx = (1,)", r"line 5.*not by \(1,\)"),
        ("comment = 'from a file'", "comment = 'a' ; why", r"line 4.*begins with #"),
        ("v_auto_load = True", "v_auto_load = 'False'", r"line 5.*True or False"),
        ("v_auto_load = True", "v_standard_result = 'Result'", r"line 5.*give it in Python"),
        ("v_auto_load = True", "v_storage_service = 'lazy'", r"line 5.*storage_service"),
        ("v_auto_load = True", "config = 'other.ini'", r"line 5.*cannot name another"),
        ("v_auto_load = True", "v_comment = 3 + ", r"line 5.*not a Python literal"),
        ("seed_value = 42", "a b = 42", r"line 16.*characters other"),
        ("seed_value = 42", "grid.dx.fine = 42", r"line 16.*not a group"),
        ("seed_value = 42", "seed_value = {1, 2}", r"line 16.*does not support"),
        ("'me'", "{}", r"line 20, \[config\] note.author.*does not support"),
        ("[trajectory]\n", "[DEFAULT]\nncores = 2\n[trajectory]\n", r"line 3, \[DEFAULT\] ncores"),
    ],
)
def test_mistakes_are_told_with_file_and_line(write, tmp_path, before, after, message):
    path = write(BASE.replace(before, after))
    with pytest.raises(ValueError, match=message) as caught:
        made(path)
    assert "experiment.ini" in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("line", "kind", "note"),
    [
        ("scheduler = 'slurm'", ValueError, r"line 8, \[environment\] scheduler"),
        (
            "wrap_mode = 'QUEUEE'\nmultiproc = True",
            ValueError,
            r"line 8, \[environment\] wrap_mode",
        ),
        ("report_progress = (5,)", ValueError, r"line 8, \[environment\] report_progress"),
        ("dynamic_imports = 5", TypeError, r"line 8, \[environment\] dynamic_imports"),
        ("storage_service = 5", TypeError, r"line 8, \[environment\] storage_service"),
        ("storage_service = 'no.such'", ImportError, r"line 8, \[environment\] storage_service"),
    ],
)
def test_what_is_found_out_later_is_told_with_the_place_too(write, tmp_path, line, kind, note):
    path = write(BASE.replace("report_progress = False", line))
    with pytest.raises(kind) as caught:
        made(path)
    assert re.search(note, caught.value.__notes__[-1])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("complevel = 'nine'", "takes int"),
        ("complevel = 20", "0 .* to 9"),
        ("complib = 'zib'", "zlib"),
        ("filename = 5", "takes str"),
    ],
)
def test_the_storage_service_that_is_chosen_has_its_say(write, tmp_path, line, message):
    pytest.importorskip("h5py")
    path = write(f"[storage_service]\n{line}\n")
    with pytest.raises(
        ValueError, match=rf"experiment.ini, line 2, \[storage_service\].*{message}"
    ):
        made(path)
    assert list(tmp_path.iterdir()) == [path]
    # Some other service may have a keyword of this name with another meaning.
    with Environment(config=path, storage_service="lazy", log_config=None, report_progress=False):
        pass


STORED = "[storage_service]\nfilename = 'a.hdf5'\ncomplevel = 4\n[trajectory]\ncomment = 'a file'\n"


def test_storage_options_of_a_file_do_not_hinder_another_service(write, tmp_path, caplog):
    path = write(STORED)
    quiet = {"log_config": None, "report_progress": False}
    with (
        caplog.at_level("INFO"),
        Environment(config=path, storage_service="memory", **quiet) as env,
    ):
        assert env.traj.v_comment == "a file"
    assert "options of the config file: " in caplog.text
    assert "complevel" in caplog.text
    traj = Trajectory("mine", storage_service="memory")
    with Environment(traj, config=path, **quiet):
        pass
    # In Python, or for the service that the file asks for, they have to fit.
    with pytest.raises(ValueError, match="does not take 'complevel'"):
        Environment(config=path, storage_service="memory", complevel=3, **quiet)
    with pytest.raises(ValueError, match="does not take 'filename', 'complevel'"):
        Environment("name", config=write(f"{STORED}storage_service = 'memory'\n"), **quiet)
    with pytest.raises(ValueError, match=r"line 6.*did you mean 'filename'"):
        Environment(config=write(f"{STORED}filenam = 'a'\n"), storage_service="memory", **quiet)


def test_a_bad_parameter_costs_no_stored_data(write, tmp_path):
    pytest.importorskip("h5py")
    stored = tmp_path / "data.hdf5"
    stored.write_bytes(b"dear")
    path = write(
        "[storage_service]\nfilename = 'data.hdf5'\noverwrite_file = True\n[parameters]\nx = {}\n"
    )
    with pytest.raises(ValueError, match="line 5"):
        made(path)
    assert stored.read_bytes() == b"dear"
    assert sorted(tmp_path.iterdir()) == sorted([path, stored])


def test_an_existing_trajectory_gets_parameters_unless_it_has_them(write, tmp_path):
    path = write()
    traj = Trajectory("mine")
    traj.f_add_parameter("grid.dx", 5.0)
    with pytest.raises(ValueError, match=r"line 15, \[parameters\] grid.dx: There is a leaf"):
        made(path, trajectory=traj)
    assert not traj.f_contains("parameters.seed_value")
    made(path, trajectory=traj, no_clobber=True)
    assert traj.grid.dx == 5.0
    assert traj.seed_value == 42


def test_parameters_of_a_file_may_have_wildcards_and_other_classes(write):
    pytest.importorskip("pandas")  # pickled
    text = BASE.replace("seed_value = 42", "$mine.sizes = {1, 2}")
    env = made(
        write(text),
        wildcard_functions={("$mine", "mine"): lambda idx: "bucket"},
        standard_parameter=PickleParameter,
    )
    assert env.traj.f_get("parameters.bucket.sizes").f_get() == {1, 2}


def test_plugins_can_be_switched_off_in_a_file(write):
    text = BASE.replace("log_config = None", "disable_plugins = 'git', 'progress'")
    text = text.replace("report_progress = False", "report_progress = 10")
    with pytest.raises(ValueError, match="report_progress=10 needs a plugin"):
        made(write(text))


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_files_of_all_editors_are_read(write, start, end):
    text = BASE.replace("from a file", "für Fritz").lstrip()
    path = write("")
    path.write_bytes((start + text.replace("\n", end)).encode("utf-8"))
    assert made(path).traj.v_comment == "für Fritz"


def test_lines_may_be_indented_and_values_go_on_in_further_lines(write):
    text = """
[environment]
    report_progress = False
    log_config = None
    storage_service = 'memory'
[parameters]
    sizes = [1,
        2,
        3]
    comment.text = 'a = 1'
    wrong = a
"""
    with pytest.raises(ValueError, match=r"line 11, .*wrong"):
        made(write(text))
    traj = made(write(text.replace("wrong = a", "right = 1"))).traj
    assert traj.sizes == [1, 2, 3]
    assert traj.f_get("parameters.comment.text").f_get() == "a = 1"


def test_values_can_refer_to_texts_in_default(write):
    text = "[DEFAULT]\nwho = me\n" + BASE.replace("'me'", "'%(who)s, 100 %%'")
    traj = made(write(text)).traj
    assert traj.f_get("config.note.author").f_get() == "me, 100 %"
    assert not traj.f_contains("config.who")


def test_parsers_may_keep_case_and_have_missing_values():
    parser = configparser.RawConfigParser(allow_no_value=True)
    parser.optionxform = str
    parser.read_string(BASE.replace("seed_value", "Seed"))
    assert made(parser).traj.f_get("parameters.Seed").f_get() == 42
    parser.set("config", "empty")
    with pytest.raises(ValueError, match=r"The config parser, \[config\] empty: None"):
        made(parser)


def test_relative_paths_are_seen_from_the_working_directory(write, tmp_path, monkeypatch):
    text = BASE.replace("log_config = None", "log_folder = 'my_logs'")
    path = write(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    made(path)
    assert list(elsewhere.glob("my_logs/Demo/*/LOG.txt"))


def test_files_that_cannot_be_read_are_told(tmp_path):
    for source in (tmp_path / "missing.ini", tmp_path):
        with pytest.raises(ValueError, match=str(source)):
            made(source)
    (tmp_path / "latin.ini").write_bytes("[config]\na = 'ü'\n".encode("latin1"))
    with pytest.raises(ValueError, match="UTF-8"):
        made(tmp_path / "latin.ini")
    with pytest.raises((RuntimeError, TypeError), match="config=42"):
        made(42)


LOGGING = """
[loggers]
keys=root

[logger_root]
handlers=mine
level=INFO

[formatters]
keys=plain

[formatter_plain]
format=%(message)s

[handlers]
keys=mine

[handler_mine]
class=FileHandler
args=('my_logs/$traj.txt',)
formatter=plain
"""


def test_logging_is_configured_by_the_same_file(write, tmp_path):
    path = write(BASE.replace("log_config = None\n", "") + LOGGING)
    with Environment(config=path):
        logging.getLogger("some.logger").info("100 % of it")
    assert "100 % of it" in (tmp_path / "my_logs" / "Demo.txt").read_text()


def test_without_logging_sections_logging_is_as_always(write, tmp_path):
    made(write(BASE.replace("log_config = None\n", "")))
    assert list((tmp_path / "logs" / "Demo").rglob("LOG.txt"))


def test_the_packaged_sample_works(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    parser = configparser.ConfigParser()
    parser.read_string(
        files("pypet").joinpath("logging", "env_config_test.ini").read_text().replace("%", "%%")
    )
    with pytest.warns(DeprecationWarning, match="resumable|resume_folder|delete_resume"):
        env = made(parser, filename=str(tmp_path / "mine.hdf5"), log_config=None)
    traj = env.traj
    assert traj.x == 42
    assert traj.f_get("y").v_comment == "this is the second variable"
    assert traj.testconfig
    assert traj.v_auto_load
    assert traj.v_storage_service.filename == str(tmp_path / "mine.hdf5")


@pytest.mark.parametrize("name", ["default", "debug", "test"])
def test_packaged_logging_files_work(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = files("pypet").joinpath("logging", f"{name}.ini")
    with Environment(
        "logged", log_config=str(path), storage_service="memory", report_progress=False
    ):
        logging.getLogger("x").error("said")
    (log,) = tmp_path.rglob("LOG.txt")
    assert "said" in log.read_text()


def test_functions_of_ones_own_take_config_files(write):
    @parse_config
    def function(**kwargs):
        return kwargs

    path = str(write())
    assert function(config=path, comment="mine")["comment"] == "mine"
    assert function(config=path)["trajectory"] == "Demo"
    assert ConfigInterpreter({"a": 1}).interpret() == {"a": 1}


def test_what_a_function_gets_by_position_wins(write):
    @parse_config
    def function(trajectory, comment="", **kwargs):
        return trajectory, comment

    assert function("mine", config=str(write())) == ("mine", "from a file")


@pytest.mark.parametrize(
    ("before", "after"), [("level=INFO", "level=LOUD"), ("keys=mine", "keys=mine,yours")]
)
def test_faults_of_logging_are_told_before_anything_is_made(write, tmp_path, before, after):
    text = BASE.replace("log_config = None\n", "") + LOGGING.replace(before, after)
    path = write(text)
    with pytest.raises(ValueError) as caught:
        made(path)
    (said,) = caught.value.__notes__
    assert "experiment.ini, line 21, [loggers]" in said
    assert list(tmp_path.iterdir()) == [path]
